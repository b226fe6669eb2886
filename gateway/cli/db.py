"""`hcgw db`: migrate, check and copy the store of signed batches."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, Final, NoReturn

import typer

from gateway.changes import StoreDegraded
from gateway.store.copy import CopyRefused
from gateway.store.copy import copy as copy_log
from gateway.store.migrations import Dialect
from gateway.store.open import StoreUnavailable, migrate, open_beside, open_log, read_address, schema_of

from .db_check import checked

SOUND: Final = 0
NOT_YET: Final = 1
"""check: a fault was found; copy: the source has moved on."""
REFUSED: Final = 2

app = typer.Typer(name="db", no_args_is_help=True, rich_markup_mode=None)

Store = Annotated[
    str, typer.Option("--store", metavar="STORE", help="sqlite:FILE, or postgresql:FILE that holds the DSN.")
]


@app.callback()
def db() -> None:
    """Migrate, check and copy the store of signed batches.

    A DSN stands in a file that only its owner may read, never on a command line.

    For example:

      hcgw db check --store sqlite:/var/lib/hcgw/status/log.sqlite
    """


@app.command("migrate")
def migrate_store(store: Store) -> None:
    """Bring a store to the schema of this release. One in SQLite is made if it is not there.

    Exit status: 0 done, 2 refused.

    For example:

      hcgw db migrate --store postgresql:/etc/hcgw/store.dsn
    """
    for step in _run(migrate(store)):
        typer.echo(f"applied {step.number:04d} {step.subject}")
    typer.echo(f"{read_address(store)}: at schema {_run(schema_of(store))}")


@app.command("check")
def check(
    store: Store,
    deep: Annotated[
        bool, typer.Option(help="Read every batch, and follow the chain of digests that issuers sign.")
    ] = True,
) -> None:
    """Check a store, also while a gateway serves from it.

    Exit status: 0 sound, 1 a fault was found, 2 it cannot be opened.

    Looks whether it answers (PostgreSQL: whether it can be written), at the schema, at the server's or the file's own
    health, whether the numbers of each list have a gap, and whether each batch names the one before it.

    For example:

      hcgw db check --store sqlite:/var/lib/hcgw/status/log.sqlite
    """
    faults = _run(_checked(store, deep=deep))
    raise typer.Exit(NOT_YET if faults else SOUND)


@app.command("copy")
def copy(
    source: Annotated[str, typer.Option("--from", metavar="STORE", help="The log that the gateway uses now.")],
    target: Annotated[str, typer.Option("--to", metavar="STORE", help="The log that it shall use; migrated already.")],
) -> None:
    """Copy a log into another, while the gateway serves from the first.

    A copy that was cut off goes on where it stopped. Exit status: 0 both are equal; 1 the source has moved on: stop the
    gateway, copy again (that takes seconds), and start it with the other store; 2 refused: the target is no copy.

    For example:

      hcgw db migrate --store postgresql:/etc/hcgw/store.dsn

      hcgw db copy --from sqlite:/var/lib/hcgw/status/log.sqlite --to postgresql:/etc/hcgw/store.dsn
    """
    raise typer.Exit(_run(_copied(source, target)))


async def _checked(store: str, *, deep: bool) -> bool:
    found = False
    log = await open_beside(store)
    try:
        typer.echo(f"{read_address(store)}: schema {await schema_of(store)}")
        async for line in checked(log, writable=read_address(store).dialect is Dialect.POSTGRESQL, deep=deep):
            found |= line.fault
            typer.secho(line.text, err=line.fault, fg="red" if line.fault else None)
    finally:
        await log.close()
    return found


async def _copied(source: str, target: str) -> int:
    if read_address(source) == read_address(target):
        raise StoreUnavailable("--from and --to are the same store")
    here = await open_beside(source)
    try:
        there = await open_log(target)
        try:
            copied = await copy_log(here, there, _tell_pass)
        finally:
            await there.close()
    finally:
        await here.close()
    typer.echo(f"{copied.lists} lists, {copied.batches} batches copied, {copied.compared} are the same in both")
    if not copied.behind:
        typer.echo("both are equal")
        return SOUND
    typer.echo(f"{len(copied.behind)} lists have moved on since: stop the gateway and copy again", err=True)
    return NOT_YET


def _tell_pass(number: int, batches: int) -> None:
    typer.echo(f"pass {number}: {batches} batches")


def _run(asked: Coroutine[Any, Any, Any]) -> Any:
    try:
        return asyncio.run(asked)
    except (StoreUnavailable, StoreDegraded, CopyRefused) as refused:
        _stop(str(refused))


def _stop(why: str) -> NoReturn:
    typer.secho(f"hcgw db: {why}", err=True)
    raise typer.Exit(REFUSED)
