"""Every RPC that is served, and what it demands of a call: no row, no call.

A call that demands an identity needs a grant in the registry of callers, by its name, too.

Health and reflection stand here too, so that what anyone may call without an identity is written down, not forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.callers.registry_file import KnownCall

VERIFICATION: Final = "healthcode.interop.v1.VerificationService"
CONVERSION: Final = "healthcode.interop.v1.ConversionService"
JOURNEYS: Final = "healthcode.interop.v1.JourneyService"
PLACES: Final = "healthcode.interop.v1.PlaceService"
STATUS: Final = "healthcode.interop.v1.StatusService"
HEALTH: Final = "grpc.health.v1.Health"


@dataclass(frozen=True, slots=True)
class MethodRow:
    """What a method demands."""

    identity: bool
    """Whether the transport must tell who calls."""
    long: bool = False
    """A stream: may stay open, has no deadline but the caller's own, and is ended early by a drain."""
    purpose: bool = False
    """Its request names a purpose, which the caller must have."""
    terms: bool = False
    """Its request names a receiving division and a profile too, and hands codes in."""
    clinic: bool = False
    """It may be asked under CLINIC: for one code, scanned, at one time."""


METHODS: Final[Mapping[str, MethodRow]] = MappingProxyType(
    {
        f"/{VERIFICATION}/VerifyCode": MethodRow(identity=True, purpose=True, terms=True, clinic=True),
        f"/{VERIFICATION}/VerifyCodes": MethodRow(identity=True, purpose=True, terms=True),
        f"/{VERIFICATION}/StreamVerifications": MethodRow(identity=True, long=True, purpose=True, terms=True),
        f"/{VERIFICATION}/AssessDisplayedCode": MethodRow(identity=True, purpose=True, terms=True),
        f"/{CONVERSION}/ConvertCode": MethodRow(identity=True, purpose=True, terms=True),
        f"/{JOURNEYS}/CheckJourney": MethodRow(identity=True, purpose=True),
        f"/{PLACES}/AssessPlace": MethodRow(identity=True, purpose=True),
        f"/{PLACES}/ListAffectedCommunities": MethodRow(identity=True, purpose=True),
        # Served by the process that keeps the lists, on an address of its own.
        f"/{STATUS}/PublishChanges": MethodRow(identity=True),
        f"/{STATUS}/ListStatusLists": MethodRow(identity=True),
        f"/{STATUS}/StreamSnapshot": MethodRow(identity=True, long=True),
        f"/{STATUS}/StreamChanges": MethodRow(identity=True, long=True),
        f"/{STATUS}/WatchCodes": MethodRow(identity=True, long=True, purpose=True, terms=True),
        # Asked by load balancers and kubelets, which have no certificate of ours; tells nothing but serving or not.
        f"/{HEALTH}/Check": MethodRow(identity=False),
        f"/{HEALTH}/Watch": MethodRow(identity=False, long=True),
        # Only there in development: tells the schema, which is public.
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": MethodRow(identity=False, long=True),
    }
)
"""Full name on the wire -> what it demands."""

SNAPSHOTS: Final = f"/{STATUS}/StreamSnapshot"
"""Who may call this has whole lists: also as plain ones over HTTPS."""

READS_OF_LISTS: Final = frozenset({f"/{STATUS}/ListStatusLists", SNAPSHOTS, f"/{STATUS}/StreamChanges"})
"""What who is enrolled for lists may call."""


def known_calls() -> Mapping[str, KnownCall]:
    """Return every call that a caller needs a grant for, as registries name it: VerificationService/VerifyCode."""
    return {
        method.rpartition(".")[2]: KnownCall(method, purpose=row.purpose, terms=row.terms, clinic=row.clinic)
        for method, row in METHODS.items()
        if row.identity
    }
