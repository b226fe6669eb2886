"""What the `hcgw trust` commands print: tables for people, dictionaries for --json."""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.instants import format_instant
from gateway.values import Instant
from keys.algorithms import RefusedKey
from keys.trust_document import MAX_LIST_BYTES
from keys.trust_list import IssuerRecord, TrustList

MOST_ROWS = 100
"""Rows of a table on the screen; --json tells all."""


class ExitStatus(IntEnum):
    """How a `hcgw trust` command ends."""

    TAKEN = 0
    INCOMPLETE = 1
    """The list is usable, but a key was refused or something has expired."""
    NOTHING_DONE = 2


def expired(trusted: TrustList, at: Instant) -> bool:
    """Tell whether the list has run out."""
    return trusted.expires is not None and at >= trusted.expires


def status(trusted: TrustList, at: Instant) -> int:
    """Return the exit status that a list deserves by itself."""
    return ExitStatus.INCOMPLETE if trusted.refused or expired(trusted, at) else ExitStatus.TAKEN


def _last_end(issuer: IssuerRecord) -> Instant | None:
    """Return when the issuer's last key ends; None if one of them has no end, or there are none."""
    ends = [key.not_after for key in issuer.keys]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def summary(trusted: TrustList, at: Instant) -> dict[str, object]:
    """Return the head of a list and its refused keys, for --json."""
    return {
        "sequence": trusted.sequence,
        "environment": trusted.environment.value,
        "issued": format_instant(trusted.issued),
        "expires": None if trusted.expires is None else format_instant(trusted.expires),
        "expired": expired(trusted, at),
        "issuer_count": len(trusted.issuers),
        "key_count": sum(len(one.keys) for one in trusted.issuers),
        "refused": [refusal(one) for one in trusted.refused],
    }


def issuer_summary(issuer: IssuerRecord, at: Instant) -> dict[str, object]:
    """Return an issuer and its keys, for --json."""
    return {
        "issuer": issuer.issuer,
        "name": issuer.name,
        "division": issuer.division,
        "formats": sorted(issuer.formats),
        "keys": [
            {
                "key_id": key.key_id.hex(),
                "algorithm": key.algorithm.value,
                "not_before": None if key.not_before is None else format_instant(key.not_before),
                "not_after": None if key.not_after is None else format_instant(key.not_after),
                "expired": key.not_after is not None and at > key.not_after,
                "uses": sorted(use.value for use in key.uses),
            }
            for key in issuer.keys
        ],
        "revoked": sum(len(one.revoked) for one in issuer.revocations),
    }


def refusal(refused: RefusedKey) -> dict[str, object]:
    """Return why a key was refused, for --json."""
    return {
        "issuer": refused.issuer,
        "key_id": None if refused.key_id is None else refused.key_id.hex(),
        "position": refused.position,
        "reason": refused.reason.value,
        "detail": refused.detail,
    }


def show_list(trusted: TrustList, at: Instant) -> None:
    """Print whom a list trusts."""
    ends = "never" if trusted.expires is None else format_instant(trusted.expires)
    ends += " (expired)" if expired(trusted, at) else ""
    table = Table(
        title=f"{trusted.environment.value} list, sequence {trusted.sequence}, issued "
        f"{format_instant(trusted.issued)}, ends {ends}",
        title_justify="left",
    )
    for heading in ("issuer", "division", "formats", "keys", "last key ends", "revoked"):
        table.add_column(heading, justify="right" if heading in ("keys", "revoked") else "left", overflow="fold")
    for issuer in trusted.issuers[:MOST_ROWS]:
        end = _last_end(issuer)
        late = end is not None and at > end
        shown = issuer.issuer if issuer.name == issuer.issuer else f"{issuer.name}\n{issuer.issuer}"
        table.add_row(
            escape(shown),
            issuer.division or "-",
            ", ".join(sorted(issuer.formats)),
            str(len(issuer.keys)),
            ("-" if end is None else format_instant(end)[:10]) + (" (expired)" if late else ""),
            str(sum(len(one.revoked) for one in issuer.revocations)),
        )
    console = Console()
    console.print(table)
    if len(trusted.issuers) > MOST_ROWS:
        console.print(f"and {len(trusted.issuers) - MOST_ROWS} more: --json shows all")


def show_refused(refused: tuple[RefusedKey, ...]) -> None:
    """Print the refused keys, if there are any."""
    if not refused:
        return
    table = Table(title="refused keys", title_justify="left")
    for heading in ("where", "issuer", "reason", "detail"):
        table.add_column(heading, overflow="fold")
    for one in refused[:MOST_ROWS]:
        table.add_row(escape(one.position), escape(one.issuer), one.reason.value, escape(one.detail))
    Console().print(table)


def print_json(value: dict[str, object]) -> None:
    """Print one JSON value on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def list_bytes(file: Path) -> bytes:
    """Return what a file holds, and no more than one byte over what a list may have. Raises: OSError."""
    with file.open("rb") as source:
        return source.read(MAX_LIST_BYTES + 1)


def stop(why: str) -> NoReturn:
    """End the command: nothing was done, and why."""
    typer.echo(why, err=True)
    raise typer.Exit(ExitStatus.NOTHING_DONE)
