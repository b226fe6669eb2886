"""`hcgw config`: look at a configuration without serving. Opens no port."""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from gateway.config import Config, ConfigRefused, load

if TYPE_CHECKING:
    from gateway.config.audit import AuditSection
    from gateway.config.handles import HandlesSection
    from gateway.config.schema import TlsSection
    from gateway.config.status import StatusSection

UNSOUND: Final = 1
"""Exit status of check, if the gateway would not start with this configuration."""

app = typer.Typer(name="config", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path | None, typer.Argument(metavar="FILE", envvar="HCGW_CONFIG", help="The configuration.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Overrides an option. Repeatable.")
]


@app.callback()
def config() -> None:
    """Check, show and describe the configuration.

    For example:

      hcgw config check /etc/hcgw/hcgw.toml
    """


@app.command("check")
def check(
    file: File = None,
    settings: Settings = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask the Redis of the replay guard too, as serve would.")] = False,
) -> None:
    """Check a configuration and all files that it names, as `hcgw serve` would load them. Opens no port.

    Exit status: 0 the gateway would start, 1 it would not: each fault is told with its option and file.

    For example:

      hcgw config check /etc/hcgw/hcgw.toml && systemctl restart hcgw

      hcgw config check --ask /etc/hcgw/hcgw.toml
    """
    config = _load(file, settings)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from gateway.instants import now
    from gateway.loading import (
        StartRefused,
        load_policies,
        load_provinces,
        load_published,
        load_trust,
    )

    faults: list[str] = []
    try:
        found = load_trust(config, now()).current
        typer.echo(f"trust.lists        ok: {len(found.issuers)} issuers, {len(found.keys)} keys")
        if found.refused:
            typer.echo(f"                   {len(found.refused)} keys were not taken: see hcgw trust check")
        typer.echo(f"lists.files        ok: {len(load_published(config, found, now()).lists)} published lists")
    except StartRefused as refused:
        faults.append(str(refused))
    try:
        typer.echo(f"policy.directory   ok: {len(load_policies(config).divisions)} divisions")
    except StartRefused as refused:
        faults.append(str(refused))
    try:
        typer.echo(f"provinces          ok: {len(load_provinces(config).profiles)} profiles")
    except StartRefused as refused:
        faults.append(str(refused))
    faults += _signer_faults(config)
    faults += _callers_faults(config)
    faults += _replay_faults(config, ask=ask)
    if config.handles is not None:
        faults += _handles_faults(config.handles)
    if config.status is not None:
        faults += _status_faults(config.status)
    if config.audit is not None:
        faults += _audit_faults(config.audit)
    if config.grpc.tls is not None:
        faults += _tls_faults(config.grpc.tls)
    if not faults:
        faults += _faults_together(config)
    for fault in faults:
        typer.secho(fault, err=True, fg="red")
    if faults:
        raise typer.Exit(UNSOUND)
    typer.echo("the configuration is sound")


@app.command("show")
def show(file: File = None, settings: Settings = None) -> None:
    """Show the configuration in effect: file, environment and flags together, defaults filled in, as JSON.

    For example:

      HCGW__LOG__LEVEL=debug hcgw config show /etc/hcgw/hcgw.toml
    """
    typer.echo(_load(file, settings).model_dump_json(indent=2))


@app.command("schema")
def schema() -> None:
    """Show the JSON Schema of the configuration file, for editors and other tools.

    For example:

      hcgw config schema > hcgw.schema.json
    """
    typer.echo(json.dumps(Config.model_json_schema(), indent=2))


def _faults_together(config: Config) -> list[str]:
    """Return what only shows when the parts are put together: credentials of profiles, the names of converted codes."""
    from gateway.conversion.observer import NobodyObserves
    from gateway.instants import now
    from gateway.judging import Judging, Watchers
    from gateway.loading import StartRefused
    from gateway.provinces.observer import NobodyWatches

    try:
        Judging(config, now, Watchers(lambda _: None, NobodyWatches(), NobodyObserves()))
    except StartRefused as refused:
        return [str(refused)]
    return []


def _signer_faults(config: Config) -> list[str]:
    """Return what is wrong with the keys that sign, and those that are published beside them; tell what is right."""
    from gateway.loading import StartRefused, load_conversion_signer, load_other_keys, load_signer

    try:
        signer = load_signer(config)
        typer.echo(f"receipts.signer    ok: {signer.algorithm.value}, key id {signer.key_id.decode()}")
        others = load_other_keys(config)
        if others:
            typer.echo(f"receipts.other_keys ok: {', '.join(str(key['kid']) for key in others)}")
        converting = load_conversion_signer(config)
        if converting is not None:
            typer.echo(f"conversion.signer  ok: {converting.algorithm.value}, key id {converting.key_id.decode()}")
    except StartRefused as refused:
        return [str(refused)]
    return []


