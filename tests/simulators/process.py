"""The simulated provinces in a process of their own (`python -m tests.simulators`), which takes no time of others'.

with simulators(folder, "zhejiang", "national", people=500) as world:
    world.codes("zhejiang", 0, 10)
    world.fault("zhejiang", "hang")
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gateway.values import CodeState

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class HeldCode:
    """A code, and what its province knows to be true of its holder."""

    province: str
    number: int
    text: bytes
    truth: CodeState


class Simulators:
    """A running process of simulated provinces."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stdin is not None
        self._orders = process.stdin
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()
        ready = self._next()
        self.directory = Path(ready["provinces"])
        self.issuers: list[dict[str, Any]] = ready["issuers"]

    def order(self, do: str, **members: Any) -> Any:
        """Have something done; return what is told. Raises: ValueError if it is refused."""
        self._orders.write(json.dumps({"do": do, **members}).encode() + b"\n")
        self._orders.flush()
        said = self._next()
        if "refused" in said:
            raise ValueError(said["refused"])
        return said.get("told")

    def fault(self, province: str, kind: str, *, seconds: float = 0.0, share: float = 1.0) -> None:
        """Turn a province's switch."""
        self.order("fault", province=province, kind=kind, seconds=seconds, share=share)

    def codes(self, province: str, first: int, count: int) -> list[HeldCode]:
        """Return codes of people number `first` and on."""
        told = self.order("codes", province=province, first=first, count=count)
        return [HeldCode(province, number, text.encode(), CodeState[state]) for number, text, state in told]

    def questions(self) -> dict[str, int]:
        """Return how many questions each province has been asked."""
        return {name: counts[0] for name, counts in self.order("struck").items()}

    def _next(self) -> dict[str, Any]:
        return self._lines.get(timeout=PATIENCE_S)

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(json.loads(line))


@contextmanager
def simulators(
    home: Path,
    *provinces: str,
    people: int = 1000,
    seed: int = 0,
    code_life_s: float = 7_200.0,
    budget: Mapping[str, object] | None = None,
) -> Iterator[Simulators]:
    """Give simulated provinces (none named: all that are shipped); end them afterwards, whatever happened."""
    command = [sys.executable, "-m", "tests.simulators", "--home", str(home), "--provinces", ",".join(provinces)]
    command += ["--people", str(people), "--seed", str(seed), "--code-life", str(code_life_s)]
    command += ["--budget", json.dumps(dict(budget or {}))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Simulators(process)
    finally:
        process.stdin.close()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE_S)
        process.stdout.close()
