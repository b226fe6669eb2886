"""Why a code was judged as it was, and why a question could not be answered.

Two families, never mixed:

- **Verdicts are data.** A room that cannot go on raises `CodeStopped` with one `Reason`; the pipeline turns it into a
  `Decision`. `REASONS` is the one published table: reason -> step, outcome, measure, public sentence.
- **Errors are failures to answer.** `RequestInvalid`, `CallerRefused`, `NotReady`: the edge maps them to an RPC status.

Neither carries anything from the code: a reason is an enum, `detail` is for the operator and holds no personal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum


class Step(StrEnum):
    """The steps that a code goes through, in this order."""

    DECODE = "decode"
    SIGNATURE = "signature"
    KEY_USAGE = "key_usage"
    VALIDITY = "validity"
    STATUS = "status"
    POLICY = "policy"


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    REFUSED = "refused"
    """Proven bad, or unreadable for good."""
    UNDETERMINED = "undetermined"
    """Could not be decided with what the gateway knows."""
    NOT_REACHED = "not_reached"


class Effect(Enum):
    """What a reason does to the measure. PASS is not among them: only a rule lets anyone pass."""

    DENY = "DENY"
    MANUAL = "MANUAL"
    NOTE = "NOTE"
    """Says something beside the decision."""
    RULE = "RULE"
    """Given by a receiving division's rule, which also sets the measure."""


