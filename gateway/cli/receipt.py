"""`hcgw receipt`: is this a receipt, and what does it say? Offline; docs/receipts.md has the form and the statuses."""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn
from urllib.parse import urlsplit

import typer

from gateway.instants import format_instant, now, parse_instant
from gateway.loopback import is_loopback
from gateway.receipts.checking import (
    MAX_RECEIPT_CHARACTERS,
    CheckedReceipt,
    Expected,
    ReceiptFault,
    ReceiptRefused,
    check_receipt,
)
from gateway.values import Instant, IssuerId
from keys.algorithms import RefusedKey
from keys.jwk import keys_from_jwks
from keys.signer import SIGNING
from keys.strict import StrictError, base64url_decode, parse_json
from keys.values import KeyRefused, TrustedKey

from .scanned import scanned_bytes

VALID: Final = 0
NOT_VALID: Final = 1
USAGE: Final = 2
UNKNOWN: Final = 3
EXPIRED: Final = 4

STATUS: Final = {ReceiptFault.UNKNOWN_KEY: UNKNOWN, ReceiptFault.EXPIRED: EXPIRED}
"""Exit statuses of faults; all others are NOT_VALID."""

GATEWAY: Final = "http://127.0.0.1:9464/.well-known/jwks.json"
MAX_KEY_SET_BYTES: Final = 256 * 1024
FETCH_S: Final = 5.0
_MAX_DEPTH: Final = 8

SENTENCES: Final = {
    ReceiptFault.MALFORMED: "this is no receipt",
    ReceiptFault.UNKNOWN_KEY: "this key set has no such key: it is another gateway's, or the set is of another time",
    ReceiptFault.BAD_SIGNATURE: "the key that it names did not sign this: it is forged or altered",
    ReceiptFault.BAD_PROOF: "its claims are not among those that were signed together: it is forged or altered",
    ReceiptFault.NOT_YET_VALID: "it was issued after that instant",
    ReceiptFault.EXPIRED: "it has expired and proves nothing any more",
    ReceiptFault.WRONG_ISSUER: "another gateway signed it",
    ReceiptFault.WRONG_CALLER: "it was given to another caller",
    ReceiptFault.WRONG_CODE: "it is about another code, or this is another receipt's salt",
}

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def receipt() -> None:
    """Check receipts: what a gateway said of a code, signed.

    For example:

      hcgw receipt verify --jwks jwks.json - < receipt.txt
    """


@app.command()
def verify(
    text: Annotated[str, typer.Argument(metavar="RECEIPT|-", help="The receipt; - reads it from stdin.")],
    jwks: Annotated[
        str, typer.Option(metavar="FILE|URL", help="The gateway's key set: a file, or an http address on loopback.")
    ] = GATEWAY,
    code: Annotated[str | None, typer.Option(metavar="CODE", help="The scanned text that it must be about.")] = None,
    salt: Annotated[str | None, typer.Option(metavar="SALT", help="What came with it, in base64url.")] = None,
    caller: Annotated[str | None, typer.Option(metavar="NAME", help="Who must have asked (aud).")] = None,
    issuer: Annotated[str | None, typer.Option(metavar="NAME", help="Which gateway must have answered (iss).")] = None,
    at: Annotated[str | None, typer.Option(metavar="RFC3339", help="Judge at this instant instead of now.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was signed as JSON.")] = False,
) -> None:
    """Check a receipt. Exit status: 0 valid, 1 not valid, 2 usage, 3 no key to tell with, 4 expired.

    For example:

      hcgw receipt verify --jwks jwks.json - < receipt.txt

      hcgw receipt verify --jwks jwks.json --code 'HCI1:...' --salt 3q2-7w... 'eyJ...'
    """
    if (code is None) != (salt is None):
        _refuse("--code and --salt belong together")
    if code == text == "-":
        _refuse("only one of RECEIPT and --code can come from stdin")
    try:
        instant = now() if at is None else parse_instant(at)
    except ValueError:
        _refuse("--at must be RFC 3339, as in 2021-06-01T12:00:00Z")
    try:
        expected = Expected(
            Instant(instant),
            issuer,
            caller,
            None if code is None else scanned_bytes(code),
            b"" if salt is None else base64url_decode(salt.strip().encode("ascii", "replace")),
        )
    except StrictError:
        _refuse("--salt must be base64url without padding")
    shown = (sys.stdin.read(MAX_RECEIPT_CHARACTERS + 2) if text == "-" else text).strip()
    keys, unusable = _keys(jwks)
    try:
        found = check_receipt(shown, keys, expected)
    except ReceiptRefused as refused:
        _print_fault(refused.fault, as_json=as_json)
        if refused.fault is ReceiptFault.UNKNOWN_KEY:
            for key in unusable:
                typer.secho(f"hcgw receipt verify: {key.position} cannot be used here: {key.detail}", err=True)
        raise typer.Exit(STATUS.get(refused.fault, NOT_VALID)) from None
    _print(found, as_json=as_json, with_code=code is not None)


