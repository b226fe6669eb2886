"""`hcgw trust`: build, show and check trust lists. Offline; nothing is fetched.

- `import x509|jwks|vci` (trust_import.py) writes a list, new or `--into` an old one, and tells each refused key.
- `show` and `check` read a list exactly as the gateway does.
- Exit status: 0 sound; 1 usable, but a key was refused or the list has expired; 2 broken or not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.instants import now
from keys.trust_list import TrustList, TrustListInvalid, parse_trust_list

from .trust_import import app as import_app
from .trust_report import (
    expired,
    issuer_summary,
    list_bytes,
    print_json,
    show_list,
    show_refused,
    status,
    stop,
    summary,
)

app = typer.Typer(name="trust", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(import_app)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, on one line.")]


@app.callback()
def trust() -> None:
    """Build, show and check trust lists.

    For example:

      hcgw trust show trust.json
    """


@app.command("show")
def show(file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: AsJson = False) -> None:
    """Show whom a trust list trusts, when its keys end, and which keys were refused and why.

    For example:

      hcgw trust show trust.json
    """
    at = now()
    trusted = _read(file)
    if as_json:
        print_json(summary(trusted, at) | {"issuers": [issuer_summary(one, at) for one in trusted.issuers]})
    else:
        show_list(trusted, at)
        show_refused(trusted.refused)
    raise typer.Exit(status(trusted, at))


@app.command("check")
def check(file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: AsJson = False) -> None:
    """Check a trust list as the gateway does. Exit status: 0 sound, 1 incomplete or expired, 2 broken.

    For example:

      hcgw trust check trust.json && systemctl reload hcgw
    """
    at = now()
    trusted = _read(file)
    if as_json:
        print_json(summary(trusted, at))
    else:
        keys = sum(len(one.keys) for one in trusted.issuers)
        typer.echo(f"{file}: {len(trusted.issuers)} issuers, {keys} keys, {len(trusted.refused)} refused")
        if expired(trusted, at):
            typer.echo(f"{file}: expired", err=True)
        show_refused(trusted.refused)
    raise typer.Exit(status(trusted, at))


def _read(file: Path) -> TrustList:
    try:
        return parse_trust_list(list_bytes(file))
    except TrustListInvalid as invalid:
        stop(f"{file}: {invalid}")
    except OSError as failed:
        stop(f"{failed.filename}: {failed.strerror}")
