"""One acceptance or invalidation rule in the EU's format, read and compiled.

- Every member is required but Region; any other is refused.
- Identifier is GR, VR, TR or RR (general, vaccination, test, recovery) or IR (invalidation), then the rule's Country,
  then four digits. SR, and the certificate type Status, are ours: rules on health codes, which the EU does not have.
- Country is an ISO 3166-1 alpha-2 code (CN: everywhere in China), or six digits of GB/T 2260 for a province's own.
- A rule that reads what the gateway shows to no rule (name, birth date, certificate id) is never decided: it would see
  that there is none, and one that refuses stolen ids would let them all through.

Source: EU Digital COVID Certificate, "Validation Rules", and the rule schema of dcc-business-rules.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Final

from gateway.values import Instant

from .certlogic import EvaluationFailed, Expression, RuleInvalid, compile_expression
from .certlogic.moments import read_moment

WITHHELD: Final = frozenset({"nam", "dob", "ci"})
"""Members of a certificate that no rule is shown."""

GENERAL: Final = "General"
_PREFIX: Final = {GENERAL: "GR", "Vaccination": "VR", "Test": "TR", "Recovery": "RR", "Status": "SR"}
"""The certificate types, and how identifiers of acceptance rules on them begin."""

_MEMBERS: Final = frozenset(
    {
        "Identifier", "Type", "Country", "Region", "Version", "SchemaVersion", "Engine", "EngineVersion",
        "CertificateType", "Description", "ValidFrom", "ValidTo", "AffectedFields", "Logic",
    }
)  # fmt: skip
_IDENTIFIER: Final = re.compile(r"(?:GR|VR|TR|RR|SR|IR)-(?P<country>[A-Z]{2}|[1-9][0-9]{5})-[0-9]{4}")
_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
_REGION: Final = re.compile(r"[A-Za-z0-9-]{1,6}")
_LANGUAGE: Final = re.compile(r"[a-z]{2}(?:-[A-Za-z]{2,4})?")
_READABLE: Final = frozenset({"en", "zh"})
_LATEST_MAJOR: Final = 1
"""Of the rule schema and of the engine: a later one may mean something else by the same words."""


class Outcome(StrEnum):
    """What a rule, or all of a set, says of a certificate."""

    MET = "met"
    NOT_MET = "not_met"
    UNDETERMINED = "undetermined"
    EMPTY = "empty"
    """Of a set: no rule speaks of such a certificate. Never as good as MET."""


class FieldInvalid(ValueError):
    """A rule cannot be used. `path` is the place in it: keys and positions from the rule's top."""

    def __init__(self, path: tuple[str | int, ...], description: str) -> None:
        super().__init__(description)
        self.path = path
        self.description = description


@dataclass(frozen=True, slots=True)
class AcceptanceRule:
    """One version of a rule. Immutable."""

    identifier: str
    version: tuple[int, int, int]
    version_text: str
    """The version as the file spells it."""
    invalidates: bool
    """Whether the rule says which certificates are not accepted, instead of which are."""
    country: str
    region: str | None
    certificate_type: str
    valid_from: Instant
    valid_to: Instant
    """The last instant at which it holds."""
    expression: Expression
    reads_withheld: bool
    """Whether it needs what the gateway shows to no rule."""

    def judge(self, data: Mapping[str, object]) -> Outcome:
        """Return what the rule says of one certificate; whatever `data` holds, it is an outcome."""
        if self.reads_withheld:
            return Outcome.UNDETERMINED
        try:
            result = self.expression.evaluate(data)
        except EvaluationFailed:
            return Outcome.UNDETERMINED
        if type(result) is not bool:
            return Outcome.UNDETERMINED
        return Outcome.MET if result is not self.invalidates else Outcome.NOT_MET


