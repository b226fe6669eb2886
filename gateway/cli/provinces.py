"""`hcgw provinces`: check, show and try the profiles of provinces.

- `check`, `list` and `schema` connect to nobody. `probe` asks a province once, as the gateway would.
- A code is read from a file or from standard input, never from the command line: others on the machine see that.
- Exit status: 0 sound; 1 a fault, or a province that does not work; 2 usage.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

if TYPE_CHECKING:
    from gateway.provinces.dialect import FindsKeys
    from gateway.provinces.directory import ProvinceDirectory
    from gateway.provinces.profile import ProvinceProfile
    from gateway.provinces.toml_file import FileFault

    from .provinces_probe import Probed

UNSOUND: Final = 1
USAGE: Final = 2
MOST_READ: Final = 64 * 1024

app = typer.Typer(name="provinces", no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of profiles (*.toml).")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, on one line.")]


@app.callback()
def provinces() -> None:
    """Check, show and try the profiles of provinces.

    For example:

      hcgw provinces check deploy/provinces
    """


@app.command("check")
def check(
    folder: Folder,
    ready: Annotated[bool, typer.Option("--ready", help="Also read the files that the profiles name.")] = False,
) -> None:
    """Check all profiles of a folder as the gateway does. Connects to nobody.

    Each fault is told as file:line: member: why. Exit status: 0 sound, 1 not.

    For example:

      hcgw provinces check --ready /etc/hcgw/provinces && systemctl reload hcgw
    """
    directory = _load(folder)
    if ready:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from .provinces_ready import not_ready

        _stop_at(not_ready(folder, directory))
    count = len(directory.profiles)
    typer.echo(f"{folder}: {count} profile{'' if count == 1 else 's'}, sound{' and ready' if ready else ''}")


@app.command("list")
def list_(folder: Folder, as_json: AsJson = False) -> None:
    """Show which provinces a folder describes, and how much of each profile is assumed.

    For example:

      hcgw provinces list deploy/provinces
    """
    directory = _load(folder)
    rows = [_summary(one) for one in directory.profiles]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
    else:
        _show(rows)


@app.command("probe")
def probe(
    folder: Folder,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One province; else all, or the code's.")] = None,
    code_file: Annotated[
        Path | None, typer.Option(metavar="FILE|-", help="Ask about the code in this file; - reads it from stdin.")
    ] = None,
    trust: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Trust list, for signed answers. Repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a province once, as the gateway would, and tell how it answers: no personal data is shown.

    Without a code it is only told whether a connection can be made. Exit status: 0 all work, 1 one does not, 2 usage.

    For example:

      hcgw provinces probe /etc/hcgw/provinces

      hcgw provinces probe /etc/hcgw/provinces zhejiang --code-file - < code.txt
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from gateway.errors import CodeUnreadable
    from gateway.instants import now

    from .provinces_probe import ask, knock, question

    directory = _load(folder)
    chosen = _chosen(directory, name)
    if code_file is None:
        profiles = directory.profiles if chosen is None else (chosen,)

        async def knock_at_all() -> list[Probed]:
            return list(await asyncio.gather(*(knock(one) for one in profiles)))

        found = asyncio.run(knock_at_all())
    else:
        try:
            profile, code = question(directory, chosen, _code(code_file))
        except CodeUnreadable as unreadable:
            typer.secho(f"the code cannot be asked about: {unreadable.reason.name}", err=True, fg="red")
            raise typer.Exit(UNSOUND) from None
        found = [asyncio.run(ask(profile, code, at=now(), keys=_keys(trust or [])))]
    for one in found:
        typer.echo(json.dumps(asdict(one)) if as_json else str(one))
    if not all(one.good for one in found):
        raise typer.Exit(UNSOUND)


@app.command("schema")
def schema() -> None:
    """Show the JSON Schema of a profile, for editors and other tools.

    For example:

      hcgw provinces schema > deploy/provinces/profile.schema.json
    """
    from gateway.provinces.profile_model import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _load(folder: Path) -> ProvinceDirectory:
    from gateway.provinces.directory import ProfilesUnavailable, ProvinceDirectory

    try:
        return ProvinceDirectory.load(folder)
    except ProfilesUnavailable as refused:
        _stop_at(refused.faults)
        raise


def _stop_at(faults: Iterable[FileFault]) -> None:
    """End the command if there are faults, and tell them."""
    told = [str(fault) for fault in faults]
    for fault in told:
        typer.secho(fault, err=True, fg="red")
    if told:
        raise typer.Exit(UNSOUND)


def _chosen(directory: ProvinceDirectory, name: str | None) -> ProvinceProfile | None:
    from gateway.provinces.profile import ProvinceName

    if name is None:
        return None
    found = directory.by_name.get(ProvinceName(name))
    if found is None:
        _refuse("no profile has this name: see hcgw provinces list")
    return found


def _code(file: Path) -> bytes:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MOST_READ).rstrip(b"\r\n")
        with file.open("rb") as opened:
            return opened.read(MOST_READ).rstrip(b"\r\n")
    except OSError as unreadable:
        _refuse(f"{file}: {unreadable.strerror}")


def _keys(files: list[Path]) -> FindsKeys:
    from .trust_sources import TrustSourceInvalid, from_files

    try:
        return from_files(files).snapshot().ring.find
    except TrustSourceInvalid as invalid:
        _refuse(str(invalid))


def _summary(profile: ProvinceProfile) -> dict[str, object]:
    return {
        "name": profile.name,
        "title": profile.title,
        "division": profile.division,
        "issuer": profile.issuer,
        "dialect": profile.dialect.value,
        "fresh_for_s": profile.budget.fresh_for_s,
        "deadline_s": profile.budget.deadline_s,
        "falls_back": profile.falls_back,
        "states": len(profile.states),
        "shapes": len(profile.shapes),
        "sources": len(profile.sources),
        "assumed": sum("assumed" in source for source in profile.sources.values()),
    }


def _show(rows: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for heading in ("name", "division", "dialect", "fresh for", "deadline", "falls back", "assumed"):
        table.add_column(heading, justify="right" if heading in ("fresh for", "deadline", "assumed") else "left")
    for row in rows:
        table.add_row(
            str(row["name"]),
            str(row["division"]),
            str(row["dialect"]),
            f"{row['fresh_for_s']:g} s",
            f"{row['deadline_s']:g} s",
            "yes" if row["falls_back"] else "no",
            f"{row['assumed']} of {row['sources']}",
        )
    Console().print(table)


def _refuse(why: str) -> NoReturn:
    typer.secho(f"hcgw provinces: {why}", err=True)
    raise typer.Exit(USAGE)
