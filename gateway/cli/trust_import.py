"""`hcgw trust import`: make a trust list of certificates, key sets or a directory, or add to one. Nothing is fetched.

Exit status: 0 all taken; 1 the list was written, but a key was refused; 2 nothing was written.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.instants import now, parse_instant
from gateway.values import Instant
from keys.algorithms import Sm2Settings
from keys.importing import build, certificate_files, issuers_from_certificates, save
from keys.strict import StrictError, parse_json
from keys.trust_document import MAX_DEPTH, MAX_LIST_BYTES, ListedIssuer, TrustDocument
from keys.trust_list import TrustListInvalid
from keys.trust_reader import read_document
from keys.values import Algorithm, Environment, IssuerId, KeyRefused
from keys.vci import Imported, issuers_from_vci, listed_from_jwks

from .trust_report import ExitStatus, list_bytes, print_json, refusal, show_refused, stop, summary

app = typer.Typer(name="import", no_args_is_help=True, rich_markup_mode=None)


class Listable(StrEnum):
    """The formats that an issuer can be trusted for."""

    NATIVE = "native"
    HCERT = "hcert"
    SHC = "shc"
    VDSNC = "vdsnc"
    DIVOC = "divoc"


class Sm2Form(StrEnum):
    """How an SM2 signature is written."""

    DER = "der"
    RAW = "raw"


Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the list is written.")]
Into = Annotated[Path | None, typer.Option(metavar="FILE", help="Add to this list.", dir_okay=False)]
World = Annotated[Environment | None, typer.Option(help="Needed for a new list.")]
Expires = Annotated[str | None, typer.Option(metavar="RFC3339", help="When the list ends.")]
Issuer = Annotated[str | None, typer.Option(metavar="ID", help="Whose keys these are.")]
Name = Annotated[str | None, typer.Option(help="Name of the authority, for people.")]
Division = Annotated[str | None, typer.Option(metavar="CODE", help="Six digits of GB/T 2260, or two capital letters.")]
Formats = Annotated[list[Listable], typer.Option("--format", help="What the issuer signs. Repeatable.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, on one line.")]


@app.callback()
def import_() -> None:
    """Make a trust list of certificates, key sets or a directory, or add to one.

    For example:

      hcgw trust import vci vci_snapshot.json --environment production --output trust.json
    """


@app.command("x509")
def import_x509(
    certificates: Annotated[list[Path], typer.Argument(metavar="CERTIFICATE|FOLDER...", exists=True)],
    output: Output,
    formats: Formats,
    into: Into = None,
    environment: World = None,
    expires: Expires = None,
    issuer: Issuer = None,
    name: Name = None,
    division: Division = None,
    algorithm: Annotated[Algorithm | None, typer.Option(help="Instead of the key's own, for RSA: RS256.")] = None,
    sm2_id: Annotated[str | None, typer.Option(metavar="ID", help="SM2: the signer's ID.")] = None,
    sm2_z: Annotated[bool, typer.Option(help="SM2: whether Z is hashed in front.")] = True,
    sm2_signature: Annotated[Sm2Form | None, typer.Option(help="SM2: how signatures are written.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import X.509 certificates (PEM or DER). Without --issuer each belongs to the country (C) of its subject.

    For example:

      hcgw trust import x509 dsc/ --format hcert --environment production --output trust.json
    """
    if (sm2_id is None) != (sm2_signature is None):
        stop("an SM2 key needs both --sm2-id and --sm2-signature")
    sm2 = None if sm2_id is None else Sm2Settings(sm2_id.encode(), sm2_z, sm2_signature is Sm2Form.RAW)
    if issuer is None and (name is not None or division is not None):
        stop("--name and --division need --issuer")

    def read() -> Imported:
        found = issuers_from_certificates(
            certificate_files(certificates),
            formats=frozenset(formats),
            issuer=None if issuer is None else IssuerId(issuer),
            algorithm=algorithm,
            sm2=sm2,
        )
        described = tuple(_described(one, name, division or _country(one.issuer)) for one in found.issuers)
        return Imported(described, found.refused)

    _import(read, output, into, environment, expires, as_json=as_json)


