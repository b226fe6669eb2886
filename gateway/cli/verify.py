"""`hcgw verify`: one code or many, offline, through the same pipeline as over gRPC."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, Annotated, NoReturn

import typer

from gateway.divisions import is_division
from gateway.errors import REASONS, GatewayError
from gateway.instants import format_instant, now, parse_instant
from gateway.pipeline import Pipeline, step_outcomes
from gateway.policy.book import SHIPPED, PolicyBook, PolicyUnavailable
from gateway.values import Decision, DivisionCode, Instant, Measure

from .jsonl import answer, answer_lines
from .scanned import scanned_bytes
from .trust_sources import TrustSourceInvalid, from_files

USAGE = 2


def verify(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE|-", help="The scanned text; - reads it from stdin.")
    ] = None,
    jsonl: Annotated[str | None, typer.Option(metavar="FILE|-", help="Verify many: one JSON question a line.")] = None,
    at: Annotated[str | None, typer.Option(metavar="RFC3339", help="Judge at this instant instead of now.")] = None,
    division: Annotated[str | None, typer.Option(metavar="CODE", help="Receiving division, six digits.")] = None,
    trust: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Trust list, or a certificate. Repeatable.")
    ] = None,
    policies: Annotated[Path, typer.Option(metavar="DIR", help="Rules of receiving divisions.")] = SHIPPED,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in the JSON of --jsonl.")] = False,
) -> None:
    """Verify a code offline. Exit status: 0 PASS, 1 any other measure, 2 usage.

    For example:

      hcgw verify --trust trust.json --division 330000 'HCI1:...'

      hcgw verify --trust dsc.pem --at 2021-06-01T12:00:00Z - < code.txt

      hcgw verify --jsonl questions.jsonl > answers.jsonl
    """
    if (code is None) == (jsonl is None):
        _refuse("give either CODE or --jsonl")
    if division is not None and not is_division(division):
        _refuse("--division must be six digits of GB/T 2260")
    try:
        instant = None if at is None else parse_instant(at)
        held = PolicyBook.load(policies)
        pipeline = Pipeline(from_files(trust or ()).snapshot(), held)
    except (TrustSourceInvalid, PolicyUnavailable) as invalid:
        _refuse(str(invalid))
    except ValueError:
        _refuse("--at must be RFC 3339, as in 2021-06-01T12:00:00Z")
    where = None if division is None else DivisionCode(division)
    if jsonl is not None:
        _many(jsonl, pipeline, held, instant, where)
        return
    try:
        decision = pipeline.verify_offline(
            scanned_bytes(code or ""), at=now() if instant is None else instant, division=where
        )
    except GatewayError as failed:
        _refuse(str(failed))
    _print(decision, as_json=as_json)
    raise typer.Exit(0 if decision.measure is Measure.PASS else 1)


def _many(name: str, pipeline: Pipeline, held: PolicyBook, at: Instant | None, division: DivisionCode | None) -> None:
    if name == "-":
        _answer(sys.stdin.buffer, pipeline, held, at, division)
        return
    try:
        with Path(name).open("rb") as lines:
            _answer(lines, pipeline, held, at, division)
    except OSError as unreadable:
        _refuse(f"{name}: {unreadable.strerror}")


def _answer(
    lines: IO[bytes], pipeline: Pipeline, held: PolicyBook, at: Instant | None, division: DivisionCode | None
) -> None:
    for line in answer_lines(lines, default=pipeline, policies=held, clock=now, at=at, division=division):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _print(decision: Decision, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer(None, decision)))
        return
    typer.secho(decision.measure.name, bold=True)
    for reason in decision.reasons:
        typer.echo(f"  {reason.name}: {REASONS[reason].sentence}")
    typer.echo(f"state    {decision.state.name}")
    typer.echo(f"format   {decision.format.value}")
    typer.echo(f"issuer   {decision.issuer or '-'}")
    typer.echo(f"judged   {format_instant(decision.decided_time)}")
    typer.echo(
        "steps    " + ", ".join(f"{step.value} {outcome.value}" for step, outcome in step_outcomes(decision).items())
    )


def _refuse(why: str) -> NoReturn:
    typer.secho(f"hcgw verify: {why}", err=True)
    raise typer.Exit(USAGE)
