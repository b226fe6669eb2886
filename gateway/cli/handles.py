"""`hcgw handles`: the keys that handles are made with. Never shows one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from gateway.config import ConfigRefused, load
from gateway.config.handles import HandlesSection
from gateway.instants import format_instant, now
from gateway.values import Instant
from keys.epoch_keys import Epoch, EpochFolder, EpochKeyUnavailable, epoch_at

FAILED: Final = 1
USAGE: Final = 2
MOST_EPOCHS: Final = 520
"""That are made at once: ten years of weeks."""

app = typer.Typer(name="handles", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Option("--config", metavar="FILE", envvar="HCGW_CONFIG", help="The configuration.")]


@app.callback()
def handles() -> None:
    """Make, list and destroy the keys that handles are made with (docs/handles.md). Run it as the service's user.

    For example:

      hcgw handles list --config /etc/hcgw/hcgw.toml
    """


@app.command("make")
def make(
    config: File,
    epochs: Annotated[int, typer.Option(min=1, max=MOST_EPOCHS, help="From the current one on.")] = 1,
) -> None:
    """Make the keys of coming epochs now, to copy the folder to other nodes. One that is there stays as it is.

    Exit status: 0 they are there, 1 one cannot be had, 2 usage.

    For example:

      hcgw handles make --config /etc/hcgw/hcgw.toml --epochs 8
    """
    section, folder = _open(config)
    epoch, new = epoch_at(now(), section.epoch_s), 0
    try:
        folder.open(now())
        for _ in range(epochs):
            new += folder.key(epoch, make=True)[1]
            epoch = epoch.next
    except EpochKeyUnavailable as refused:
        _end(FAILED, refused.why)
    typer.echo(f"{new} keys made, {epochs - new} were there")


@app.command("list")
def show(config: File) -> None:
    """List the epochs that have a key, and up to when keys are destroyed.

    Exit status: 0 listed, 1 the folder is unusable, 2 usage.

    For example:

      hcgw handles list --config /etc/hcgw/hcgw.toml
    """
    section, folder = _open(config)
    try:
        folder.judge()
        found, destroyed = folder.epochs(), folder.destroyed_until()
    except EpochKeyUnavailable as refused:
        _end(FAILED, refused.why)
    current = epoch_at(now(), section.epoch_s)
    for epoch in found:
        typer.echo(f"{_told(epoch)}{'  current' if epoch == current else ''}")
    if current not in found:
        typer.echo(f"{_told(current)}  current, without a key")
    if destroyed:
        typer.echo(f"destroyed: all that ended by {format_instant(Instant(float(destroyed)))}")


@app.command("destroy")
def destroy(
    config: File,
    current: Annotated[bool, typer.Option("--current", help="The current key too: no handles until it ends.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All keys, also those made ahead.")] = False,
) -> None:
    """Destroy keys for good: of epochs that have ended, and if you say so the others. Their handles mean nothing then.

    A gateway that runs stops using them within seconds. Copies on other nodes, in backups and snapshots are yours.
    Nothing that ends by the end of what is destroyed gets a key again: after --all there are no handles until the last
    key that was made ahead would have ended.

    Exit status: 0 done, 1 one cannot be destroyed, 2 usage.

    For example:

      hcgw handles destroy --config /etc/hcgw/hcgw.toml --all
    """
    section, folder = _open(config)
    at = now()
    doomed_by = epoch_at(at, section.epoch_s).end if current else at
    try:
        folder.judge()
        doomed = [epoch for epoch in folder.epochs() if everything or epoch.end <= doomed_by]
        if current or everything:  # also where it has no key yet: none is made any more
            doomed.append(epoch_at(at, section.epoch_s))
        gone = folder.destroy(doomed)
    except EpochKeyUnavailable as refused:
        _end(FAILED, refused.why)
    for epoch in gone:
        typer.echo(f"{_told(epoch)}  destroyed")
    if not gone:
        typer.echo("nothing to destroy")


def _open(config: Path) -> tuple[HandlesSection, EpochFolder]:
    try:
        section = load(config).handles
    except ConfigRefused as refused:
        _end(USAGE, str(refused))
    if section is None:
        _end(USAGE, "the configuration has no [handles]")
    return section, EpochFolder(section.folder)


def _told(epoch: Epoch) -> str:
    return f"{format_instant(Instant(float(epoch.start)))} to {format_instant(Instant(float(epoch.end)))}"


def _end(status: int, why: str) -> NoReturn:
    typer.secho(f"hcgw handles: {why}", err=True)
    raise typer.Exit(status)
