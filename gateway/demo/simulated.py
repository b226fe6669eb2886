"""The simulated provinces of the source tree (`python -m tests.simulators`), started beside the demo's gateway.

- They run in a process of their own and are asked over HTTP and gRPC, as real ones would be.
- What they write on their first lines is read strictly and in bounded time: where their profiles lie, what a trust list
  must name, which codes they show and what a right gateway says of each.
- They end when their input does, so that they never outlive the demo; if they do not, they are ended by their id.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.errors import Reason
from gateway.loading import StartRefused
from gateway.values import IssuerId, KeyId, Measure, Way
from keys.trust_document import ListedIssuer, ListedKey

from .samples import Sample

SOURCE_TREE: Final = Path(__file__).resolve().parents[2]
WITHOUT_THEM: Final = "simulated provinces are part of the source tree, which is not here: opaque codes are left out"
START_S: Final = 30.0
END_S: Final = 5.0
LONGEST_LINE: Final = 1 << 20
MOST_SAMPLES: Final = 1_000


@dataclass(frozen=True, slots=True)
class SimulatedProvinces:
    """Provinces that answer, and codes of theirs."""

    directory: Path | None = None
    """Where their profiles lie; None if there are none."""
    issuers: tuple[ListedIssuer, ...] = ()
    """Those whose signed answers the trust list must vouch for."""
    samples: tuple[Sample, ...] = ()


NONE_OF_THEM: Final = SimulatedProvinces()


@asynccontextmanager
async def simulated_provinces(folder: Path, tree: Path) -> AsyncIterator[SimulatedProvinces]:
    """Run the simulated provinces of the source tree `tree`, which write into `folder`; none if there is no such tree.

    Raises: StartRefused if they do not start, or do not say what they must.
    """
    command = _command(folder, tree)
    if command is None:
        yield NONE_OF_THEM
        return
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=tree,
        limit=LONGEST_LINE,
        start_new_session=True,  # Ctrl-C is the demo's, which then closes their input
    )
    try:
        try:
            async with asyncio.timeout(START_S):
                found = await _said(process)
        except (TimeoutError, ValueError, LookupError, TypeError):
            raise StartRefused("provinces", "tests.simulators", "", "the simulated provinces did not start") from None
        yield found
    finally:
        await _end(process)


def _command(folder: Path, tree: Path) -> tuple[str, ...] | None:
    if not (tree / "tests" / "simulators" / "__main__.py").is_file():
        return None
    return (sys.executable, "-m", "tests.simulators", "--samples", "--home", str(folder.resolve()))


async def _said(process: asyncio.subprocess.Process) -> SimulatedProvinces:
    """Return what the process says until it has told its samples. Raises: what a wrong line raises."""
    ready = await _line(process)
    samples = []
    for _ in range(MOST_SAMPLES):
        said = await _line(process)
        if said["event"] == "samples_end":
            break
        samples.append(
            Sample(
                said["title"],
                said["code"].encode(),
                Measure[said["measure"]],
                Reason[said["reason"]],
                way=Way(said["way"]),
            )
        )
    return SimulatedProvinces(Path(ready["provinces"]), tuple(map(_listed, ready["issuers"])), tuple(samples))


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    if process.stdout is None:
        raise LookupError("no output")
    found: dict[str, Any] = json.loads(await process.stdout.readline())
    return found


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _listed(said: Mapping[str, Any]) -> ListedIssuer:
    keys = (ListedKey(key["algorithm"], KeyId(key["jwk"]["kid"].encode()), jwk=key["jwk"]) for key in said["keys"])
    return ListedIssuer(
        IssuerId(said["issuer"]), said["name"], frozenset(said["formats"]), tuple(keys), said["division"]
    )
