"""`hcgw ask`: ask a running gateway about one code, over gRPC. Plaintext, so loopback only."""

from __future__ import annotations

import asyncio
import os
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.values import DivisionCode, Measure, Profile, Purpose

from .scanned import scanned_bytes

if TYPE_CHECKING:
    from gateway.rpc.client import Answer

PASSED: Final = 0
OTHER: Final = 1
USAGE: Final = 2
NO_ANSWER: Final = 3
PURPOSES: Final = {known.name.lower(): known for known in Purpose}


def ask(
    code: Annotated[str, typer.Argument(metavar="CODE|-", help="The scanned text; - reads it from stdin.")],
    to: Annotated[str, typer.Option(metavar="HOST:PORT", help="The gateway, on loopback.")] = "127.0.0.1:8443",
    division: Annotated[str | None, typer.Option(metavar="CODE", help="Receiving division, six digits.")] = None,
    purpose: Annotated[str, typer.Option(help=f"Why you ask: {', '.join(PURPOSES)}.")] = "transport_arrival",
    staff: Annotated[bool, typer.Option("--staff", help="Ask for the STAFF profile.")] = False,
    receipt: Annotated[bool, typer.Option("--receipt", help="Ask for a signed receipt.")] = False,
) -> None:
    """Ask a running gateway. Exit status: 0 PASS, 1 any other measure, 2 usage, 3 no answer.

    For example:

      hcgw ask --to 127.0.0.1:8443 --division 330000 --staff 'HCI1:...'
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from gateway.rpc.client import AskingFailed, connected

    if purpose not in PURPOSES:
        typer.secho(f"hcgw ask: --purpose must be one of {', '.join(PURPOSES)}", err=True)
        raise typer.Exit(USAGE)
    scanned = scanned_bytes(code)

    async def asking() -> Answer:
        async with connected(to) as client:
            return await client.verify_code(
                scanned,
                purpose=PURPOSES[purpose],
                division=None if division is None else DivisionCode(division),
                profile=Profile.STAFF if staff else Profile.GATE,
                receipt=receipt,
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
    if said.receipt:
        typer.echo(f"  salt {urlsafe_b64encode(said.receipt_salt).rstrip(b'=').decode()}, receipt:")
        typer.echo(said.receipt)
    raise typer.Exit(PASSED if said.measure is Measure.PASS else OTHER)
