"""What of a decision a caller is told, under the terms of her call: what the profiles need beside the decision.

Rules:

- PROVINCE without a key for handles is not answered, for whatever code: an answer without a handle would look like
  a person who has none. The same question under STAFF is answered.
- CLINIC names one item and by what right, in the call itself; the other profiles name neither. What was named is part
  of the call's terms, so that it can be put on record.
"""

from __future__ import annotations

from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.clinical import ClinicalItem, ClinicalQuestion, LawfulBasis
from gateway.disclosure import ClinicDisclosure, Disclosure, disclose
from gateway.errors import NotReady, RequestInvalid
from gateway.rpc.convert import profile_of
from gateway.rpc.desk import MakesHandles, WatchesDisclosures
from gateway.values import Caller, Decision, Instant, Profile


def refuse_without_key(profile: Profile, handles: MakesHandles | None) -> None:
    """Raise NotReady before anything is judged if the profile has a handle and there is no key to make one with."""
    if profile is Profile.PROVINCE and (handles is None or not handles.ready):
        raise NotReady("no key for handles")


def clinical_question(context: pb.VerificationContext) -> ClinicalQuestion | None:
    """Return which item a checked context asks for and by what right; None under any profile but CLINIC.

    Raises: RequestInvalid naming the field that is missing, or that is not for this profile.
    """
    clinic = profile_of(context.disclosure_profile) is Profile.CLINIC
    for name, number in (("clinical_item", context.clinical_item), ("lawful_basis", context.lawful_basis)):
        if clinic and not number:
            raise RequestInvalid(f"context.{name}", "is required with DISCLOSURE_PROFILE_CLINIC")
        if number and not clinic:
            raise RequestInvalid(f"context.{name}", "is for DISCLOSURE_PROFILE_CLINIC")
    if not clinic:
        return None
    return ClinicalQuestion(ClinicalItem(context.clinical_item), LawfulBasis(context.lawful_basis))


def told(
    decision: Decision,
    profile: Profile,
    caller: Caller,
    handles: MakesHandles | None,
    watch: WatchesDisclosures,
    *,
    at: Instant,
    question: ClinicalQuestion | None = None,
) -> Disclosure:
    """Return what `caller` is told of `decision` at the instant `at`. Raises: NotReady if it needs a handle's key."""
    handle = None
    if profile is Profile.PROVINCE and decision.marks is not None:
        if handles is None:
            raise NotReady("no key for handles")
        handle = handles.handle_for(caller, decision.marks, at)
    said = disclose(decision, profile, handle=handle, item=None if question is None else question.item)
    watch.told(profile)
    if question is not None and isinstance(said, ClinicDisclosure):
        watch.item_told(question, said.state)
    return said