def _keys(place: str) -> tuple[list[TrustedKey], list[RefusedKey]]:
    """Return the keys of a key set that can be used, and the others. Ends with UNKNOWN if there is no set."""
    try:
        data = _fetched(place) if place.startswith(("http://", "https://")) else _read(Path(place))
        return keys_from_jwks(
            parse_json(data, max_depth=_MAX_DEPTH), issuer=IssuerId("gateway"), algorithms=frozenset(SIGNING)
        )
    except (OSError, http.client.HTTPException) as failed:
        reason = getattr(failed, "strerror", None) or type(failed).__name__
        _end(UNKNOWN, f"the key set cannot be had from {place}: {reason}")
    except (StrictError, KeyRefused):
        _end(UNKNOWN, f"{place} is no key set")


def _read(file: Path) -> bytes:
    with file.open("rb") as found:
        return found.read(MAX_KEY_SET_BYTES)


def _fetched(address: str) -> bytes:
    """Return what stands at an address on this machine: keys that came over a network in plaintext prove nothing."""
    parts = urlsplit(address)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        _refuse("--jwks: this is no address")
    if parts.scheme != "http" or not is_loopback(host):
        _refuse("--jwks takes http addresses on loopback only: fetch the key set over https and give its file")
    connection = http.client.HTTPConnection(host, port, timeout=FETCH_S)
    try:
        connection.request("GET", parts.path or "/")
        with connection.getresponse() as answer:
            if answer.status != http.HTTPStatus.OK:
                _end(UNKNOWN, f"the key set cannot be had from {address}: status {answer.status}")
            return answer.read(MAX_KEY_SET_BYTES)
    finally:
        connection.close()


def _print_fault(fault: ReceiptFault, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"valid": False, "fault": fault.value}))
    else:
        typer.secho(fault.name, bold=True)
        typer.echo(f"  {SENTENCES[fault]}")


def _print(found: CheckedReceipt, *, as_json: bool, with_code: bool) -> None:
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "valid": True,
                    "kid": found.key_id,
                    "signed_with": found.signed_with,
                    "code_matches": True if with_code else None,
                    "claims": dict(found.claims),
                }
            )
        )
        return
    typer.secho("VALID", bold=True)
    claims = dict(found.claims)
    for name in ("iat", "exp", "observed_time", "valid_until_time"):
        if type(value := claims.get(name)) is int:
            claims[name] = format_instant(Instant(value))
    for name, value in claims.items():
        # As JSON: whoever signed it may still have written what a terminal must not be sent.
        typer.echo(f"{json.dumps(name)[1:-1]:17} {value if type(value) is int else json.dumps(value)}")
    typer.echo(f"{'key':17} {json.dumps(found.key_id)}")
    if found.signed_with > 1:
        typer.echo(f"{'signed with':17} {found.signed_with - 1} others")
    if with_code:
        typer.echo(f"{'code':17} is the one that was given")


def _refuse(why: str) -> NoReturn:
    _end(USAGE, why)


def _end(status: int, why: str) -> NoReturn:
    typer.secho(f"hcgw receipt verify: {why}", err=True)
    raise typer.Exit(status)
