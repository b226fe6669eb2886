"""The whole: order of start and end, one edge for all, and nothing left behind. The processes are stand-ins."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.supervisor import supervisor as supervisor_module
from gateway.supervisor.settings import Patience, ReplayMemory, SupervisorSettings, posts
from gateway.supervisor.supervisor import SupervisionRefused, Supervisor, process_command
from gateway.watch.logs import EventLog
from gateway.watch.processes import ProcessMetrics

from .stand_in import METRICS, Wrong
from .world import COMMAND, LONG_S, SWIFT, configuration, notes

ALL = ("keeper", "worker-0", "worker-1")


@dataclass
class Whole:
    """A supervisor with stand-ins for processes."""

    folder: Path
    supervisor: Supervisor
    log: io.StringIO

    async def get(self, page: str, **headers: str) -> tuple[int, bytes, str]:
        """Return status, body and content type of a page."""
        return await asyncio.to_thread(self._get, page, headers)

    def _get(self, page: str, headers: dict[str, str]) -> tuple[int, bytes, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.supervisor.http_port}{page}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=LONG_S) as answer:
                return answer.status, answer.read(), answer.headers["Content-Type"]
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read(), refused.headers["Content-Type"]

    async def ready(self) -> tuple[bool, dict[str, str]]:
        """Return what /readyz says."""
        status, body, _ = await self.get("/readyz")
        found = json.loads(body)
        assert (status == 200) is found["ready"]
        return found["ready"], found["checks"]

    async def series(self, name: str) -> dict[str, float]:
        """Return the values of a metric by process."""
        families = parse_text((await self.get("/metrics"))[1].decode())
        return {one.labels["process"]: one.value for family in families for one in family.samples if one.name == name}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of this name."""
        return [one for line in self.log.getvalue().splitlines() if (one := json.loads(line))["event"] == name]

    def pid(self, process: str) -> int:
        """Return the process's newest id."""
        return int([one["pid"] for one in self.events("process_ready") if one["process"] == process][-1])


