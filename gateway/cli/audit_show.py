"""`hcgw audit show`: what stands in a log, filtered, one JSON object a line."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.audit.faults import LogUnusable
from gateway.audit.reading import read_bundle, read_file
from gateway.audit.retention import FORGOTTEN
from gateway.audit.tiles import CHECKPOINT, MAX_ENTRY_BYTES, tile_at
from gateway.audit.tree import TILE_LEVELS
from gateway.instants import parse_instant
from gateway.values import Instant

from .audit_head import MOST_BYTES, NOT_VALID, Folder, end, refuse

_TIMES: Final = (("at", 1_000.0), ("bucket", 1.0), ("since", 1.0))
"""The members that tell when an entry was written, the first that is there counts, and how many make a second."""

_HEAD_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """What is shown. Everything that is given must fit."""

    kinds: tuple[str, ...] = ()
    since: Instant | None = None
    until: Instant | None = None
    members: tuple[tuple[tuple[str, ...], str], ...] = ()
    """Path of a member, and what it, or one of the values in it, must be."""

    def takes(self, entry: object) -> bool:
        """Tell whether an entry is shown. What is no JSON object fits no filter."""
        if not isinstance(entry, dict):
            return self == Filter()
        if self.kinds and entry.get("kind") not in self.kinds:
            return False
        if self.since is not None or self.until is not None:
            at = time_of(entry)
            if at is None or at < (self.since or 0) or (self.until is not None and at >= self.until):
                return False
        return all(wanted in _values(entry, path) for path, wanted in self.members)


def show(
    folder: Folder,
    kind: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Only entries of it. Repeatable.")] = None,
    first: Annotated[int, typer.Option("--from", min=0, metavar="INDEX", help="The first entry to look at.")] = 0,
    to: Annotated[int | None, typer.Option(min=0, metavar="INDEX", help="The one after the last.")] = None,
    last: Annotated[int | None, typer.Option(min=1, metavar="N", help="Look at the last N entries only.")] = None,
    since: Annotated[str | None, typer.Option(metavar="RFC3339", help="Only what was written from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="RFC3339", help="Only what was written before then.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEMBER=VALUE", help="Only where a member is that: issuer=..., reasons=EXPIRED. Repeatable."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after N entries.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help='Print {"index": ..., "entry": {...}} a line.')] = False,
) -> None:
    """Show the entries that a log's head is over, the oldest first: index and JSON, one a line.

    Needs no key and checks nothing: hcgw audit verify does. A member inside another is named with a dot
    (orders.authority); of a list one value that fits is enough.

    Exit status: 0 shown, 1 an entry cannot be read, 2 usage.

    For example:

      hcgw audit show /var/lib/hcgw/audit/changes --kind colours --where issuer=https://code.henan.example

      hcgw audit show /var/lib/hcgw/audit/decisions --since 2022-06-13T00:00:00Z --last 100000 --json
    """
    chosen = Filter(tuple(kind or ()), _instant("--since", since), _instant("--until", until), _members(where or ()))
    size = _size(folder)
    stop = min(size, size if to is None else to)
    start = max(first, size - last if last is not None else 0)
    shown = 0
    for index, raw in _entries(folder, start, stop, size):
        entry = _read(raw)
        if not chosen.takes(entry):
            continue
        readable = isinstance(entry, dict)
        told = entry if readable else {"unreadable": base64.b64encode(raw).decode()}
        typer.echo(json.dumps({"index": index, "entry": told}) if as_json else f"{index}\t{json.dumps(told)}")
        shown += 1
        if shown == limit:
            break


def time_of(entry: dict[str, object]) -> Instant | None:
    """Return when an entry was written, as exactly as it says; None if it does not."""
    for member, per_second in _TIMES:
        value = entry.get(member)
        if type(value) is int:
            return Instant(value / per_second)
    return None


def _entries(folder: Path, start: int, stop: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield index and bytes of entries. Says once from where on they are there, if some were forgotten."""
    gone = 0
    for number in range(start >> TILE_LEVELS, (stop + 255) >> TILE_LEVELS):
        bundle = tile_at(size, None, number)
        try:
            entries = read_bundle(folder, bundle)
        except LogUnusable as unusable:
            end("show", NOT_VALID, str(unusable))
        if entries is None:
            if not (folder / FORGOTTEN).exists():
                end("show", NOT_VALID, f"{bundle.path} is missing")
            gone = bundle.end
            continue
        if gone:
            typer.secho(f"hcgw audit show: entries up to {gone - 1} are not there any more", err=True)
            gone = 0
        for index, entry in enumerate(entries, bundle.first):
            if start <= index < stop:
                yield index, entry
    if gone:
        typer.secho(f"hcgw audit show: entries up to {gone - 1} are not there any more", err=True)


def _size(folder: Path) -> int:
    """Return over how many entries the head is, whoever signed it."""
    try:
        data = read_file(folder, CHECKPOINT, MOST_BYTES)
    except LogUnusable as unusable:
        end("show", NOT_VALID, str(unusable))
    lines = (data or b"").split(b"\n", _HEAD_LINES)
    if len(lines) <= _HEAD_LINES or not lines[1].isdigit():
        end("show", NOT_VALID, f"{folder}: there is no log")
    return int(lines[1])


def _read(raw: bytes) -> object:
    """Return what an entry says; None if it is no JSON in ASCII."""
    if len(raw) > MAX_ENTRY_BYTES or not raw.isascii():
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _values(value: object, path: tuple[str, ...]) -> set[str]:
    """Return every value at a path, as text."""
    if isinstance(value, list):
        return {found for one in value for found in _values(one, path)}
    if path:
        return _values(value.get(path[0]), path[1:]) if isinstance(value, dict) else set()
    if value is None or isinstance(value, dict):
        return set()
    return {value if isinstance(value, str) else json.dumps(value)}


def _members(given: tuple[str, ...] | list[str]) -> tuple[tuple[tuple[str, ...], str], ...]:
    found = []
    for text in given:
        member, equals, value = text.partition("=")
        if not equals or not member:
            refuse("show", "--where is MEMBER=VALUE, as in --where measure=DENY")
        found.append((tuple(member.split(".")), value))
    return tuple(found)


def _instant(option: str, text: str | None) -> Instant | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        refuse("show", f"{option} must be RFC 3339, as in 2022-06-13T00:00:00Z")
