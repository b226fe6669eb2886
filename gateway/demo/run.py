"""The demo's course: start a gateway, ask it about every sample over gRPC, show the verdicts, keep serving."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

from gateway.app import App
from gateway.config import LogLevel, load
from gateway.instants import format_instant, now
from gateway.policy.book import SHIPPED
from gateway.rpc.client import Answer, VerificationClient, connected
from gateway.values import Algorithm, Instant, Measure, Profile, Purpose
from gateway.watch.logs import EventLog

from .home import DemoHome
from .provinces import make_issuers, trust_document
from .public import WHERE_TO_GET_THEM, PublicCodes, public_codes, vectors_folder
from .samples import RECEIVING, Sample, own_samples

_COLOURS = {Measure.PASS: "green", Measure.LIMITED: "yellow", Measure.DENY: "red", Measure.MANUAL: "cyan"}
_CONFIG = """\
# Written by hcgw demo. For this machine and for trying things out: plaintext on loopback, keys of the demo.
[service]
environment = "test"
[grpc]
listen = "{grpc}"
insecure_plaintext_on_loopback = true
reflection = true
lame_duck_s = 0
grace_s = 2
[http]
listen = "{http}"
[trust]
lists = ["trust.json"]
[policy]
directory = "{policies}"
[disclosure]
max_profile = "STAFF"
[receipts]
signer = "file:{signer}"
issuer = "https://gateway.example"
"""


class DemoClock:
    """The system's clock, unless it is set: public test codes expired long ago and are judged at their own time."""

    def __init__(self) -> None:
        self.set_to: Instant | None = None

    def __call__(self) -> Instant:
        """Return the instant."""
        return now() if self.set_to is None else self.set_to


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sample and what the gateway said of it."""

    sample: Sample
    said: Answer

    @property
    def as_expected(self) -> bool:
        """Tell whether the gateway said what a right one says."""
        return self.said.measure is self.sample.measure and self.said.reasons[0] == self.sample.reason.name


async def run_demo(home: DemoHome, *, once: bool, grpc: str, http: str, log_to: TextIO) -> bool:
    """Run the demo. Return whether every verdict was the expected one.

    Raises: StartRefused if a port cannot be had.
    """
    console = Console()
    public = _public(console)
    samples, config_file = prepare(home, public, grpc=grpc, http=http)
    clock = DemoClock()
    app = App(load(config_file), clock=clock, log=EventLog(level=LogLevel.WARNING, stream=log_to))
    await app.start()
    try:
        host = grpc.rpartition(":")[0]
        console.print(
            f"A sample gateway listens on {host}:{app.grpc_port} and is asked about {len(samples)} codes.\n",
            highlight=False,
        )
        async with connected(f"{host}:{app.grpc_port}") as client:
            verdicts = [await _ask(client, clock, sample) for sample in samples]
        console.print(_table(verdicts))
        right = all(verdict.as_expected for verdict in verdicts)
        console.print(_summary(verdicts))
        if not once:
            console.print(_invitation(host, app, samples[0]), soft_wrap=True, highlight=False)
            await _until_interrupted()
        return right
    finally:
        await app.drain()


def _public(console: Console) -> PublicCodes:
    folder = vectors_folder()
    if folder is None:
        console.print(WHERE_TO_GET_THEM, soft_wrap=True, highlight=False)
        return PublicCodes((), ())
    return public_codes(folder)


def prepare(home: DemoHome, public: PublicCodes, *, grpc: str, http: str) -> tuple[list[Sample], Path]:
    """Write the trust list and the configuration; return the samples and the configuration file."""
    at = now()
    issuers = make_issuers(home)
    listed = (*(issuer.listed for issuer in issuers.all()), *public.issuers)
    home.trust_list.write_bytes(trust_document(listed, at))
    home.signer("gateway", Algorithm.ED25519)
    signer = home.key_file("gateway").name
    home.config.write_text(_CONFIG.format(grpc=grpc, http=http, policies=SHIPPED, signer=signer))
    return [*own_samples(issuers, at), *public.samples], home.config


async def _ask(client: VerificationClient, clock: DemoClock, sample: Sample) -> Verdict:
    clock.set_to = sample.at
    try:
        said = await client.verify_code(
            sample.code, purpose=Purpose.TRANSPORT_ARRIVAL, division=RECEIVING, profile=Profile.STAFF
        )
    finally:
        clock.set_to = None
    return Verdict(sample, said)


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(
        title=f"What a gate in Zhejiang ({RECEIVING}) is told", title_justify="left", box=None, pad_edge=False
    )
    table.add_column("code")
    table.add_column("measure", no_wrap=True)
    table.add_column("why")
    for verdict in verdicts:
        sample, said = verdict.sample, verdict.said
        when = "" if sample.at is None else f" [dim]at {format_instant(sample.at)[:10]}[/]"
        wrong = "" if verdict.as_expected else f" [reverse]expected {sample.measure.name} {sample.reason.name}[/]"
        table.add_row(
            sample.title + when, f"[bold {_COLOURS[said.measure]}]{said.measure.name}[/]", _why(said.reasons) + wrong
        )
    return table


def _why(reasons: Sequence[str]) -> str:
    """Return the deciding reason and the conditions; notes are left out."""
    conditions = (name.removeprefix("CONDITION_").lower().replace("_", " ") for name in reasons if "CONDITION_" in name)
    return ", ".join([reasons[0], *conditions])


def _summary(verdicts: Sequence[Verdict]) -> str:
    right = sum(verdict.as_expected for verdict in verdicts)
    return f"\n{right} of {len(verdicts)} verdicts are the expected ones."


def _invitation(host: str, app: App, sample: Sample) -> str:
    return (
        f"\nThe gateway is serving: gRPC on {host}:{app.grpc_port}, metrics and health on http://{host}:{app.http_port}.\n"
        "Call it from another terminal:\n\n"
        f"  .venv/bin/hcgw ask --to {host}:{app.grpc_port} --division {RECEIVING} {sample.code.decode()}\n\n"
        "Ctrl-C ends it."
    )


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