@app.command("jwks")
def import_jwks(
    jwks: Annotated[Path, typer.Argument(metavar="JWKS", exists=True, dir_okay=False)],
    output: Output,
    formats: Formats,
    issuer: Annotated[str, typer.Option(metavar="ID", help="Whose keys these are.")],
    into: Into = None,
    environment: World = None,
    expires: Expires = None,
    name: Name = None,
    division: Division = None,
    as_json: AsJson = False,
) -> None:
    """Import a JSON Web Key set. If the issuer signs SMART Health Cards, their rules hold for its keys.

    For example:

      hcgw trust import jwks jwks.json --issuer https://example.org/issuer --format shc --into trust.json -o trust.json
    """

    def read() -> Imported:
        owner = IssuerId(issuer)
        keys, refused = listed_from_jwks(_json(jwks), issuer=owner, shc=Listable.SHC in formats)
        listed = ListedIssuer(owner, issuer, frozenset(formats), keys)
        return Imported((_described(listed, name, division),), tuple(refused))

    _import(read, output, into, environment, expires, as_json=as_json)


@app.command("vci")
def import_vci(
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", exists=True, dir_okay=False)],
    output: Output,
    into: Into = None,
    environment: World = None,
    expires: Expires = None,
    as_json: AsJson = False,
) -> None:
    """Import a snapshot of the VCI directory (SMART Health Card issuers, their keys and revocation lists).

    For example:

      hcgw trust import vci vci_snapshot.json --environment production --output shc.json
    """
    _import(lambda: issuers_from_vci(_json(snapshot)), output, into, environment, expires, as_json=as_json)


def _import(
    read: Callable[[], Imported],
    output: Path,
    into: Path | None,
    environment: Environment | None,
    expires: str | None,
    *,
    as_json: bool,
) -> None:
    try:
        held = None if into is None else read_document(list_bytes(into))
        imported = read()
        listed = _built(imported, held, environment, expires)
        trusted = save(listed, output)
    except (KeyRefused, TrustListInvalid) as invalid:
        stop(str(invalid))
    except OSError as failed:
        stop(f"{failed.filename}: {failed.strerror}")
    except ValueError as invalid:
        stop(str(invalid))
    refused = imported.refused + trusted.refused
    if as_json:
        print_json(
            summary(trusted, listed.issued)
            | {"refused": [refusal(one) for one in refused], "faults": list(imported.faults)}
        )
    else:
        keys = sum(len(one.keys) for one in trusted.issuers)
        typer.echo(f"{output}: {len(trusted.issuers)} issuers, {keys} keys; {len(refused)} keys were refused")
        for fault in imported.faults:
            typer.echo(fault, err=True)
        show_refused(refused)
    raise typer.Exit(ExitStatus.INCOMPLETE if refused or imported.faults else ExitStatus.TAKEN)


def _built(
    imported: Imported, held: TrustDocument | None, environment: Environment | None, expires: str | None
) -> TrustDocument:
    world = environment if environment is not None else held.environment if held is not None else None
    if world is None:
        raise ValueError("a new list needs --environment production or test")
    if not any(one.keys for one in imported.issuers):
        for one in imported.refused:
            typer.echo(f"{one.position}: {one.reason.value} {one.detail}", err=True)
        raise ValueError("no key could be taken: nothing was written")
    # Whole seconds: the list is read by people too.
    issued = Instant(float(int(now())))
    end = parse_instant(expires) if expires is not None else held.expires if held is not None else None
    return build(imported.issuers, into=held, environment=world, issued=issued, expires=end)


def _described(listed: ListedIssuer, name: str | None, division: str | None) -> ListedIssuer:
    return ListedIssuer(listed.issuer, name or listed.name, listed.formats, listed.keys, division or listed.division)


def _country(issuer: str) -> str | None:
    return issuer if len(issuer) == 2 and issuer.isascii() and issuer.isalpha() and issuer.isupper() else None


def _json(file: Path) -> object:
    data = list_bytes(file)
    if len(data) > MAX_LIST_BYTES:
        raise ValueError(f"{file}: too large")
    try:
        return parse_json(data, max_depth=MAX_DEPTH)
    except StrictError as broken:
        raise ValueError(f"{file}: not strict JSON: {broken.fault.value}") from None
