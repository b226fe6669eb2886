"""The demo's course: start a gateway, ask it about every sample over gRPC, show the verdicts, keep serving."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO, TypedDict

from rich.console import Console
from rich.table import Table

from gateway.app import App
from gateway.changes import BatchRefused, StoreDegraded
from gateway.config import LogLevel, load
from gateway.errors import Reason
from gateway.instants import format_instant, now
from gateway.loading import StartRefused
from gateway.policy.book import SHIPPED
from gateway.rpc.client import Answer, VerificationClient, connected
from gateway.rpc.status_client import connected_status
from gateway.values import Algorithm, DivisionCode, Instant, Measure, Profile, Purpose, Way
from gateway.watch.logs import EventLog

from .home import DemoHome
from .live import LiveList, live_samples
from .provinces import make_guizhou, make_issuers, trust_document
from .public import WHERE_TO_GET_THEM, PublicCodes, public_codes, vectors_folder
from .samples import RECEIVING, Sample, displayed_samples, own_samples
from .simulated import NONE_OF_THEM, SOURCE_TREE, WITHOUT_THEM, SimulatedProvinces, simulated_provinces

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
[callers]
insecure_everyone_may_ask = true
[disclosure]
max_profile = "PROVINCE"
clinic = true
[handles]
folder = "handles"
[receipts]
signer = "file:{signer}"
issuer = "https://gateway.example"
[conversion]
signer = "file:{conversion}"
issuer = "https://gateway.example/conversion"
status_uri = "https://gateway.example/status"
[status]
directory = "status"
listen = "{status}"
signer = "file:{lists}"
issuer = "https://gateway.example/lists"
[audit]
directory = "audit"
origin = "gateway.example/demo"
wait_ms = 10000
signer = "file:{audit}"
"""
_PROVINCES = """\
[provinces]
directory = {directory}
"""


class _Terms(TypedDict):
    purpose: Purpose
    division: DivisionCode
    profile: Profile


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


async def run_demo(
    home: DemoHome, *, once: bool, grpc: str, http: str, log_to: TextIO, tree: Path = SOURCE_TREE
) -> bool:
    """Run the demo, with the simulated provinces of `tree`. Return whether every verdict was the expected one.

    Raises: StartRefused if a port cannot be had, or the simulated provinces do not start.
    """
    console = Console()
    public = _public(console)
    async with simulated_provinces(home.folder / "simulated", tree) as provinces:
        if provinces.directory is None:
            console.print(WITHOUT_THEM, soft_wrap=True, highlight=False)
        samples, config_file = prepare(home, public, grpc=grpc, http=http, provinces=provinces)
        clock = DemoClock()
        app = App(load(config_file), clock=clock, log=EventLog(level=LogLevel.WARNING, stream=log_to))
        await app.start()
        try:
            host = grpc.rpartition(":")[0]
            async with (
                connected(f"{host}:{app.grpc_port}") as client,
                connected_status(f"{host}:{app.status_port}") as lists,
            ):
                live = LiveList(lists, make_guizhou(home))
                course = _Course(console, app, host, clock, client, live, home.folder / "audit")
                return await course.run(samples, once=once)
        except (BatchRefused, StoreDegraded) as failed:
            why = f"the list that is kept there cannot be gone on with ({failed}): remove the folder"
            raise StartRefused("status", "--folder", str(home.folder), why) from None
        finally:
            await app.drain()


@dataclass(frozen=True, slots=True)
class _Course:
    """What is shown, one after the other, once the gateway serves."""

    console: Console
    app: App
    host: str
    clock: DemoClock
    client: VerificationClient
    live: LiveList
    audit: Path
    """Where the gateway keeps its audit log."""

    async def run(self, samples: Sequence[Sample], *, once: bool) -> bool:
        """Run it; return whether every verdict was the expected one."""
        self._say(f"A sample gateway listens on {self.host}:{self.app.grpc_port} and is asked about these codes.\n")
        # Nothing is published while the clock is set back: batches would come from the future.
        await self.live.begin()
        verdicts: list[Verdict] = []
        for sample in samples:
            verdicts += await _ask(self.client, self.clock, sample)
        self.console.print(_table(f"What a gate in Zhejiang ({RECEIVING}) is told", verdicts))
        verdicts += await self._turn_red()
        self.console.print(_summary(verdicts))
        if not once:
            self._say(_invitation(self.host, self.app, samples[0], self.audit))
            beating = asyncio.create_task(self.live.keep_alive())
            await _until_interrupted()
            beating.cancel()
        return all(verdict.as_expected for verdict in verdicts)

    async def _turn_red(self) -> list[Verdict]:
        """Let a code turn red while a gate watches it, and show what the gate is told."""
        code = self.live.watched_code(self.clock())
        told = await self.live.turn_red(code)
        later = f"the same code, {told.seconds * 1000:.0f} ms after Guizhou began to publish red"
        green = Sample("Guizhou green, watched while its holder travels", code, Measure.PASS, Reason.STATE_GREEN)
        red = replace(green, title=later, measure=Measure.DENY, reason=Reason.STATE_RED)
        verdicts = [
            Verdict(green, told.before),
            Verdict(red, told.after),
            *await _ask(self.client, self.clock, replace(red, title="the same code, scanned on arrival")),
        ]
        self._say(
            "\nA signed code stays green; its holder may not. Guizhou publishes over gRPC what changed, signed, and "
            "a gate that watches the code (WatchCodes) is told before anybody scans it again.\n"
        )
        self.console.print(_table("What the gate is told of a code that it watches", verdicts))
        return verdicts

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, highlight=False)


