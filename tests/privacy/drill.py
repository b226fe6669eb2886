"""The canary drill: people's data through every format, dialect and RPC of a real gateway; then a search of all places.

1. A gateway of several processes (supervisor, keeper, workers), connected to simulated provinces, with live status,
   conversion, receipts, published lists, handles and a replay guard in Redis; its log at level debug.
2. A crowd of people who do not exist: half shows signed codes (crowd.py), half opaque ones, whose provinces tell all
   they know in each answer, sound or faulty (upstream.py).
3. Every RPC is asked about them, soundly and wrongly (asking.py); the HTTP edge and the bare ports get their data too.
4. What anybody was told, and whatever the gateway wrote, is searched, each place for itself (places.py).
5. A while after the last answer the memory of each process is counted (memory.py).

A later store is one more rule in `places.FILES`, or one more name to `Findings.hear`.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

from gateway.demo.home import DemoHome
from gateway.demo.provinces import SampleIssuers, make_issuers, trust_document
from gateway.places.signing import sign_list
from gateway.values import Instant
from keys.signer import generate_dev_key
from tests.integration.gateway_process import GUIZHOU, Gateway, running
from tests.integration.status_site import StatusSite, status_of
from tests.simulators.process import Simulators, simulators
from tests.simulators.redis_server import RedisServer

from .asking import BATCH, CONNECTIONS, Asking
from .crowd import Crowd
from .memory import Dump, dump
from .places import Findings
from .upstream import BUDGET, PROVINCES

PAGES: Final = ("/metrics", "/livez", "/readyz", "/.well-known/jwks.json", "/nothing")

MORE: Final = """
[provinces]
directory = "provinces"
[lists]
files = ["journeys.jws", "places.jws"]
[handles]
folder = "handles"
[replay]
redis = "redis.url"
redis_key = "replay.key"
redis_budget_ms = 100
[audit]
directory = "audit"
origin = "gateway.test/1"
signer = "file:audit.key.pem"
wait_ms = 10000
"""

ANSWERS: Final = ("answers at GATE", "answers at STAFF", "answers at PROVINCE", "answers at CLINIC")


@dataclass
class Drill:
    """One run."""

    findings: Findings = field(default_factory=Findings)
    people: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    """By their first reason."""
    calls: Counter[str] = field(default_factory=Counter)
    """By RPC and what became of it."""
    asked_upstream: int = 0
    memory: dict[str, Dump] = field(default_factory=dict)
    """Process -> what was left there."""
    error_output: bytes = b""
    status: int | None = None


def run(
    home: Path,
    people: int,
    *,
    workers: int = 2,
    idle_s: float = 60.0,
    dumped: Callable[[str], bool] = lambda _: True,
    **environment: str,
) -> Drill:
    """Carry out the drill in `home` with `people`.

    The memory of the processes that are to be `dumped` is counted `idle_s` seconds after the last answer.
    """
    drill, redis = Drill(), RedisServer("--rdbcompression", "no")
    with (
        ExitStack() as stack,
        simulators(home, *PROVINCES, people=people // len(PROVINCES) + BATCH, budget=BUDGET) as world,
    ):
        stack.callback(redis.close)
        redis.start()
        site, issuers = drill_site(home, world, redis)
        with running(site, f"service.workers={workers}", **environment) as gateway:
            with _asking(gateway, world, Crowd(issuers, time.time()), drill) as asking:
                asking.open_list(site.issuer())
                asking.all(people)
            for page in PAGES:
                drill.findings.hear("HTTP pages", gateway.get(page)[1] + repr(gateway.get(page)[2]).encode())
            redis.ask("SAVE")
            drill.findings.hear("Redis: all that it holds", (redis.folder / "dump.rdb").read_bytes(), codes=True)
            drill.asked_upstream = sum(world.questions().values())
            time.sleep(idle_s)
            for name, pid in _processes(gateway).items():
                if dumped(name):
                    drill.memory[name] = dump(pid)
            given = (world.directory,)
            drill.findings.look_below(home, but=given)
            gateway.signal(signal.SIGTERM)
            drill.status = gateway.end()
        drill.findings.look_below(home, but=given)
    drill.error_output = gateway.stderr
    drill.findings.hear("log, level debug", gateway.stdout, codes=True)
    drill.findings.hear("standard error", gateway.stderr, codes=True)
    return drill


def drill_site(home: Path, world: Simulators, redis: RedisServer) -> tuple[StatusSite, SampleIssuers]:
    """Return a gateway's folder with all that it can have, and the issuers of signed codes that it trusts."""
    site = StatusSite(home)
    site.convert()
    issuers = make_issuers(DemoHome(home / "demo"))
    trusted = json.loads(site.trust.read_text())
    samples = json.loads(trust_document(tuple(one.listed for one in issuers.all()), Instant(time.time())))
    trusted["issuers"] += [*world.issuers, *samples["issuers"]]
    site.trust.write_text(json.dumps(trusted))
    for kind, document in _published().items():
        key = site.keys[0]
        signed = sign_list(json.dumps(document).encode(), key_id=key.key_id, algorithm=key.algorithm, sign=key.sign)
        (home / f"{kind}.jws").write_bytes(signed)
    generate_dev_key(home / "audit.key.pem")
    for file, secret in (("redis.url", redis.url), ("replay.key", "k" * 43)):
        (home / file).write_text(secret + "\n")
        (home / file).chmod(0o600)
    disclosing = 'disclosure = { max_profile = "PROVINCE", clinic = true }'
    text = site.config.read_text().replace('disclosure = { max_profile = "STAFF" }', disclosing)
    site.config.write_text(text + MORE)
    return site, issuers


def _published() -> dict[str, dict[str, Any]]:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    whose = {"iss": GUIZHOU, "seq": 1, "iat": int(time.time()) - 60, "exp": int(time.time()) + 86_400}
    days = {"since": today, "until": today}
    train = {"day": today, "mode": "train", "number": "G1234"}
    place = {"division": "520102", "community": "Sample Community", "risk": "high", "since": today}
    return {
        "journeys": whose | {"list": "journeys", "covers": days | {"modes": ["train"]}, "entries": [train]},
        "places": whose | {"list": "places", "covers": days | {"divisions": ["520000"]}, "entries": [place]},
    }


def _processes(gateway: Gateway) -> dict[str, int]:
    ready = {one["process"]: int(one["pid"]) for one in gateway.events if one["event"] == "process_ready"}
    return {"supervisor": gateway.process.pid, **ready}


@contextmanager
def _asking(gateway: Gateway, world: Simulators, crowd: Crowd, drill: Drill) -> Iterator[Asking]:
    # A connection stays with the worker that took it: several, so that every worker is asked.
    options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with ExitStack() as open_:
        channels = [open_.enter_context(grpc.insecure_channel(gateway.grpc, options)) for _ in range(CONNECTIONS)]
        keeper = open_.enter_context(grpc.insecure_channel(status_of(gateway), options))
        yield Asking(gateway, world, crowd, drill, channels, keeper)