class Reason(IntEnum):
    """Why. Numbers are those of the wire and are never reused."""

    # decode: nothing can be said about these bytes
    UNRECOGNISED = 1
    EMPTY_CODE = 2
    TOO_LARGE = 3
    BAD_TEXT_ENCODING = 4
    BAD_COMPRESSION = 5
    DECOMPRESSION_BOMB = 6
    TRAILING_BYTES = 7
    NOT_UTF8 = 8
    BAD_JSON = 9
    BAD_CBOR = 10
    DUPLICATE_KEY = 11
    TOO_DEEP = 12
    NOT_FINITE = 13
    TIME_OUT_OF_RANGE = 14
    BAD_ENVELOPE = 15
    CRITICAL_HEADER = 16
    WRONG_TYPE = 17
    MISSING_CLAIM = 18
    BAD_CLAIM = 19
    CHUNKS_MISSING = 20
    SCHEMA_DEVIATION = 21
    # signature
    UNKNOWN_ISSUER = 30
    UNKNOWN_KEY = 31
    UNSUPPORTED_ALGORITHM = 32
    UNSUPPORTED_PROOF = 33
    BAD_SIGNATURE = 34
    KEY_ID_MISMATCH = 35
    ALGORITHM_MISMATCH = 36
    FORMAT_NOT_TRUSTED = 37
    DIVISION_MISMATCH = 38
    ISSUER_AMBIGUOUS = 39
    NOT_ITS_ISSUERS = 40
    UPSTREAM_UNAVAILABLE = 41
    UPSTREAM_INVALID = 42
    UPSTREAM_REFUSED = 43
    ISSUER_NOT_CONNECTED = 44
    # key usage
    KEY_USE_REFUSED = 45
    # validity
    EXPIRED = 50
    NOT_YET_VALID = 51
    KEY_EXPIRED = 52
    KEY_NOT_YET_VALID = 53
    # status
    REVOKED = 60
    NOT_PUBLISHED = 61
    STATUS_STALE = 62
    STATUS_UNAVAILABLE = 63
    CODE_NOT_FOUND = 64
    ANSWERED_BY_NATIONAL_PLATFORM = 65
    ANSWER_NOT_BOUND = 66
    ISSUER_CUT_OFF = 67
    STATUS_AGING = 68
    # policy
    NO_RULES = 70
    UNKNOWN_STATE = 71
    STATE_GREEN = 72
    STATE_YELLOW = 73
    STATE_RED = 74
    STATE_UNDER_REVIEW = 75
    STATE_UNCONFIRMED = 76
    STATE_STALE_DECLARATION = 77
    CONDITION_TEST_WITHIN_48_HOURS = 78
    CONDITION_HEALTH_MONITORING = 79
    CONDITION_REGISTER_ON_ARRIVAL = 80
    RULES_NOT_MET = 81
    RULES_UNDETERMINED = 82
    DISPLAY_NOT_ACCEPTED = 83
    CONVERSION_NOT_AGREED = 84
    AUDIENCE_MISMATCH = 85
    ORIGIN_AT_RISK = 86
    REPLAY_SUSPECTED = 87
    REPLAY_GUARD_LOCAL = 88
    REPLAY_UNCHECKED = 89


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One row of the published table."""

    step: Step
    outcome: Outcome
    effect: Effect
    sentence: str


def _unreadable(sentence: str) -> ReasonRow:
    return ReasonRow(Step.DECODE, Outcome.REFUSED, Effect.MANUAL, sentence)


def _undetermined(step: Step, sentence: str) -> ReasonRow:
    return ReasonRow(step, Outcome.UNDETERMINED, Effect.MANUAL, sentence)


def _proven_bad(step: Step, sentence: str) -> ReasonRow:
    return ReasonRow(step, Outcome.REFUSED, Effect.DENY, sentence)


def _by_rule(sentence: str) -> ReasonRow:
    return ReasonRow(Step.POLICY, Outcome.OK, Effect.RULE, sentence)


REASONS: dict[Reason, ReasonRow] = {
    Reason.UNRECOGNISED: _unreadable("This is not a code of a format that the gateway knows."),
    Reason.EMPTY_CODE: _unreadable("There was nothing to read."),
    Reason.TOO_LARGE: _unreadable("The code is larger than any real code."),
    Reason.BAD_TEXT_ENCODING: _unreadable("The code's text encoding is broken."),
    Reason.BAD_COMPRESSION: _unreadable("The code's compressed part is broken or missing."),
    Reason.DECOMPRESSION_BOMB: _unreadable("The code unpacks to more than any real code."),
    Reason.TRAILING_BYTES: _unreadable("There is something before or after the code that does not belong to it."),
    Reason.NOT_UTF8: _unreadable("The code's text is not UTF-8."),
    Reason.BAD_JSON: _unreadable("The code's JSON is broken."),
    Reason.BAD_CBOR: _unreadable("The code's CBOR is broken."),
    Reason.DUPLICATE_KEY: _unreadable("The code says the same thing twice."),
    Reason.TOO_DEEP: _unreadable("The code is nested deeper than any real code."),
    Reason.NOT_FINITE: _unreadable("A number in the code is not finite."),
    Reason.TIME_OUT_OF_RANGE: _unreadable("A time in the code lies outside 2000 to 2100, or is not a time."),
    Reason.BAD_ENVELOPE: _unreadable("The code's signed envelope is broken."),
    Reason.CRITICAL_HEADER: _unreadable("The code demands an extension that the gateway does not know."),
    Reason.WRONG_TYPE: _unreadable("The token is of a kind that is not a health code."),
    Reason.MISSING_CLAIM: _unreadable("The code lacks something that its format requires."),
    Reason.BAD_CLAIM: _unreadable("A claim in the code has a form that its format forbids."),
    Reason.CHUNKS_MISSING: _unreadable("The code has several parts and not all were scanned."),
    Reason.SCHEMA_DEVIATION: ReasonRow(
        Step.DECODE,
        Outcome.OK,
        Effect.NOTE,
        "The code deviates from its format's schema, harmlessly.",
    ),
    Reason.UNKNOWN_ISSUER: _undetermined(Step.SIGNATURE, "The issuer is not on the trust list."),
    Reason.UNKNOWN_KEY: _undetermined(Step.SIGNATURE, "The issuer is known, the key that signed is not."),
    Reason.UNSUPPORTED_ALGORITHM: _undetermined(Step.SIGNATURE, "The gateway does not read this signature algorithm."),
    Reason.UNSUPPORTED_PROOF: _undetermined(Step.SIGNATURE, "This kind of proof cannot be checked here."),
    Reason.BAD_SIGNATURE: _proven_bad(Step.SIGNATURE, "The signature is not the issuer's."),
    Reason.KEY_ID_MISMATCH: _proven_bad(Step.SIGNATURE, "The code names a key other than the trusted one."),
    Reason.ALGORITHM_MISMATCH: _proven_bad(Step.SIGNATURE, "The code names an algorithm that is not its key's."),
    Reason.FORMAT_NOT_TRUSTED: _undetermined(Step.SIGNATURE, "The issuer is not trusted for codes of this format."),
    Reason.DIVISION_MISMATCH: _proven_bad(Step.SIGNATURE, "The code names a division that is not its issuer's."),
    Reason.ISSUER_AMBIGUOUS: _undetermined(Step.SIGNATURE, "More than one province claims codes of this form."),
    Reason.NOT_ITS_ISSUERS: _undetermined(
        Step.SIGNATURE, "The province that was asked says that the code is not its own."
    ),
    Reason.UPSTREAM_UNAVAILABLE: _undetermined(Step.SIGNATURE, "The issuing province does not answer."),
    Reason.UPSTREAM_INVALID: _undetermined(Step.SIGNATURE, "The issuing province's answer cannot be relied on."),
    Reason.UPSTREAM_REFUSED: _undetermined(Step.SIGNATURE, "The issuing province refuses to answer the gateway."),
    Reason.ISSUER_NOT_CONNECTED: _undetermined(
        Step.SIGNATURE, "Only its issuer can resolve the code, and cannot be asked."
    ),
    Reason.KEY_USE_REFUSED: _proven_bad(Step.KEY_USAGE, "The key may not attest this kind of statement."),
    Reason.EXPIRED: _proven_bad(Step.VALIDITY, "The code has expired."),
    Reason.NOT_YET_VALID: _proven_bad(Step.VALIDITY, "The code is not valid yet."),
    Reason.KEY_EXPIRED: _proven_bad(Step.VALIDITY, "The key that signed the code has expired."),
    Reason.KEY_NOT_YET_VALID: _proven_bad(Step.VALIDITY, "The key that signed the code is not valid yet."),
    Reason.REVOKED: _proven_bad(Step.STATUS, "The issuer has revoked the code."),
    Reason.NOT_PUBLISHED: ReasonRow(Step.STATUS, Outcome.OK, Effect.NOTE, "The issuer publishes no live status."),
    Reason.STATUS_STALE: _undetermined(Step.STATUS, "What the issuer last said is too old to rely on."),
    Reason.STATUS_UNAVAILABLE: _undetermined(Step.STATUS, "The issuer's live status cannot be had here."),
    Reason.CODE_NOT_FOUND: _undetermined(Step.STATUS, "The issuer does not know the code."),
    Reason.ANSWERED_BY_NATIONAL_PLATFORM: ReasonRow(
        Step.STATUS, Outcome.OK, Effect.NOTE, "The national platform answered in the province's place."
    ),
    Reason.ANSWER_NOT_BOUND: ReasonRow(
        Step.STATUS, Outcome.OK, Effect.NOTE, "The province's answer does not say which code it is about."
    ),
    Reason.ISSUER_CUT_OFF: ReasonRow(
        Step.STATUS, Outcome.OK, Effect.NOTE, "The issuer cannot be reached; what it last said is still fresh."
    ),
    Reason.STATUS_AGING: ReasonRow(
        Step.STATUS, Outcome.OK, Effect.NOTE, "The issuer's live status is older than it should be, but not too old."
    ),
    Reason.NO_RULES: _undetermined(Step.POLICY, "No rule of the receiving division covers this code."),
    Reason.UNKNOWN_STATE: _undetermined(Step.POLICY, "The issuer's statement has no agreed meaning."),
    Reason.STATE_GREEN: _by_rule("The issuer says green."),
    Reason.STATE_YELLOW: _by_rule("The issuer says yellow."),
    Reason.STATE_RED: _proven_bad(Step.POLICY, "The issuer says red."),
    Reason.STATE_UNDER_REVIEW: _by_rule("The issuer is still reviewing."),
    Reason.STATE_UNCONFIRMED: _by_rule("The issuer makes no statement in colours."),
    Reason.STATE_STALE_DECLARATION: _by_rule("The holder's daily declaration is missing."),
    Reason.CONDITION_TEST_WITHIN_48_HOURS: _by_rule("Condition: a test within 48 hours."),
    Reason.CONDITION_HEALTH_MONITORING: _by_rule("Condition: health monitoring."),
    Reason.CONDITION_REGISTER_ON_ARRIVAL: _by_rule("Condition: register on arrival."),
    Reason.RULES_NOT_MET: _by_rule("An acceptance rule of the receiving division is not met."),
    Reason.RULES_UNDETERMINED: _undetermined(Step.POLICY, "An acceptance rule could not be evaluated."),
    Reason.DISPLAY_NOT_ACCEPTED: _undetermined(Step.POLICY, "The receiving division wants such a code scanned."),
    Reason.CONVERSION_NOT_AGREED: _undetermined(Step.POLICY, "The receiving division makes no codes out of such ones."),
    Reason.ORIGIN_AT_RISK: _by_rule("Where the code comes from is at risk."),
    Reason.AUDIENCE_MISMATCH: _undetermined(Step.POLICY, "The code was made for another division."),
    Reason.REPLAY_SUSPECTED: _by_rule("The code was already shown at another gate, or at this one too long ago."),
    Reason.REPLAY_GUARD_LOCAL: ReasonRow(
        Step.POLICY, Outcome.OK, Effect.NOTE, "Whether the code was shown elsewhere is known of this machine only."
    ),
    Reason.REPLAY_UNCHECKED: _undetermined(Step.POLICY, "Whether the code was shown before cannot be told."),
}


class CodeStopped(Exception):
    """A room cannot go on with this code. Always caught by the pipeline; `reason` decides step and measure.

    `detail` says where in the code (a claim's name, an offset) for tests and operators; it never quotes the code.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.name)
        self.reason = reason
        self.detail = detail


class CodeUnreadable(CodeStopped):
    """The only thing that a format reader may raise."""


class GatewayError(Exception):
    """The gateway failed to answer. Subclasses name whose fault it is."""


class RequestInvalid(GatewayError):
    """The request is malformed. `field` is the path of the offending field in the request message."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.field = field
        self.description = description


class RefusalReason(StrEnum):
    """Why a caller is turned away before anything else is looked at."""

    NO_IDENTITY = "NO_IDENTITY"
    CALL_NOT_ALLOWED = "CALL_NOT_ALLOWED"
    PURPOSE_NOT_ALLOWED = "PURPOSE_NOT_ALLOWED"
    DIVISION_NOT_ALLOWED = "DIVISION_NOT_ALLOWED"
    PROFILE_NOT_ALLOWED = "PROFILE_NOT_ALLOWED"
    ITEM_NOT_ALLOWED = "ITEM_NOT_ALLOWED"
    NOT_ENROLLED = "NOT_ENROLLED"


class CallerRefused(GatewayError):
    """The caller may not ask this."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class RateLimited(GatewayError):
    """The caller has asked as much as she may for now; in `retry_after_s` seconds there is room again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class NotReady(GatewayError):
    """Trust or signer are not loaded: nothing can be answered."""