def settings(folder: Path, patience: Patience, **wrong: Wrong) -> SupervisorSettings:
    return SupervisorSettings(
        posts=posts(workers=2, keeper=True),
        grpc_host="127.0.0.1",
        grpc_port=0,
        http_host="127.0.0.1",
        http_port=0,
        lame_duck_s=0.0,
        grace_s=LONG_S,
        configuration=configuration(folder, **wrong),
        patience=patience,
    )


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return where sockets lie; afterwards none may."""
    folder = Path(tempfile.mkdtemp())  # not tmp_path: the path of a socket must be short
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
    folder.rmdir()


@pytest.fixture
async def made(tmp_path: Path, runtime: Path) -> AsyncIterator[Any]:
    """Return what makes a supervisor, not started; afterwards no process of it may be left."""
    whole: list[Whole] = []

    def make(patience: Patience = SWIFT, changes: dict[str, Any] | None = None, **wrong: Wrong) -> Whole:
        log = io.StringIO()
        supervisor = Supervisor(
            replace(settings(tmp_path, patience, **wrong), **(changes or {})),
            log=EventLog(log),
            metrics=ProcessMetrics(version="1.2.3"),
            environment="test",
            version="1.2.3",
            command=COMMAND,
        )
        whole.append(Whole(tmp_path, supervisor, log))
        return whole[-1]

    yield make
    for one in whole:
        await one.supervisor.drain()
        for event in one.events("process_ready"):
            with pytest.raises(ProcessLookupError):
                os.kill(event["pid"], 0)


async def test_all_start_and_the_keeper_ends_last(made: Any) -> None:
    whole: Whole = made()
    await whole.supervisor.start()
    assert await whole.ready() == (True, {"running": "ok"} | dict.fromkeys(ALL, "ok"))
    assert {event["process"] for event in whole.events("process_ready")} == set(ALL)
    assert [event["ready"] for event in whole.events("readiness_changed")] == [True]
    (serving,) = whole.events("serving")
    assert serving["grpc"] == f"127.0.0.1:{whole.supervisor.grpc_port}"
    await whole.supervisor.drain()
    assert [one for one in notes(whole.folder) if one.endswith("drained")][-1] == "keeper drained"
    assert len(notes(whole.folder)) == 6
    assert whole.events("readiness_changed")[-1]["failing"] == ["running"]
    assert len(whole.events("stopped")) == 1
    assert whole.events("process_died") == []


async def test_metrics_of_all_are_one_exposition(made: Any) -> None:
    whole: Whole = made()
    await whole.supervisor.start()
    assert await whole.series("stand_in_asked_total") == dict.fromkeys(ALL, 1.0)
    assert await whole.series("hcgw_process_up") == dict.fromkeys(ALL, 1.0)
    assert await whole.series("hcgw_process_restarts_total") == dict.fromkeys(ALL, 0.0)
    assert await whole.series("hcgw_ready") == {"supervisor": 1.0}
    assert await whole.series("hcgw_build_info") == {"supervisor": 1.0}
    status, body, kind = await whole.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert (status, kind[:28]) == (200, "application/openmetrics-text")
    # The stand-ins know one form only: what does not fit is left out and told, never mixed in.
    parse: Any = parse_openmetrics  # untyped
    found = {family.name: family.samples for family in parse(body.decode())}
    assert "stand_in_asked" not in found
    assert {one.value for one in found["hcgw_process_up"]} == {0.0}


@pytest.mark.parametrize("metrics", ["nonsense\n", METRICS + "\x7f{}\n"])
async def test_what_is_no_exposition_is_left_out_and_told(made: Any, metrics: str) -> None:
    whole: Whole = made(worker_1={"metrics": metrics})
    await whole.supervisor.start()
    assert await whole.series("stand_in_asked_total") == {"keeper": 1.0, "worker-0": 1.0}
    assert await whole.series("hcgw_process_up") == {"keeper": 1.0, "worker-0": 1.0, "worker-1": 0.0}


async def test_one_that_hangs_costs_its_own_part(made: Any) -> None:
    whole: Whole = made(replace(SWIFT, look_s=LONG_S, answer_s=0.2, scrape_s=0.2, silent_s=LONG_S))
    await whole.supervisor.start()
    os.kill(whole.pid("worker-0"), signal.SIGUSR1)
    others = {"running": "ok", "keeper": "ok", "worker-1": "ok"}
    async with asyncio.timeout(LONG_S):
        while set(await whole.series("stand_in_asked_total")) != {"keeper", "worker-1"}:
            pass
        while await whole.ready() != (True, others | {"worker-0": "silent"}):
            pass
        # The key set is then another worker's.
        while (await whole.get("/.well-known/jwks.json"))[:2] != (200, b'{"keys":[]}'):
            pass
    assert (await whole.series("hcgw_process_up"))["worker-0"] == 0.0
    assert (await whole.get("/livez"))[0] == 200
    os.kill(whole.pid("worker-0"), signal.SIGKILL)


async def test_one_that_hangs_is_replaced(made: Any) -> None:
    whole: Whole = made(replace(SWIFT, answer_s=0.5, silent_s=0.5))
    await whole.supervisor.start()
    os.kill(whole.pid("keeper"), signal.SIGUSR1)
    async with asyncio.timeout(LONG_S):
        while (await whole.series("hcgw_process_restarts_total"))["keeper"] == 0 or not (await whole.ready())[0]:
            pass
    assert "keeper" in {event["process"] for event in whole.events("process_silent")}


@pytest.mark.parametrize(
    ("unready", "ready"),
    [(["keeper"], False), (["worker-0"], True), (["worker-0", "worker-1"], False)],
)
async def test_ready_is_the_keeper_and_one_worker(made: Any, unready: list[str], ready: bool) -> None:
    whole: Whole = made()
    await whole.supervisor.start()
    for name in unready:
        os.kill(whole.pid(name), signal.SIGUSR2)
    async with asyncio.timeout(LONG_S):
        while {name for name in ALL if (await whole.ready())[1][name] != "ok"} != set(unready):
            pass
    said, checks = await whole.ready()
    assert said is ready
    assert {checks[f"{name}.trust"] for name in unready} == {"expired"}
    async with asyncio.timeout(LONG_S):
        while (await whole.series("hcgw_ready"))["supervisor"] != float(ready):
            pass


async def test_a_killed_process_is_missed_and_replaced(made: Any) -> None:
    whole: Whole = made(replace(SWIFT, first_again_s=LONG_S))
    await whole.supervisor.start()
    os.kill(whole.pid("worker-1"), signal.SIGKILL)
    async with asyncio.timeout(LONG_S):
        while (await whole.ready())[1]["worker-1"] != "missing":
            pass
    assert (await whole.ready())[0] is True
    (died,) = whole.events("process_died")
    assert (died["process"], died["status"]) == ("worker-1", -9)
    assert (await whole.series("hcgw_process_restarts_total"))["worker-1"] == 1.0


async def test_without_any_worker_there_is_no_key_set(made: Any) -> None:
    whole: Whole = made(replace(SWIFT, first_again_s=LONG_S))
    await whole.supervisor.start()
    for name in ALL[1:]:
        os.kill(whole.pid(name), signal.SIGKILL)
    async with asyncio.timeout(LONG_S):
        while (await whole.ready())[0]:
            pass
    assert (await whole.get("/.well-known/jwks.json"))[0] == 503


async def test_all_reload(made: Any) -> None:
    whole: Whole = made(worker_0={"refuses_reload": True})
    await whole.supervisor.start()
    await whole.supervisor.reload()
    reloaded = [one.split()[0] for one in notes(whole.folder) if one.endswith("reloaded")]
    assert reloaded[0] == "keeper"
    assert sorted(reloaded) == list(ALL)
    assert (await whole.ready())[0] is True


@pytest.mark.parametrize("process", ["keeper", "worker_1"])
@pytest.mark.parametrize(("status", "configuration"), [(78, True), (1, False)])
async def test_a_start_that_fails_leaves_nothing(made: Any, process: str, status: int, configuration: bool) -> None:
    whole: Whole = made(**{process: {"dies": [status]}})
    with pytest.raises(SupervisionRefused) as caught:
        await whole.supervisor.start()
    assert (caught.value.part, caught.value.configuration) == (None, configuration)
    assert [event["status"] for event in whole.events("process_died")] == [status]
    assert whole.events("serving") == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", whole.supervisor.http_port), timeout=LONG_S)
    begun = [one.split()[0] for one in notes(whole.folder) if one.endswith("started")]
    assert len(begun) == len(set(begun)), "none is started again"


@pytest.mark.parametrize("edge", ["grpc", "http"])
async def test_an_address_that_is_taken(made: Any, edge: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        whole: Whole = made(changes={f"{edge}_port": taken.getsockname()[1]})
        with pytest.raises(SupervisionRefused) as caught:
            await whole.supervisor.start()
    assert (caught.value.part, caught.value.configuration) == (edge, False)
    assert caught.value.where.startswith(f"{edge}.listen: 127.0.0.1:")
    assert notes(whole.folder) == []


async def test_all_workers_and_nobody_else_are_handed_one_memory_of_showings(made: Any) -> None:
    whole: Whole = made(changes={"replay": ReplayMemory(1_000, 360.0)})
    await whole.supervisor.start()
    os.kill(whole.pid("worker-1"), signal.SIGKILL)
    async with asyncio.timeout(LONG_S):
        while len([one for one in notes(whole.folder) if "memory" in one]) < 3:
            await asyncio.to_thread(whole.log.getvalue)
    found = [one.split() for one in notes(whole.folder) if "memory" in one]
    assert [process for process, *_ in sorted(found)] == ["worker-0", "worker-1", "worker-1"]
    assert len({inode for _, _, inode in found}) == 1


async def test_a_memory_that_cannot_be_had_refuses_the_start(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(capacity: int, generation_s: float) -> int:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("gateway.supervisor.supervisor.create_shared", refuse)
    whole: Whole = made(changes={"replay": ReplayMemory(1_000, 360.0)})
    with pytest.raises(SupervisionRefused) as caught:
        await whole.supervisor.start()
    assert (caught.value.part, caught.value.where) == ("replay", "replay.capacity")
    assert notes(whole.folder) == []


async def test_a_start_that_is_given_up_on_ends_what_it_began(made: Any) -> None:
    whole: Whole = made(worker_0={"never_ready": True})
    starting = asyncio.create_task(whole.supervisor.start())
    async with asyncio.timeout(LONG_S):
        while {event["process"] for event in whole.events("process_ready")} != {"keeper", "worker-1"}:
            await asyncio.to_thread(whole.log.getvalue)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert notes(whole.folder)[-1] == "keeper drained"


@pytest.mark.parametrize("late", [False, True])
async def test_a_drain_that_is_given_up_on_kills(made: Any, late: bool) -> None:
    whole: Whole = made(keeper={"deaf": True}, worker_0={"deaf": True})
    await whole.supervisor.start()
    draining = asyncio.create_task(whole.supervisor.drain())
    async with asyncio.timeout(LONG_S):
        while not whole.events("draining") or (late and "worker-1 drained" not in notes(whole.folder)):
            await asyncio.to_thread(whole.log.getvalue)
    draining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await draining
    for guard in whole.supervisor._guards:
        await asyncio.wait_for(guard.drain(LONG_S), LONG_S / 2)


async def test_a_look_that_fails_is_not_the_last_one(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole: Whole = made()
    await whole.supervisor.start()
    sound, looks, looked = whole.supervisor._pages.look, 0, asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError
        await sound()
        looked.set()

    monkeypatch.setattr(whole.supervisor._pages, "look", look)
    await asyncio.wait_for(looked.wait(), LONG_S)
    assert whole.events("unhandled")


def test_the_supervisor_never_imports_grpc() -> None:
    program = (
        "import sys, gateway.cli.serve, gateway.supervisor.supervisor, gateway.config.handed_on;"
        "sys.exit('grpc' in sys.modules or 'cryptography' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], check=False, timeout=LONG_S)
    assert found.returncode == 0


def test_processes_run_the_same_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = Path(supervisor_module.__file__).parents[2]
    monkeypatch.chdir(source)
    assert process_command() == (sys.executable, "-m", "gateway", "serve-process")
    monkeypatch.chdir(tmp_path)
    assert process_command() == (sys.executable, "-P", "-m", "gateway", "serve-process")
