"""`python -m tests.simulators --home DIR`: provinces on loopback, for `hcgw demo` and for drills, until input ends.

One JSON object a line. Output, in this order:

- `{"event": "ready", "provinces": DIR, "issuers": [...]}`: everything listens, the profiles lie in DIR; `issuers` is
  what a trust list must name so that signed answers can be checked
- with `--samples`: `{"event": "sample", ...}` for each sample of `samples.py`, some of which need a fault, which is
  switched on; then `{"event": "samples_end"}`
- then one `{"done": ...}` or `{"refused": ...}` for each line of input

Input: `{"do": "fault", "province", "kind", "seconds", "share"}`, `{"do": "cut" | "restore", "province"}`,
`{"do": "set", "province", "number", "state"}`, `{"do": "codes", "province", "first", "count"}`, `{"do": "struck"}`.

It ends when its input does, so that it never outlives who started it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.values import CodeState
from tests.simulators.provinces.faults import Fault, FaultKind
from tests.simulators.provinces.profiles import SHIPPED
from tests.simulators.provinces.samples import samples
from tests.simulators.provinces.world import ProvinceWorld


def obey(world: ProvinceWorld, order: Mapping[str, Any]) -> object:
    """Do what can be done at once; return what is to be told."""
    match order["do"]:
        case "fault":
            fault = Fault(FaultKind(order["kind"]), float(order.get("seconds", 0)), float(order.get("share", 1)))
            world.fault(order["province"], fault)
        case "set":
            world.people(order["province"]).set(int(order["number"]), CodeState[order["state"]])
        case "codes":
            first, name = int(order["first"]), order["province"]
            people = len(world.people(name))
            numbers = [number % people for number in range(first, first + int(order["count"]))]
            told = [[each, world.code(name, each).text.decode(), world.truth(name, each).name] for each in numbers]
            gc.freeze()  # what stays for good must not be walked through while somebody is timed
            return told
        case "struck":
            return {name: [each.switch.questions, each.switch.struck] for name, each in world.provinces.items()}
        case other:
            raise ValueError(f"no such order: {other}")
    return None


async def obey_one(world: ProvinceWorld, line: bytes) -> dict[str, object]:
    """Carry out one line of input."""
    try:
        order = json.loads(line)
        if order["do"] == "cut":
            await world.provinces[order["province"]].system.cut()
        elif order["do"] == "restore":
            await world.provinces[order["province"]].system.restore()
        else:
            return {"done": order["do"], "told": obey(world, order)}
        return {"done": order["do"]}
    except (ValueError, LookupError, TypeError) as refused:
        return {"refused": f"{type(refused).__name__}: {refused}"}


def read_orders(loop: asyncio.AbstractEventLoop, orders: asyncio.Queue[bytes]) -> None:
    """Hand each line of input to the loop, and an empty one at its end. A thread reads files and terminals too."""
    line = b"-"
    while line:
        line = sys.stdin.buffer.readline()
        try:
            loop.call_soon_threadsafe(orders.put_nowait, line)
        except RuntimeError:  # the loop has ended first
            return


def tell(said: Mapping[str, object]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def serve(given: argparse.Namespace) -> None:
    """Start, tell, obey, stop."""
    world = ProvinceWorld(
        given.home,
        given.provinces.split(",") if given.provinces else sorted(file.stem for file in SHIPPED.glob("*.toml")),
        people=given.people,
        seed=given.seed,
        code_life_s=given.code_life,
        budget=json.loads(given.budget),
    )
    await world.start()
    try:
        tell({"event": "ready", "provinces": str(world.directory), "issuers": world.answer_issuers()})
        if given.samples:
            for sample in samples(world):
                tell({"event": "sample", **sample})
            tell({"event": "samples_end"})
        orders: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        threading.Thread(target=read_orders, args=(loop, orders), daemon=True).start()
        while line := await orders.get():
            tell(await obey_one(world, line))
    finally:
        await world.stop()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators", description=__doc__.partition("\n")[0])
    parser.add_argument("--home", type=Path, required=True, help="folder for profiles and secrets")
    parser.add_argument("--provinces", default="", help="names, separated by commas (default: all that are shipped)")
    parser.add_argument("--people", type=int, default=1000, help="of each province (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of people, colours and codes (default 0)")
    parser.add_argument("--code-life", type=float, default=60.0, help="seconds that a code lasts (default 60)")
    parser.add_argument("--budget", default="{}", help="JSON: members of the shipped budgets to override")
    parser.add_argument("--samples", action="store_true", help="tell sample codes and the verdicts that they must get")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