def parse_rule(members: object) -> AcceptanceRule:
    """Return one rule of the EU format, as a JSON parser gives it.

    1. The members, and that the rule is for this engine.
    2. Which rule it is.
    3. Of what it speaks, and when.
    4. What is told to people.
    5. The logic.

    Raises: FieldInvalid with the first member that is wrong; then the rule must not be used.
    """
    # 1
    if not isinstance(members, dict):
        raise FieldInvalid((), "an object is required")
    for name in members:
        if name not in _MEMBERS:
            raise FieldInvalid((name,), "is not a member of a rule")
    _word(members, "Engine", ("CERTLOGIC",))
    for name in ("SchemaVersion", "EngineVersion"):
        if _version(members, name)[0] > _LATEST_MAJOR:
            raise FieldInvalid((name,), f"later than {_LATEST_MAJOR}.x")
    # 2
    invalidates = _word(members, "Type", ("Acceptance", "Invalidation")) == "Invalidation"
    certificate_type = _word(members, "CertificateType", _PREFIX)
    country, identifier = _text(members, "Country"), _text(members, "Identifier")
    prefix = "IR" if invalidates else _PREFIX[certificate_type]
    named = _IDENTIFIER.fullmatch(identifier)
    if named is None or named["country"] != country or not identifier.startswith(prefix):
        raise FieldInvalid(("Identifier",), f"{prefix}-, the rule's Country, - and four digits are required")
    # 3
    region = _text(members, "Region") if "Region" in members else None
    if region is not None and not _REGION.fullmatch(region):
        raise FieldInvalid(("Region",), "1 to 6 letters, digits or - are required")
    valid_from, valid_to = _instant(members, "ValidFrom"), _instant(members, "ValidTo")
    if valid_to < valid_from:
        raise FieldInvalid(("ValidTo",), "is before ValidFrom")
    # 4
    _check_description(members)
    _check_affected_fields(members)
    # 5
    expression = _logic(members)
    return AcceptanceRule(
        identifier,
        _version(members, "Version"),
        _text(members, "Version"),
        invalidates,
        country,
        region,
        certificate_type,
        valid_from,
        valid_to,
        expression,
        any(WITHHELD.intersection(path.split(".")) for path in expression.reads),
    )


def _logic(members: Mapping[str, object]) -> Expression:
    if "Logic" not in members:
        raise FieldInvalid(("Logic",), "is required")
    try:
        return compile_expression(members["Logic"])
    except RuleInvalid as invalid:
        raise FieldInvalid(("Logic", *invalid.path), invalid.description) from invalid


def _word(members: Mapping[str, object], name: str, known: Collection[str]) -> str:
    word = _text(members, name)
    if word not in known:
        raise FieldInvalid((name,), "one of " + ", ".join(known) + " is required")
    return word


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise FieldInvalid((name,), "a text is required")
    return value


def _version(members: Mapping[str, object], name: str) -> tuple[int, int, int]:
    found = _VERSION.fullmatch(_text(members, name))
    if found is None:
        raise FieldInvalid((name,), "a version of three numbers is required, as in 1.0.0")
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch)


def _instant(members: Mapping[str, object], name: str) -> Instant:
    text = _text(members, name)
    try:
        if "T" in text:
            return Instant(read_moment(text).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        pass
    raise FieldInvalid((name,), "an instant is required, as in 2021-07-01T00:00:00Z")


def _check_description(members: Mapping[str, object]) -> None:
    descriptions = members.get("Description")
    if not isinstance(descriptions, list):
        raise FieldInvalid(("Description",), "an array of texts in several languages is required")
    languages = set()
    for place, description in enumerate(descriptions):
        path = ("Description", place)
        if not isinstance(description, dict) or description.keys() != {"lang", "desc"}:
            raise FieldInvalid(path, "an object of lang and desc is required")
        language, text = description["lang"], description["desc"]
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            raise FieldInvalid((*path, "lang"), "a language is required, as in en")
        if not isinstance(text, str) or not text.strip():
            raise FieldInvalid((*path, "desc"), "a text is required")
        languages.add(language)
    if not languages & _READABLE:
        raise FieldInvalid(("Description",), "a description in en or zh is required")


def _check_affected_fields(members: Mapping[str, object]) -> None:
    fields = members.get("AffectedFields")
    if not isinstance(fields, list) or not fields:
        raise FieldInvalid(("AffectedFields",), "an array of the fields that the rule reads is required")
    for place, field in enumerate(fields):
        if not isinstance(field, str) or not field:
            raise FieldInvalid(("AffectedFields", place), "a text is required")
