"""Status lists over HTTP: for those who are enrolled, whole, by tag, and nothing about anything else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.web.pages import Answer, Question
from gateway.web.status_lists import MEDIA_TYPE, StatusListPages
from gateway.web.token_files import ListName, TokenFiles, list_id, tag_of
from tests.unit.web.status_edge import GZ, HI, Held, Maker, Ticks, body_of

BASE = "https://lists.gw.example"
TWIN: ListName = ("https://twin.example", GZ[1])


@dataclass
class World:
    maker: Maker
    ticks: Ticks
    tokens: TokenFiles
    pages: StatusListPages
    failures: list[BaseException] = field(default_factory=list)

    async def ask(
        self,
        path: str,
        *,
        caller: str = "gw.hi.example",
        method: str = "GET",
        accept: str = "",
        if_none_match: str = "",
        query: str = "",
        has_body: bool = False,
    ) -> Answer:
        """Ask, and read a body that is a file."""
        found = await self.pages.answer(Question(method, path, accept, if_none_match, has_body, query, caller))
        if found.file is None:
            return found
        with found.file:
            return Answer(found.route, found.status, found.file.read(), found.content_type, found.headers)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    maker, ticks, failures = Maker(), Ticks(), list[BaseException]()
    maker.hold(Held(), Held(HI))
    tokens = TokenFiles(tmp_path, maker, failed=failures.append, clock=ticks)
    pages = StatusListPages(
        lists=lambda: list(maker.lists.values()),
        tokens=tokens,
        enrolled=lambda name: name == "gw.hi.example",
        base=BASE,
        ttl_s=60,
    )
    yield World(maker, ticks, tokens, pages, failures)
    await tokens.close()


OWN, OTHERS = "/gz/1", f"/status-lists/{list_id(HI)}"


@pytest.mark.parametrize("caller", ["", "gw.nobody.example", "GW.HI.EXAMPLE"])
async def test_whoever_is_not_enrolled_learns_nothing(world: World, caller: str) -> None:
    answers = {
        str(await world.ask(path, caller=caller, method=method))
        for path in ("/status-lists", OWN, OTHERS, "/nothing")
        for method in ("GET", "POST")
    }
    (only,) = answers
    assert "403" in only
    assert world.maker.made == []


async def test_all_lists_are_told_with_where_they_are(world: World) -> None:
    world.maker.hold(Held(), Held(HI), Held(("https://old.example", "https://old.example/1"), closed=True))
    found = await world.ask("/status-lists")
    assert found.status == 200
    assert json.loads(found.body) == {"status_lists": [f"{BASE}/gz/1", f"{BASE}{OTHERS}"]}
    assert found.headers["Cache-Control"] == "private, max-age=60"


@pytest.mark.parametrize(("path", "name"), [(OWN, GZ), (f"/status-lists/{list_id(GZ)}", GZ), (OTHERS, HI)])
async def test_a_list_is_served_whole(world: World, path: str, name: ListName) -> None:
    found = await world.ask(path)
    assert (found.status, found.route, found.content_type) == (200, "/status-lists/list", MEDIA_TYPE)
    assert found.body == body_of(Held(name))
    assert found.headers == {"Cache-Control": "private, max-age=60", "ETag": tag_of(1, Held(name).digest)}


async def test_who_has_it_is_told_so_without_its_being_made(world: World) -> None:
    tag = (await world.ask(OWN)).headers["ETag"]
    for held in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = await world.ask(OWN, if_none_match=held)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    world.maker.move()
    world.ticks.now += 60
    newer = await world.ask(OWN, if_none_match=tag)
    assert (newer.status, newer.body) == (200, body_of(world.maker.lists[GZ]))
    assert newer.headers["ETag"] != tag
    assert len(world.maker.made) == 2


async def test_a_tag_of_before_a_restart_still_counts(world: World) -> None:
    found = await world.ask(OWN, if_none_match=tag_of(1, Held().digest))
    assert (found.status, found.file) == (304, None)


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        ("/", {}, 404),
        ("/metrics", {}, 404),
        ("/status-lists/", {}, 404),
        ("/status-lists/x", {}, 404),
        ("/gz/1/", {}, 404),
        ("/s/1", {}, 404),
        ("/status-lists", {"method": "POST"}, 405),
        (OWN, {"method": "DELETE"}, 405),
        (OWN, {"has_body": True}, 413),
        (OWN, {"query": "time=1700000000"}, 501),
        (OWN, {"query": "a=b&time"}, 501),
        (OWN, {"accept": "application/statuslist+cwt"}, 406),
        (OWN, {"accept": "text/html, application/json;q=0.9"}, 406),
    ],
)
async def test_everything_else_is_refused(world: World, path: str, changes: dict[str, str], status: int) -> None:
    found = await world.ask(path, **changes)  # type: ignore[arg-type]  # one of them is a bool
    assert found.status == status
    assert found.file is None
    assert world.maker.made == []


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", MEDIA_TYPE, "Application/StatusList+JWT;q=1", f"application/statuslist+cwt, {MEDIA_TYPE};q=0.5"],
)
async def test_a_jwt_is_what_it_comes_as(world: World, accept: str) -> None:
    assert (await world.ask(OWN, accept=accept)).status == 200


async def test_an_address_that_two_issuers_claim_is_nobodys(world: World) -> None:
    world.maker.hold(Held(), Held(TWIN))
    assert (await world.ask(OWN)).status == 404
    for name in (GZ, TWIN):
        assert (await world.ask(f"/status-lists/{list_id(name)}")).body == body_of(Held(name))
    assert len(json.loads((await world.ask("/status-lists")).body)["status_lists"]) == 2


@pytest.mark.parametrize(
    "uri",
    [
        f"{BASE}/a?b=1",
        f"{BASE}/a%2Fb",
        f"{BASE}.evil.example/a",
        BASE,
        f"{BASE}/status-lists",
        f"{BASE}/status-lists/x",
    ],
)
async def test_an_address_that_is_no_plain_path_of_ours_is_served_by_its_id(world: World, uri: str) -> None:
    name = ("https://gz.example", uri)
    world.maker.hold(Held(name))
    told = json.loads((await world.ask("/status-lists")).body)["status_lists"]
    assert told == [f"{BASE}/status-lists/{list_id(name)}"]


async def test_a_list_that_is_closed_is_gone(world: World) -> None:
    await world.ask(OWN)
    world.maker.hold(Held(closed=True), Held(HI))
    assert (await world.ask(OWN)).status == 404


async def test_a_list_that_cannot_be_made_yet_is_to_be_asked_for_again(world: World) -> None:
    world.tokens._patience_s = 0.0
    world.maker.let.clear()
    found = await world.ask(OWN)
    assert (found.status, found.headers) == (503, {"Retry-After": "5"})
    world.maker.let.set()
