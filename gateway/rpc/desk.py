"""What the handlers need to judge a code, in one piece that is swapped whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.callers.rights import RightsOf
from gateway.clinical import ClinicalItem, ClinicalQuestion, EntryState
from gateway.instants import now
from gateway.places.list_store import NOTHING_PUBLISHED, PublishedLists
from gateway.policy.replay import to_a_person
from gateway.receipts.receipt import Answer, Draft, IssuedReceipt, SignedTogether
from gateway.replay.guard import Guarded
from gateway.replay.showing import Showing
from gateway.rpc.audited import KeepsAudit
from gateway.values import (
    Caller,
    CodeMarks,
    Decision,
    DisplayedCode,
    DivisionCode,
    Instant,
    OpaqueCode,
    PairwiseHandle,
    Profile,
    Purpose,
    StatusPointer,
    Way,
)


class JudgesCodes(Protocol):
    """The pipeline, as a handler sees it."""

    def verify(
        self,
        code: bytes,
        *,
        at: Instant,
        division: DivisionCode | None,
        way: Way = Way.VERIFY,
        purpose: Purpose | None = None,
        item: ClinicalItem | None = None,
    ) -> Decision | OpaqueCode:
        """Return the decision on `code`, or what its issuer must be asked. Raises NotReady if nothing can be judged."""
        ...

    async def ask_issuer(
        self,
        code: OpaqueCode,
        *,
        at: Instant,
        division: DivisionCode | None,
        time_left: float,
        way: Way = Way.VERIFY,
        purpose: Purpose | None = None,
    ) -> Decision:
        """Return the decision on an opaque code, within `time_left` seconds."""
        ...

    def assess(
        self, code: DisplayedCode, *, at: Instant, division: DivisionCode | None, purpose: Purpose | None = None
    ) -> Decision:
        """Return the decision on a code that was only seen."""
        ...


class WritesReceipts(Protocol):
    """The receipt room, as a handler sees it."""

    def issue(self, answer: Answer) -> IssuedReceipt:
        """Return the signed receipt of exactly what was said."""
        ...

    def draft(self, answer: Answer) -> Draft:
        """Return the same, not signed yet."""
        ...

    def sign_together(self, payloads: Sequence[bytes], *, caller: Caller, at: Instant) -> SignedTogether:
        """Return one signature for all of these drafts, at least one, which are all for `caller`."""
        ...


class ConvertedCode(Protocol):
    """A code of the receiving division, in both spellings."""

    @property
    def jws(self) -> str: ...  # noqa: D102
    @property
    def qr(self) -> str: ...  # noqa: D102
    @property
    def expire_time(self) -> Instant: ...  # noqa: D102
    @property
    def pointer(self) -> StatusPointer: ...  # noqa: D102


class ConvertsCodes(Protocol):
    """Conversion, as a handler sees it."""

    def convert(
        self, decision: Decision, original: bytes, *, division: DivisionCode, at: Instant
    ) -> ConvertedCode | None:
        """Return a code of `division` made from `original`, or None where there is none to be made."""
        ...

    async def shown(self, made: ConvertedCode) -> None:
        """Return once other processes and gateways can read the place of a code, or after a short while."""
        ...

    def withdraw(self, made: ConvertedCode) -> None:
        """Take back a code that was given to nobody."""
        ...

    def noticed(self, original: bytes, decision: Decision) -> None:
        """Take note of any decision on any code: what was made from it is at once no better than it."""
        ...


class GuardsReplay(Protocol):
    """The replay guard, as a handler sees it."""

    @property
    def asks_others(self) -> bool:
        """Whether other nodes are asked: then an answer may have to wait."""
        ...

    def show(self, showing: Showing, *, passage: bool = False) -> Guarded | Awaitable[Guarded]:
        """Record a showing and return what it is. `passage`: whether a receipt is wanted."""
        ...


class MakesHandles(Protocol):
    """The handles, as a handler sees them."""

    @property
    def ready(self) -> bool:
        """Whether there is a key to make any with."""
        ...

    def handle_for(self, caller: Caller, marks: CodeMarks, at: Instant) -> PairwiseHandle:
        """Return the handle of a person for `caller`. Raises: NotReady if there is no key for `at`."""
        ...


def _nobody(decision: Decision) -> None:
    """Watch nothing."""


class WatchesDisclosures(Protocol):
    """Told of what was disclosed, for counting. Must not raise or wait."""

    def told(self, profile: Profile) -> None:
        """Count an answer under `profile`."""
        ...

    def item_told(self, question: ClinicalQuestion, state: EntryState) -> None:
        """Count a clinical item that was asked for, and what became of it."""
        ...


class UnwatchedDisclosures:
    """Tells nobody."""

    __slots__ = ()

    def told(self, profile: Profile) -> None:
        """See WatchesDisclosures."""

    def item_told(self, question: ClinicalQuestion, state: EntryState) -> None:
        """See WatchesDisclosures."""


UNWATCHED: Final = UnwatchedDisclosures()


@dataclass(frozen=True, slots=True)
class VerificationDesk:
    """The rooms, and what the configuration allows. Immutable: a reload puts another desk in its place."""

    pipeline: JudgesCodes
    receipts: WritesReceipts | None
    """None if the gateway has no signer: then a request for a receipt is NotReady."""
    rights_of: RightsOf
    converter: ConvertsCodes | None = None
    """None if the gateway converts no codes: then ConvertCode answers the verdict alone."""
    published: PublishedLists = NOTHING_PUBLISHED
    """Affected journeys and places at risk."""
    replay: GuardsReplay | None = None
    """None: a code may be shown again and again."""
    suspect: Callable[[Decision, DivisionCode | None], Decision] = to_a_person
    """What a receiving division makes of a code that is suspected to be shown a second time. Never better."""
    clock: Callable[[], Instant] = now
    """Read once per request, batch or stream item."""
    watch: Callable[[Decision], None] = _nobody
    """Told of every decision, for counting; must not raise or wait."""
    handles: MakesHandles | None = None
    """None if the gateway makes none: then PROVINCE is NotReady."""
    disclosures: WatchesDisclosures = UNWATCHED
    audit: KeepsAudit | None = None
    """None: no decision is written down."""
