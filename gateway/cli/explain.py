"""`hcgw explain`: the way of one code, room by room, with each rule's outcome.

- Offline. Nobody is asked about an opaque code: `--said` supposes what its issuer would answer. No list is held:
  `--listed` supposes what the one that a code points to says.
- The verdict is the pipeline's own. What is told beside it is what each room knew: formats, keys, times, rules; no
  statement of the code, no id, nothing of its holder, and of an issuer nothing before its signature is proven.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from gateway.changes import Listed
from gateway.divisions import is_division
from gateway.errors import REASONS, CodeStopped, GatewayError, Step
from gateway.formats import read_code, recognise
from gateway.instants import format_instant, now, parse_instant
from gateway.pipeline import Pipeline, step_outcomes
from gateway.policy.book import SHIPPED, Explanation, PolicyBook, PolicyUnavailable, RowOutcome
from gateway.provinces.directory import NO_PROVINCES, ProfilesUnavailable, ProvinceDirectory
from gateway.status.observe import NO_LISTS, StatusLists, observe
from gateway.status.words import (
    AS_SIGNED,
    CANCELLED,
    GREEN,
    RED,
    STALE_DECLARATION,
    STATES,
    SUSPENDED,
    UNKNOWN,
    YELLOW,
)
from gateway.trust.authenticate import find_signer, permit
from gateway.trust.online import answered
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import (
    AuthenticCode,
    Decision,
    DivisionCode,
    Format,
    Freshness,
    Instant,
    IssuerId,
    LiveCode,
    Measure,
    OnlineAnswer,
    OpaqueCode,
    StatusPointer,
)

from .scanned import scanned_bytes
from .trust_sources import TrustSourceInvalid, from_files

USAGE: Final = 2

LISTED: Final = {
    "green": GREEN,
    "yellow": YELLOW,
    "red": RED,
    "cancelled": CANCELLED,
    "suspended": SUSPENDED,
    "stale-declaration": STALE_DECLARATION,
    "as-signed": AS_SIGNED,
    "unknown": UNKNOWN,
}
"""What a list may be supposed to say."""

Passed = tuple[Step, str]
"""A step that a code has passed, and what can be told of it."""


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE|-", help="The scanned text; - reads it from stdin.")],
    trust: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Trust list, or a certificate. Repeatable.")
    ] = None,
    division: Annotated[str | None, typer.Option(metavar="CODE", help="Receiving division, six digits.")] = None,
    at: Annotated[str | None, typer.Option(metavar="RFC3339", help="Judge at this instant instead of now.")] = None,
    policies: Annotated[Path, typer.Option(metavar="DIR", help="Rules of receiving divisions.")] = SHIPPED,
    provinces: Annotated[Path | None, typer.Option(metavar="DIR", help="Profiles, for opaque codes.")] = None,
    said: Annotated[
        str | None, typer.Option(metavar="WORD", help="Suppose that the issuer of an opaque code answers this.")
    ] = None,
    listed: Annotated[
        str | None, typer.Option(metavar="STATE", help=f"Suppose that its status list says this: {', '.join(LISTED)}.")
    ] = None,
    list_age: Annotated[
        float, typer.Option(metavar="SECONDS", help="And that its issuer last spoke of the list so long ago.")
    ] = 0.0,
) -> None:
    """Show the way of a code room by room. Asks nobody. Exit status: 0 PASS, 1 any other measure, 2 usage.

    For example:

      hcgw explain --trust trust.json --division 330000 'HC1:...'

      hcgw explain --provinces deploy/provinces --division 330000 --said 00 - < code.txt

      hcgw explain --trust trust.json --division 330000 --listed red --list-age 600 - < code.txt
    """
    if division is not None and not is_division(division):
        _refuse("--division must be six digits of GB/T 2260")
    if listed is not None and listed not in LISTED:
        _refuse(f"--listed must be one of {', '.join(LISTED)}")
    if not isfinite(list_age):
        _refuse("--list-age must be a number of seconds")
    try:
        instant = now() if at is None else parse_instant(at)
    except ValueError:
        _refuse("--at must be RFC 3339, as in 2021-06-01T12:00:00Z")
    try:
        directory = NO_PROVINCES if provinces is None else ProvinceDirectory.load(provinces)
        held = NO_LISTS if listed is None else _Supposed(Listed(STATES[LISTED[listed]], Instant(instant - list_age)))
        rooms = _Rooms(from_files(trust or ()).snapshot(), PolicyBook.load(policies), directory, said, held)
        told = _walk(rooms, scanned_bytes(code), instant, None if division is None else DivisionCode(division))
    except (TrustSourceInvalid, PolicyUnavailable, ProfilesUnavailable, GatewayError) as invalid:
        _refuse(str(invalid))
    for line in told.lines():
        typer.echo(line)
    raise typer.Exit(0 if told.decision.measure is Measure.PASS else 1)


@dataclass(frozen=True, slots=True)
class _Supposed:
    """Every list, saying the same at every place."""

    says: Listed

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed:  # noqa: ARG002
        """See gateway.status.observe.StatusLists."""
        return self.says


@dataclass(frozen=True, slots=True)
class _Rooms:
    """What the rooms work with, and what an issuer is supposed to answer, or a list to say."""

    trust: TrustSnapshot
    policies: PolicyBook
    provinces: ProvinceDirectory
    said: str | None
    lists: StatusLists

    async def resolve(self, code: OpaqueCode, *, at: Instant, time_left: float) -> OnlineAnswer:  # noqa: ARG002
        """Answer in the issuer's place. See gateway.pipeline.AsksIssuers."""
        return self.suppose(code, at)

    def suppose(self, code: OpaqueCode, at: Instant) -> OnlineAnswer:
        """Return the answer that the issuer is supposed to give just now."""
        profile = self.provinces.by_issuer[code.issuer]
        meaning = profile.states.get(self.said or "")
        if meaning is None:
            return OnlineAnswer("", at, profile.budget.fresh_for_s)
        return OnlineAnswer(self.said or "", at, profile.budget.fresh_for_s, reason_class=meaning.reason_class)