def _public(console: Console) -> PublicCodes:
    folder = vectors_folder()
    if folder is None:
        console.print(WHERE_TO_GET_THEM, soft_wrap=True, highlight=False)
        return PublicCodes((), ())
    return public_codes(folder)


def prepare(
    home: DemoHome, public: PublicCodes, *, grpc: str, http: str, provinces: SimulatedProvinces = NONE_OF_THEM
) -> tuple[list[Sample], Path]:
    """Write the trust list and the configuration; return the samples and the configuration file."""
    at = now()
    issuers = make_issuers(home)
    listed = (*(issuer.listed for issuer in issuers.all()), *public.issuers, *provinces.issuers)
    home.trust_list.write_bytes(trust_document(listed, at))
    for name in ("gateway", "conversion", "lists", "audit"):
        home.signer(name, Algorithm.ED25519)
    text = _CONFIG.format(
        grpc=grpc,
        http=http,
        policies=SHIPPED,
        signer=home.key_file("gateway").name,
        conversion=home.key_file("conversion").name,
        status=_port_after(grpc),
        lists=home.key_file("lists").name,
        audit=home.key_file("audit").name,
    )
    samples = [*own_samples(issuers, at), *live_samples(issuers.guizhou, at), *public.samples, *provinces.samples]
    if provinces.directory is not None:
        text += _PROVINCES.format(directory=json.dumps(str(provinces.directory)))
        samples += displayed_samples(at)  # what a screen means stands in the profiles
    home.config.write_text(text)
    return samples, home.config


def _port_after(address: str) -> str:
    """Return where live status is served: on the port after that of `address`, or on any if that is on any."""
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + 1 if port.isdigit() and 0 < int(port) < 65_535 else 0}"


async def _ask(client: VerificationClient, clock: DemoClock, sample: Sample) -> list[Verdict]:
    """Return what the gateway says of a sample; of one that is converted, what it says of the new code too."""
    terms: _Terms = {"purpose": Purpose.TRANSPORT_ARRIVAL, "division": RECEIVING, "profile": Profile.STAFF}
    clock.set_to = sample.at
    try:
        if sample.seen is not None:
            return [Verdict(sample, await client.assess_displayed_code(sample.seen, **terms))]
        if sample.way is not Way.CONVERT:
            return [Verdict(sample, await client.verify_code(sample.code, **terms))]
        made = await client.convert_code(sample.code, **terms)
        verdicts = [Verdict(sample, made.answer)]
        if sample.measure in (Measure.PASS, Measure.LIMITED):
            again = replace(sample, title=f"{sample.title}: the code made of it", code=(made.jws or "none").encode())
            verdicts.append(Verdict(again, await client.verify_code(again.code, **terms)))
        return verdicts
    finally:
        clock.set_to = None


def _table(title: str, verdicts: Sequence[Verdict]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
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


def _invitation(host: str, app: App, sample: Sample, audit: Path) -> str:
    return (
        f"\nThe gateway is serving: gRPC on {host}:{app.grpc_port}, metrics and health on http://{host}:{app.http_port}.\n"
        "Call it from another terminal:\n\n"
        f"  .venv/bin/hcgw ask --to {host}:{app.grpc_port} --division {RECEIVING} {sample.code.decode()}\n\n"
        "Which lists of live status it holds, and how old they are:\n\n"
        f"  .venv/bin/hcgw status lists --to {host}:{app.status_port}\n\n"
        "What it has written down of all that, and of nobody:\n\n"
        f"  .venv/bin/hcgw audit show {audit / 'decisions'} --last 5\n\n"
        "Ctrl-C ends it."
    )


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
