"""`hcgw callers`: look at a registry of callers. Offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.callers.identity import domain_of, is_name, read_identity
from gateway.callers.registry import LOOPBACK_NAME, Grant, Grants
from gateway.callers.registry_file import RegistryInvalid, read_registry
from gateway.rpc.methods import known_calls

UNKNOWN: Final = 1
BROKEN: Final = 2

app = typer.Typer(name="callers", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The registry (TOML), docs/callers.md.")]


@app.callback()
def callers() -> None:
    """Check a registry of callers, and tell what one of them may ask.

    For example:

      hcgw callers check callers.toml
    """


@app.command("check")
def check(
    file: File,
    domain: Annotated[
        list[str] | None,
        typer.Option(metavar="DOMAIN", help="A domain with authorities; others are refused. Repeatable."),
    ] = None,
) -> None:
    """Check a registry as the gateway reads it. Exit status: 0 sound, 2 broken: the fault is told with line and member.

    For example:

      hcgw callers check callers.toml && systemctl reload hcgw
    """
    found = _read(file, domain)
    named = sum(row.who.name is not None for row in found.rows)
    domains = sorted({row.who.domain for row in found.rows if row.who.domain is not None})
    typer.echo(f"{file}: version {found.version}, {named} callers by name, {len(found.rows) - named} by description")
    typer.echo(f"domains: {', '.join(domains) or 'none'}")


@app.command("show")
def show(
    file: File,
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the certificate, as in spiffe://zj.example/hub/...")],
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Whose authorities signed it, if the name does not say.")
    ] = None,
) -> None:
    """Tell what a caller may ask, by name. Exit status: 0 she may ask something, 1 nothing, 2 the registry is broken.

    For example:

      hcgw callers show callers.toml --name spiffe://zj.example/hub/330100/rail/hangzhou-east
    """
    found = _read(file, None)
    if name == LOOPBACK_NAME and domain is None:
        row = found.of_loopback
    else:
        vouched_by = {one for one in (domain_of(name) or domain,) if one is not None} if is_name(name) else set()
        row = found.of(name, vouched_by)
    identity = read_identity(name)
    if identity is None:
        typer.echo("identity    none: only a name")
    else:
        checkpoints = "" if identity.checkpoints is None else f", checkpoints: {identity.checkpoints.value}"
        typer.echo(f"identity    {identity.kind.value} of {identity.division}, in {identity.domain}{checkpoints}")
    if row is None:
        typer.echo("row         none: she may ask nothing")
        raise typer.Exit(UNKNOWN)
    _tell(row)


def _tell(row: Grant) -> None:
    names = {call.method: name for name, call in known_calls().items()}
    limits = row.limits
    typer.echo(f"row         caller {row.place} of the file")
    typer.echo(f"calls       {', '.join(sorted(names[method] for method in row.calls))}")
    if row.purposes:
        typer.echo(f"purposes    {', '.join(purpose.name for purpose in sorted(row.purposes))}")
    if row.profiles:
        divisions = "any, and none" if row.divisions is None else ", ".join(row.divisions.told)
        typer.echo(f"divisions   {divisions}")
        typer.echo(f"profiles    {', '.join(profile.name for profile in sorted(row.profiles))}")
    if row.clinical_items:
        typer.echo(f"items       {', '.join(item.name for item in sorted(row.clinical_items))}")
    typer.echo(f"calls/s     {limits.calls_per_s}, at once {limits.calls_burst}")
    if limits.codes_per_s:
        typer.echo(f"codes/s     {limits.codes_per_s}, at once {limits.codes_burst}")


def _read(file: Path, domains: list[str] | None) -> Grants:
    try:
        return read_registry(file, known_calls(), domains)
    except RegistryInvalid as invalid:
        typer.secho(f"{file}: {invalid}", err=True)
        raise typer.Exit(BROKEN) from None
