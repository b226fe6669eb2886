"""`hcgw purge --everything`, for the day the epidemic ends: deletes all that a gateway has kept, and looks again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from gateway.config import ConfigRefused, load
from gateway.store.open import StoreUnavailable, drop, holds_anything

from .purge_places import Kept, Plan, PurgeRefused, check, delete, locked, plan

LEFT: Final = 1
REFUSED: Final = 2

CONFIRMATION: Final = "delete everything"

NOT_REACHED: Final = (
    "not reached from here: backups and snapshots, replicas and logs of a database, what other gateways follow",
    "not reached either: what a shared Redis remembers of showings; each ends by itself, within an hour or two",
    "not promised: that a disk does not keep blocks that were freed (SSDs do); destroy or encrypt the medium for that",
    "left alone: the configuration, all files that it reads, and the logs of the service",
)


def purge(
    config: Annotated[
        Path, typer.Option(metavar="FILE", envvar="HCGW_CONFIG", help="The gateway's configuration: it tells where.")
    ],
    everything: Annotated[
        bool, typer.Option("--everything", help="Lists, their log, the audit log, keys of handles. Nothing less.")
    ] = False,
    keys_too: Annotated[
        bool, typer.Option("--keys-too", help="Also the keys that sign for the gateway, and the replay secret.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes-delete-everything", help="Do not ask. Nothing brings it back.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Overrides an option. Repeatable.")
    ] = None,
) -> None:
    """Delete everything that a gateway has kept, for the day on which there is no reason left to keep it.

    Shows what is there, asks, deletes, and looks whether it is gone. Refuses while the gateway runs. Replay memory has
    no files, and receipts are kept nowhere.

    Exit status: 0 all is gone, 1 something is left, 2 refused: nothing was deleted.

    For example:

      hcgw purge --config /etc/hcgw/hcgw.toml --everything

      hcgw purge --config /etc/hcgw/hcgw.toml --everything --keys-too --yes-delete-everything
    """
    if not everything:
        _stop(REFUSED, "there is nothing less than --everything: retention deletes by age")
    try:
        found = plan(load(config, settings or ()), keys_too=keys_too)
        check(found.kept)
        with locked(found.kept):
            stored = _stored(found)
            _show(found, stored=stored)
            if not stored and not any(one.is_there for one in found.kept):
                typer.echo("there is nothing")
                return
            if (
                not yes
                and typer.prompt(f"Type '{CONFIRMATION}' to go on", default="", show_default=False) != CONFIRMATION
            ):
                _stop(REFUSED, "nothing was deleted")
            left = _delete(found, stored=stored)
    except (ConfigRefused, PurgeRefused, StoreUnavailable, OSError) as refused:
        _stop(REFUSED, str(refused))
    for line in NOT_REACHED:
        typer.echo(line)
    if left:
        _stop(LEFT, "not everything is gone: see above, and call it again")
    typer.secho("all that this gateway kept here is gone", bold=True)


def _show(found: Plan, *, stored: bool) -> None:
    for one in found.kept:
        files = list(one.files())
        size = sum(file.lstat().st_size for file in files)
        there = f"{len(files)} files, {size} bytes" if one.is_there else "not there"
        typer.echo(f"{one.what:18} {one.path}  {there}")
    if found.store is not None:
        typer.echo(f"{'store':18} {found.store}  {'tables' if stored else 'nothing'} in the database")


def _stored(found: Plan) -> bool:
    return found.store is not None and asyncio.run(holds_anything(found.store))


def _delete(found: Plan, *, stored: bool) -> bool:
    """Delete all; tell whether anything is left. The store comes first: what its address is in may lie in a folder."""
    left = False
    if stored and found.store is not None:
        asyncio.run(drop(found.store))
        typer.echo(f"gone: {found.store}")
    for one in found.kept:
        left |= not _deleted(one)
    return left


def _deleted(one: Kept) -> bool:
    if not one.is_there:
        return True
    try:
        delete(one)
    except (OSError, PurgeRefused) as failed:
        typer.secho(f"left: {one.path}: {failed}", err=True)
        return False
    typer.echo(f"gone: {one.path}")
    return True


def _stop(status: int, why: str) -> NoReturn:
    typer.secho(f"hcgw purge: {why}", err=True)
    raise typer.Exit(status)
