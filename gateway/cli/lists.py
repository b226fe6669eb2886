"""`hcgw lists`: sign and check published lists of affected journeys and places. Offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from gateway.instants import format_instant, now, parse_instant
from gateway.places.published_list import MAX_LIST_BYTES, ListInvalid, PublishedList, read_list
from gateway.places.signing import sign_list
from gateway.values import Instant
from keys.signer import SignerUnavailable, open_signer

from .trust_sources import TrustSourceInvalid, from_files

SOUND: Final = 0
RUN_OUT: Final = 1
BROKEN: Final = 2

app = typer.Typer(name="lists", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def lists() -> None:
    """Sign and check published lists: journeys with a case aboard, places at risk.

    For example:

      hcgw lists check --trust trust.json journeys.jws
    """


@app.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Signed lists.")],
    trust: Annotated[list[Path], typer.Option(metavar="FILE", help="Trust list. Repeatable.")],
    at: Annotated[str | None, typer.Option(metavar="RFC3339", help="Judge at this instant instead of now.")] = None,
) -> None:
    """Check signed lists as the gateway does. Exit status: 0 sound, 1 one has run out, 2 one is broken.

    For example:

      hcgw lists check --trust trust.json journeys.jws places.jws && systemctl reload hcgw
    """
    instant = _instant(at)
    try:
        snapshot = from_files(trust).snapshot()
    except TrustSourceInvalid as invalid:
        _stop(str(invalid))
    worst = SOUND
    for file in files:
        try:
            found = read_list(_read(file), snapshot, instant)
        except ListInvalid as invalid:
            typer.secho(f"{file}: {invalid}", err=True)
            worst = BROKEN
            continue
        typer.echo(f"{file}: {_described(found)}")
        if instant >= found.expires:
            typer.secho(f"{file}: has run out", err=True)
            worst = max(worst, RUN_OUT)
    raise typer.Exit(worst)


@app.command("sign")
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The document (JSON), docs/lists.md.")],
    signer: Annotated[str, typer.Option(metavar="URI", help="The issuer's private key, as in file:issuer.key.pem.")],
) -> None:
    """Sign a list for publication: the compact JWS of exactly the file goes to standard output.

    Check the result with `hcgw lists check`, which reads it as every gateway will.

    For example:

      hcgw lists sign --signer file:issuer.key.pem journeys.json > journeys.jws
    """
    document = _read(file)
    try:
        key = open_signer(signer)
    except SignerUnavailable as refused:
        _stop(str(refused))
    typer.echo(sign_list(document, key_id=key.key_id, algorithm=key.algorithm, sign=key.sign))


def _described(found: PublishedList) -> str:
    entries = len(found.journeys) + len(found.places)
    cover = f"{found.cover.since} to {found.cover.until}"
    return (
        f"{found.kind} of {found.issuer}, number {found.sequence}, {entries} entries, covers {cover}, "
        f"good until {format_instant(found.expires)}"
    )


def _instant(at: str | None) -> Instant:
    try:
        return now() if at is None else parse_instant(at)
    except ValueError:
        _stop("--at must be RFC 3339, as in 2021-06-01T12:00:00Z")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_LIST_BYTES + 1)
    except OSError as failed:
        _stop(f"{file}: {failed.strerror}")
    if len(data) > MAX_LIST_BYTES:
        _stop(f"{file}: is larger than {MAX_LIST_BYTES} bytes")
    return data


def _stop(why: str) -> NoReturn:
    typer.secho(f"hcgw lists: {why}", err=True)
    raise typer.Exit(BROKEN)
