"""Names, ID numbers, phones and addresses that provinces hand out stay in the connectors: nothing of them comes out.

The whole drill, 100,000 look-ups, is `make bench-canaries`; here is a small one of each part.
"""

from __future__ import annotations

import asyncio
import io
import json
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.app import App
from gateway.config import load
from gateway.watch.logs import EventLog
from tests.integration.gateway_process import PATIENCE_S, Edges, running
from tests.integration.province_site import connected_site
from tests.privacy.needles import marks_in
from tests.privacy.reachable import texts_reachable
from tests.privacy.upstream import BUDGET, FAULTS, PROVINCES, Heard, files_below, look_up_all
from tests.simulators.process import simulators
from tests.simulators.provinces.people import person

FEW = 256 * len(FAULTS)


@dataclass
class Holder:
    """Something that holds on to things, as a cache does."""

    held: dict[str, object] = field(default_factory=dict)


@pytest.mark.parametrize("spelled", ["plain", "utf-16-le", "hex", "base64"])
def test_the_search_finds_what_a_cache_holds(spelled: str) -> None:
    import base64

    name = person(7).name
    held: object = {
        "plain": name,
        "utf-16-le": name.encode("utf-16-le"),
        "hex": name.encode().hex(),
        "base64": base64.b64encode(b"xy" + name.encode()),
    }[spelled]
    nested = Holder({"a": [(frozenset({held}),)]})
    assert [hit for text in texts_reachable(nested) for hit in marks_in(text)]
    assert not [hit for text in texts_reachable(Holder({"a": "nothing"})) for hit in marks_in(text)]

    def closure() -> object:
        return held

    assert [hit for text in texts_reachable(Holder({"f": closure})) for hit in marks_in(text)]


def test_nothing_comes_out_of_a_process(tmp_path: Path) -> None:
    heard = Heard()
    with simulators(tmp_path, *PROVINCES, people=400, budget=BUDGET) as world:
        site = connected_site(tmp_path, world.issuers)
        with running(site) as gateway:
            look_up_all(gateway, world, FEW, heard)
            pages = gateway.get("/metrics")[1] + gateway.get("/readyz")[1]
            asked = sum(world.questions().values())
            gateway.signal(signal.SIGTERM)
            assert gateway.end() == 0
        written = files_below(tmp_path, but=world.directory)
    assert marks_in(pages + gateway.stdout + gateway.stderr + written) == []
    assert heard.leaks == []
    assert gateway.stderr == b""
    assert heard.look_ups == FEW
    assert asked >= FEW * 0.9
    for reason in ("STATE_GREEN", "STATE_YELLOW", "STATE_RED", "UPSTREAM_INVALID", "UPSTREAM_UNAVAILABLE", "EXPIRED"):
        assert heard.verdicts[f"REASON_{reason}"], (reason, heard.verdicts)


def marks_held(texts: list[bytes]) -> list[bytes]:
    return [hit for text in texts for hit in marks_in(text)]


async def test_nothing_stays_in_what_the_gateway_holds_on_to(tmp_path: Path) -> None:
    """But for the headers of an idle connection's last answer, which aiohttp keeps until it is used again or closed."""
    log, heard = io.StringIO(), Heard()
    with simulators(tmp_path, *PROVINCES, people=400, budget=BUDGET) as world:
        app = App(load(connected_site(tmp_path, world.issuers).config), log=EventLog(log, level="debug"))
        await app.start()
        edges = Edges(f"127.0.0.1:{app.grpc_port}", f"127.0.0.1:{app.http_port}")
        await asyncio.to_thread(look_up_all, edges, world, FEW, heard)
    try:  # the provinces are gone, and their connections with them, as soon as this loop has heard of it
        async with asyncio.timeout(PATIENCE_S):
            while marks_held(texts := list(texts_reachable(app, "gateway", "keys", "healthcode"))):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    except TimeoutError:
        pass  # told below, with what it was
    finally:
        await app.drain()
    assert len(texts) > 10_000
    assert any(b"zhejiang" in text for text in texts)
    assert marks_held(texts) == []
    assert marks_in(log.getvalue().encode()) == []
    assert heard.leaks == []
    assert {json.loads(line)["level"] for line in log.getvalue().splitlines()} <= {"debug", "info", "warning"}
