"""Values <-> messages: the only mapping code.

Rules:

- Enum numbers of the wire are those of the process; tests/unit/test_schema.py holds the tables together.
- Messages are filled in place: a message handed to a constructor is copied.
- A time that is not known is absent, never zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import Message

from gateway.clinical import ClinicalEntry, LaboratoryTest, Vaccination
from gateway.disclosure import ClinicDisclosure, Disclosure, ProvinceDisclosure, StaffDisclosure
from gateway.errors import RequestInvalid
from gateway.values import DivisionCode, Format, Instant, Profile, Purpose
from keys.values import EARLIEST, LATEST

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp
    from healthcode.interop.v1 import verification_service_pb2 as pb

FORMAT_NUMBERS: Final = {word: number for number, word in enumerate(Format, start=1)}

MAX_REASONS: Final = 8
"""What the schema promises. The first reason decided; what is cut off are notes."""


def fill_time(target: Timestamp | Duration, seconds: float) -> None:
    """Write non-negative `seconds` into `target`, to the microsecond (a double of today resolves no more)."""
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    target.seconds = whole
    target.nanos = micros * 1_000


def fill_verdict(verdict: pb.Verdict, said: Disclosure, request_id: str) -> None:
    """Write what was `said` into the empty `verdict`; nothing that is not on the disclosure's type can get there."""
    core = verdict.core
    core.measure = said.measure  # type: ignore[assignment]  # an IntEnum is its number
    core.reasons.extend(said.reasons[:MAX_REASONS])  # type: ignore[arg-type]
    fill_time(core.decided_time, said.decided_time)
    core.request_id = request_id
    if isinstance(said, StaffDisclosure):
        _fill_staff(verdict.staff, said)
    elif isinstance(said, ProvinceDisclosure):
        _fill_province(verdict.province, said)
    elif isinstance(said, ClinicDisclosure):
        _fill_clinic(verdict.clinic, said)
    else:
        verdict.gate.SetInParent()


def _fill_staff(staff: pb.StaffDisclosure, said: StaffDisclosure) -> None:
    staff.state = said.state  # type: ignore[assignment]
    staff.issuer = said.issuer or ""
    staff.issuer_division = said.issuer_division or ""
    staff.format = FORMAT_NUMBERS[said.format]  # type: ignore[assignment]
    staff.assurance = said.assurance or 0  # type: ignore[assignment]
    staff.reason_class = said.reason_class or 0  # type: ignore[assignment]
    staff.issuer_meaning = said.issuer_meaning or ""
    staff.origin_division = said.origin_division or ""
    if said.observed_time is not None:
        fill_time(staff.observed_time, said.observed_time)
    if said.status_age is not None:
        fill_time(staff.status_age, said.status_age)
    if said.valid_until is not None:
        fill_time(staff.valid_until_time, said.valid_until)


def _fill_province(province: pb.ProvinceDisclosure, said: ProvinceDisclosure) -> None:
    _fill_staff(province.staff, said.staff)
    province.rule_version = said.rule_version or ""
    if said.handle is not None:
        province.handle = said.handle.handle
        fill_time(province.handle_until_time, said.handle.until)


def _fill_clinic(clinic: pb.ClinicDisclosure, said: ClinicDisclosure) -> None:
    clinic.item = said.item  # type: ignore[assignment]
    clinic.state = said.state  # type: ignore[assignment]
    if said.entry is not None:
        _fill_entry(clinic, said.entry)


def _fill_entry(clinic: pb.ClinicDisclosure, entry: ClinicalEntry) -> None:
    if isinstance(entry, Vaccination):
        clinic.vaccination.date = entry.date
        clinic.vaccination.product_system = entry.product_system or 0  # type: ignore[assignment]
        clinic.vaccination.product = entry.product or ""
        clinic.vaccination.dose = entry.dose or 0
        clinic.vaccination.doses = entry.doses or 0
    elif isinstance(entry, LaboratoryTest):
        clinic.test.date = entry.date
        clinic.test.kind = entry.kind or 0  # type: ignore[assignment]
        clinic.test.result = entry.result or 0  # type: ignore[assignment]
        if entry.sample_time is not None:
            fill_time(clinic.test.sample_time, entry.sample_time)
    else:
        clinic.recovery.first_positive_date = entry.first_positive
        clinic.recovery.valid_from_date = entry.valid_from or ""
        clinic.recovery.valid_until_date = entry.valid_until or ""


def time_of(message: Message, name: str) -> Instant | None:
    """Return the time in the field `name` of a checked request, None if it is absent.

    Raises: RequestInvalid naming the field if it is no time of 2000 to 2100.
    """
    if not message.HasField(name):
        return None
    stamp: Timestamp = getattr(message, name)
    if not EARLIEST <= stamp.seconds <= LATEST or not 0 <= stamp.nanos < 1_000_000_000:
        raise RequestInvalid(name, "must be a time of 2000 to 2100")
    return Instant(stamp.seconds + stamp.nanos / 1e9)


def profile_of(number: int) -> Profile:
    """Return the profile of a checked request; unset is the least."""
    return Profile(number or Profile.GATE)


def purpose_of(number: int) -> Purpose:
    """Return the purpose of a checked request."""
    return Purpose(number)


def division_of(text: str) -> DivisionCode | None:
    """Return the receiving division of a checked request; unset is None."""
    return DivisionCode(text) if text else None