@dataclass(frozen=True, slots=True)
class _Told:
    """The way of a code, and where it ended."""

    decision: Decision
    passed: dict[Step, str]
    detail: str
    """Where in the code it was stopped: a member or an offset, never content."""
    explanation: Explanation | None

    def lines(self) -> Iterator[str]:
        """Return what is printed."""
        decision = self.decision
        for step, outcome in step_outcomes(decision).items():
            told = self.passed.get(step, "")
            if step is decision.stopped_at and self.explanation is None:
                told = decision.reasons[0].name + (f" ({self.detail})" if self.detail else "")
            yield f"{step.value:<10} {outcome.value:<13} {told}".rstrip()
        for row in () if self.explanation is None else self.explanation.rows:
            yield from _row_lines(row)
        yield f"{decision.measure.name} at {format_instant(decision.decided_time)}"
        for reason in decision.reasons:
            yield f"  {reason.name}: {REASONS[reason].sentence}"


def _row_lines(row: RowOutcome) -> Iterator[str]:
    if row.decided:
        outcome = "decides"
    else:
        outcome = "fits, after the one that decided" if row.misfit is None else f"does not fit: {row.misfit}"
    yield f"  rule[{row.place}]  {outcome}  ({row.source})"
    if row.judged is not None:
        yield f"    set of rules: {row.judged.outcome.value}"
        for one in row.judged.rules:
            yield f"      {one.identifier} {one.version}: {one.outcome.value}"


def _walk(rooms: _Rooms, code: bytes, at: Instant, division: DivisionCode | None) -> _Told:
    """Return the way of a code. Raises: NotReady if the trust list has expired.

    1. The verdict, as the gateway gives it.
    2. The rooms once more, one by one, for what each of them can tell.
    3. The last one, if it was reached, rule by rule.
    """
    # 1
    pipeline = Pipeline(
        rooms.trust,
        rooms.policies,
        opaque=rooms.provinces.shapes,
        online=rooms.provinces.online,
        asks=rooms,
        lists=rooms.lists,
    )
    decision = pipeline.verify(code, at=at, division=division)
    if isinstance(decision, OpaqueCode):
        if rooms.said is None:
            decision = pipeline.verify_offline(code, at=at, division=division)
        else:
            decision = asyncio.run(pipeline.ask_issuer(decision, at=at, division=division, time_left=1.0))
    # 2
    passed: dict[Step, str] = {}
    live: LiveCode | None = None
    detail = ""
    try:
        for one in _rooms_passed(rooms, code, at):
            if isinstance(one, LiveCode):
                live = one
            else:
                passed[one[0]] = one[1]
    except CodeStopped as stopped:
        detail = stopped.detail
    # 3
    explanation = None if live is None else rooms.policies.explain(live, division, at)
    if explanation is not None:
        whose = "no rules" if explanation.division is None else f"rules of {explanation.division}"
        version = decision.rule_version or ""
        passed[Step.POLICY] = f"{decision.state.name}; {whose} {version}".rstrip()
    return _Told(decision, passed, detail, explanation)


def _rooms_passed(rooms: _Rooms, code: bytes, at: Instant) -> Iterator[Passed | LiveCode]:
    """Return each step that a code passes, and at the end what policy gets. Raises: CodeStopped where it stops."""
    found = recognise(code)
    if found is Format.UNKNOWN:
        opaque = rooms.provinces.shapes.read(code)
        yield Step.DECODE, f"opaque; looks like {opaque.issuer}, division {opaque.division}"
        if rooms.said is None:
            return
        authentic = answered(opaque, rooms.suppose(opaque, at), rooms.provinces.online, at)
        yield Step.SIGNATURE, "supposed to be answered by its issuer just now"
    else:
        claimed = read_code(code, found)
        yield Step.DECODE, " ".join((found.value, *(note.name for note in claimed.notes)))
        signed = find_signer(claimed, rooms.trust)
        yield Step.SIGNATURE, f"of {signed.issuer.issuer}, by {', '.join(one.key_id.hex() for one in signed.keys)}"
        authentic = permit(signed, at)
    yield Step.KEY_USAGE, _use_of(authentic)
    live = observe(authentic, rooms.trust.revocations, at, rooms.lists)
    claimed = authentic.claimed
    yield Step.VALIDITY, f"issued {_spelled(claimed.issue_time)}, expires {_spelled(claimed.expire_time)}"
    age = "" if live.status_age is None else f", {live.status_age:.0f} s old"
    says = None if live.freshness is Freshness.UNAVAILABLE else live.listed_state
    listed = "" if says is None else f"; its list says {says.name}"
    yield Step.STATUS, f"{live.freshness.value}{age}{listed}"
    yield live


def _use_of(code: AuthenticCode) -> str:
    if code.key is None:
        return "no key: asked online"
    uses = ", ".join(sorted(use.value for use in code.key.uses))
    return f"the key may attest {uses or 'anything'}"


def _spelled(at: Instant | None) -> str:
    return "unset" if at is None else format_instant(at)


def _refuse(why: str) -> NoReturn:
    typer.secho(f"hcgw explain: {why}", err=True)
    raise typer.Exit(USAGE)
