"""`hcgw ask`: ask a running gateway about one code, over gRPC. Plaintext, so loopback only."""

from __future__ import annotations

import asyncio
import os
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from gateway.clinical import ClinicalItem, ClinicalQuestion, LawfulBasis
from gateway.values import DivisionCode, Measure, Profile, Purpose

from .scanned import scanned_bytes

if TYPE_CHECKING:
    from gateway.rpc.client import Answer

PASSED: Final = 0
OTHER: Final = 1
USAGE: Final = 2
NO_ANSWER: Final = 3
PURPOSES: Final = {known.name.lower(): known for known in Purpose}
ITEMS: Final = {known.name.lower(): known for known in ClinicalItem}
BASES: Final = {known.name.lower(): known for known in LawfulBasis}


def ask(
    code: Annotated[str, typer.Argument(metavar="CODE|-", help="The scanned text; - reads it from stdin.")],
    to: Annotated[str, typer.Option(metavar="HOST:PORT", help="The gateway, on loopback.")] = "127.0.0.1:8443",
    division: Annotated[str | None, typer.Option(metavar="CODE", help="Receiving division, six digits.")] = None,
    purpose: Annotated[str, typer.Option(help=f"Why you ask: {', '.join(PURPOSES)}.")] = "transport_arrival",
    staff: Annotated[bool, typer.Option("--staff", help="Ask for the STAFF profile.")] = False,
    province: Annotated[bool, typer.Option("--province", help="Ask for the PROVINCE profile.")] = False,
    clinic: Annotated[
        str | None, typer.Option(metavar="ITEM", help=f"Ask for CLINIC and this item: {', '.join(ITEMS)}.")
    ] = None,
    basis: Annotated[
        str | None, typer.Option(metavar="BASIS", help=f"By what right, with --clinic: {', '.join(BASES)}.")
    ] = None,
    receipt: Annotated[bool, typer.Option("--receipt", help="Ask for a signed receipt.")] = False,
) -> None:
    """Ask a running gateway. Exit status: 0 PASS, 1 any other measure, 2 usage, 3 no answer.

    For example:

      hcgw ask --to 127.0.0.1:8443 --division 330000 --staff 'HCI1:...'

      hcgw ask --purpose medical_care --clinic latest_test --basis medical_treatment 'HC1:...'
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from gateway.rpc.client import AskingFailed, connected

    if purpose not in PURPOSES:
        _refuse(f"--purpose must be one of {', '.join(PURPOSES)}")
    question = _clinical(clinic, basis)
    chosen = [profile for profile, wanted in ((Profile.STAFF, staff), (Profile.PROVINCE, province)) if wanted]
    chosen += [] if question is None else [Profile.CLINIC]
    if len(chosen) > 1:
        _refuse("only one of --staff, --province and --clinic")
    scanned = scanned_bytes(code)

    async def asking() -> Answer:
        async with connected(to) as client:
            return await client.verify_code(
                scanned,
                purpose=PURPOSES[purpose],
                division=None if division is None else DivisionCode(division),
                profile=chosen[0] if chosen else Profile.GATE,
                receipt=receipt,
                clinical=question,
            )

    try:
        said = asyncio.run(asking())
    except AskingFailed as failed:
        typer.secho(f"hcgw ask: {failed}", err=True)
        raise typer.Exit(NO_ANSWER) from None
    typer.secho(said.measure.name, bold=True)
    typer.echo(f"  {', '.join(said.reasons)}")
    if said.state is not None:
        typer.echo(f"  state {said.state.name}, issuer {said.issuer or '-'}")
    if province:
        typer.echo(f"  handle {said.handle or '-'}, rules {said.rule_version or '-'}")
    if said.clinical is not None:
        # The text form of the message: codes, dates and numbers, each by its field's name.
        typer.echo("".join(f"  {line}\n" for line in str(said.clinical).splitlines()), nl=False)
    if said.receipt:
        typer.echo(f"  salt {urlsafe_b64encode(said.receipt_salt).rstrip(b'=').decode()}, receipt:")
        typer.echo(said.receipt)
    raise typer.Exit(PASSED if said.measure is Measure.PASS else OTHER)


def _clinical(item: str | None, basis: str | None) -> ClinicalQuestion | None:
    if (item is None) != (basis is None):
        _refuse("--clinic and --basis belong together")
    if item is None or basis is None:
        return None
    if item not in ITEMS or basis not in BASES:
        _refuse(f"--clinic must be one of {', '.join(ITEMS)}; --basis one of {', '.join(BASES)}")
    return ClinicalQuestion(ITEMS[item], BASES[basis])


def _refuse(why: str) -> NoReturn:
    typer.secho(f"hcgw ask: {why}", err=True)
    raise typer.Exit(USAGE)