def _callers_faults(config: Config) -> list[str]:
    from gateway.judging import most_profiles
    from gateway.loading import StartRefused, load_callers

    try:
        found = load_callers(config)
    except StartRefused as refused:
        return [str(refused)]
    if found.grants is None:
        typer.echo("callers            everyone may ask: for tests only")
    else:
        domains = 0 if found.roots is None else len(found.roots.domains)
        typer.echo(f"callers.registry   ok: {len(found.grants.rows)} callers, {domains} domains with authorities")
        most = most_profiles(config)
        for row in found.grants.rows:
            if capped := sorted(row.profiles - most):
                names = ", ".join(profile.name for profile in capped)
                typer.echo(
                    f"                   caller {row.place} is granted {names}, which [disclosure] does not allow"
                )
    return []


def _replay_faults(config: Config, *, ask: bool) -> list[str]:
    """Return what is wrong with the Redis that nodes share; it is reached only if it is to be asked."""
    import asyncio

    from gateway.guarding import redis_access
    from gateway.loading import StartRefused
    from gateway.replay.questions import RedisSilent

    try:
        access = redis_access(config.replay)
    except StartRefused as refused:
        return [str(refused)]
    if config.replay.insecure_no_guard:
        typer.echo("replay             nothing is guarded: for tests only")
    if access is None:
        return []
    if not ask:
        typer.echo("replay.redis       named: hcgw config check --ask reaches it")
        return []

    async def reached() -> float:
        line = access.line()
        try:
            return await line.open(config.replay.redis_budget_ms / 1_000)
        finally:
            await line.close()

    try:
        uptime_s = asyncio.run(reached())
    except RedisSilent as silent:
        return [
            f"replay.redis: {config.replay.redis}: it is not asked: {silent.why} (see the runbook replay-guard-local)"
        ]
    typer.echo(f"replay.redis       ok: up for {uptime_s:.0f} s, answers within {config.replay.redis_budget_ms:g} ms")
    return []


def _handles_faults(handles: HandlesSection) -> list[str]:
    """Return what is wrong with the folder of keys. Makes neither it nor a key: that is the service's own user's."""
    from keys.epoch_keys import EpochFolder, EpochKeyUnavailable

    folder = EpochFolder(handles.folder)
    if not handles.folder.exists():
        typer.echo(f"handles.folder     not there yet: {handles.folder} is made at the start")
        return []
    try:
        folder.judge()
        typer.echo(f"handles.folder     ok: keys of {len(folder.epochs())} epochs")
    except EpochKeyUnavailable as refused:
        return [f"handles.folder: {refused.why}"]
    return []


def _status_faults(status: StatusSection) -> list[str]:
    from gateway.keeper.keeper import refuse_without_boot
    from gateway.keeper.sources import followed_gateways, plain_lists
    from gateway.loading import StartRefused, load_status_signer
    from gateway.store.open import StoreUnavailable, read_address

    try:
        refuse_without_boot()
        signer = load_status_signer(status)
        typer.echo(f"status.signer      ok: {signer.algorithm.value}, key id {signer.key_id.decode()}")
        followed, plain = followed_gateways(status), plain_lists(status)
        typer.echo(f"status.follow      ok: {len(followed)} gateways, {len(plain)} plain lists")
        typer.echo(f"status.store       named: {read_address(status.store).dialect.value}; hcgw db check looks into it")
    except (StartRefused, StoreUnavailable) as refused:
        return [str(refused)]
    return []


def _audit_faults(audit: AuditSection) -> list[str]:
    from gateway.audit.entries import LogName
    from gateway.auditing import keeping_settings, peers_of, recording_settings
    from gateway.loading import StartRefused, load_audit_signer
    from gateway.recording.keeping import log_origin
    from keys.notes import NoteRefused, NoteSigner

    try:
        signer = load_audit_signer(audit)
        keeping_settings(audit, recording_settings(audit))
        keys = [NoteSigner(log_origin(audit.origin, log), signer).verifier for log in LogName]
        for key in keys:
            typer.echo(f"audit.signer       ok: {key.vkey}")
        typer.echo(f"audit.peers        ok: {len(peers_of(audit))} gateways whose heads are compared")
    except StartRefused as refused:
        return [str(refused)]
    except NoteRefused as refused:
        return [f"audit.signer, audit.former_vkeys: {refused.fault.value}"]
    return []


def _tls_faults(tls: TlsSection) -> list[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    faults = []
    try:
        context.load_cert_chain(tls.certificate_file, tls.key_file)
    except (OSError, ssl.SSLError) as error:
        files = f"{tls.certificate_file}, {tls.key_file}"
        faults.append(f"grpc.tls.certificate_file, grpc.tls.key_file: {files}: {_why(error)}")
    try:
        context.load_verify_locations(tls.client_ca_file)
    except (OSError, ssl.SSLError) as error:
        faults.append(f"grpc.tls.client_ca_file: {tls.client_ca_file}: {_why(error)}")
    if not faults:
        typer.echo("grpc.tls           ok")
    return faults


def _why(error: OSError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or "cannot be used"


def _load(file: Path | None, settings: list[str] | None) -> Config:
    try:
        return load(file, settings or [])
    except ConfigRefused as refused:
        _refuse(refused)


def _refuse(refused: ConfigRefused) -> NoReturn:
    for problem in refused.problems:
        typer.secho(str(problem), err=True, fg="red")
    raise typer.Exit(UNSOUND)
