"""Plain lists that are followed: taken, kept for their time, left to lapse; and every reason why one is not taken."""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.changes import ListName, StoreDegraded, Word
from gateway.follow.token_list_fetch import TokenListHttp
from gateway.follow.token_list_source import PLAIN, SourceInvalid, TokenListRefusal, TokenListSource
from gateway.follow.token_lists import MOST_BACKOFF_S
from gateway.formats.status_list import pack
from gateway.status.words import AS_SIGNED, CANCELLED, GREEN, RED, SUSPENDED, UNKNOWN, YELLOW
from gateway.values import Algorithm, Format, Instant, KeyUse
from tests.conftest import NOON, FakeClock
from tests.simulators.signing import make_key
from tests.simulators.token_list_site import CWT, Manner, TokenListSite
from tests.unit.follow.token_list_world import (
    HOST,
    HOSTS_KEY,
    ISSUER,
    KEY,
    NAME,
    OTHER,
    OTHERS_KEY,
    RAW,
    URI,
    World,
    limited,
    token,
    trusted,
)

R = TokenListRefusal


@pytest.fixture
async def world(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    site = TokenListSite(token())
    await site.start()
    found = World(site, tmp_path, clock)
    yield found
    await found.close()
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 nothing else runs any more


def nibbles(words: bytes | None) -> list[int]:
    assert words is not None
    return [half for byte in words for half in (byte & 0xF, byte >> 4)]


@pytest.mark.parametrize(
    ("spelled", "media_type"), [("jwt", None), ("cwt", CWT), ("jwt", "Application/StatusList+JWT; a=b")]
)
async def test_a_list_is_taken(world: World, spelled: str, media_type: str | None) -> None:
    world.site.token = token(spelled=spelled)
    world.site.media_type = media_type or world.site.media_type
    assert await world.follow().refresh() == 600.0
    assert world.last() == ("taken", 8)
    unassigned = UNKNOWN
    assert nibbles(world.kept.words()) == [
        GREEN, CANCELLED, YELLOW, RED, UNKNOWN, UNKNOWN, SUSPENDED, unassigned
    ]  # fmt: skip
    held = world.kept.held(NAME)
    assert held is not None
    assert (held.issued, held.expires) == (NOON, NOON + 3_600)


async def test_valid_says_no_colour_of_who_makes_no_codes_of_ours(world: World) -> None:
    world.trust = trusted(formats=frozenset({Format.HCERT}))
    await world.follow().refresh()
    assert nibbles(world.kept.words()) == [
        AS_SIGNED, CANCELLED, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, SUSPENDED, UNKNOWN
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "raw", "words", "expected"),
    [
        (1, b"\x05", None, [AS_SIGNED if not 0x05 >> place & 1 else CANCELLED for place in range(8)]),
        (2, b"\xe4", None, [AS_SIGNED, CANCELLED, SUSPENDED, UNKNOWN]),
        (2, b"\xe4", {0: GREEN, 1: YELLOW, 2: RED}, [GREEN, YELLOW, RED, UNKNOWN]),
        (8, b"\x00\x01\xff", None, [AS_SIGNED, CANCELLED, UNKNOWN, UNKNOWN]),
        (8, b"\x00\x80\xff", {0x80: RED}, [UNKNOWN, RED, UNKNOWN, UNKNOWN]),
        (4, b"\x10", {0: GREEN}, [GREEN, UNKNOWN]),
    ],
)
async def test_other_sizes_are_read_by_the_issuers_map(
    world: World, bits: int, raw: bytes, words: Mapping[int, Word] | None, expected: list[Word]
) -> None:
    world.site.token = token(bits=bits, raw=raw)
    await world.follow(words=words).refresh()
    assert world.last() == ("taken", len(raw) * 8 // bits)
    assert nibbles(world.kept.words()) == expected


async def test_what_is_asked_is_what_was_configured(world: World) -> None:
    await world.follow().refresh()
    (request,) = world.site.requests
    line, *headers = request.strip().split("\r\n")
    assert line == "GET /s/1 HTTP/1.1"
    said = dict(header.split(": ", 1) for header in headers)
    assert said["Accept"] == "application/statuslist+jwt, application/statuslist+cwt;q=0.9"
    assert said["Accept-Encoding"] == "identity"
    assert set(said) == {"Host", "Accept", "Accept-Encoding", "User-Agent"}


async def test_by_its_tag_nothing_comes_twice(world: World) -> None:
    follower = world.follow()
    await follower.refresh()
    assert await follower.refresh() == 600.0
    assert world.last() == ("unchanged", None)
    assert 'If-None-Match: "1"' in world.site.requests[1]
    world.site.token, world.site.tag = token(at=Instant(NOON + 1)), '"2"'
    await follower.refresh()
    assert world.last() == ("taken", 8)
    await follower.refresh()
    assert 'If-None-Match: "2"' in world.site.requests[3]


@pytest.mark.parametrize("tag", [None, '"' + "x" * 300 + '"'])
async def test_without_a_tag_the_same_token_is_taken_once(world: World, tag: str | None) -> None:
    world.site.tag = tag
    follower = world.follow()
    await follower.refresh()
    await follower.refresh()
    assert [what for what, _ in world.watched.told] == ["taken", "unchanged"]
    assert "If-None-Match" not in world.site.requests[1]


async def test_a_list_that_is_held_no_more_is_fetched_whole(world: World) -> None:
    follower = world.follow()
    await follower.refresh()
    world.kept.lists.clear()
    await follower.refresh()
    assert [what for what, _ in world.watched.told] == ["taken", "taken"]


@pytest.mark.parametrize(
    ("ttl", "exp_s", "chance", "pause"),
    [
        (600, 3_600, 0.0, 600.0),
        (600, 3_600, 0.5, 570.0),
        (None, 3_600, 0.0, 300.0),
        (1, 3_600, 0.0, 10.0),
        (0.001, 3_600, 0.9, 9.1),
        (10**8, 10**8, 0.0, 86_400.0),
        (600, 30, 0.0, 30.0),
        (600, 1, 0.0, 10.0),
        (600, None, 0.0, 600.0),
    ],
)
async def test_a_list_is_kept_for_its_time_within_sane_bounds(
    world: World, ttl: float | None, exp_s: int | None, chance: float, pause: float
) -> None:
    world.site.token = token(ttl=ttl, exp=None if exp_s is None else int(NOON) + exp_s)
    world.chance = chance
    assert await world.follow().refresh() == pytest.approx(pause)


REFUSED = [
    ("sub of another list", R.WRONG_LIST, {"sub": "https://code.gz.example/s/2"}),
    ("sub in another spelling", R.WRONG_LIST, {"sub": URI + "/"}),
    ("says that it is another's", R.FOREIGN_ISSUER, {"iss": OTHER}),
    ("from the future", R.IN_THE_FUTURE, {"iat": int(NOON) + 31}),
    ("not valid yet", R.IN_THE_FUTURE, {"nbf": int(NOON) + 31}),
    ("fast forward", R.MALFORMED, {"iat": 2**53}),
    ("expired", R.EXPIRED, {"iat": int(NOON) - 60, "exp": int(NOON)}),
    ("without a time", R.MALFORMED, {"iat": None}),
    ("of another issuer's key", R.BAD_SIGNATURE, {"key": OTHERS_KEY}),
    ("of a key that is not known", R.BAD_SIGNATURE, {"key": make_key(Algorithm.ED25519, "status-1")}),
    ("of a host that nobody appointed", R.BAD_SIGNATURE, {"key": HOSTS_KEY}),
    ("places that do not unpack", R.MALFORMED, {"listed": {"lst": b"no zlib"}}),
    ("places cut off", R.MALFORMED, {"listed": {"lst": pack([RAW])[:-2]}}),
    ("places with something behind", R.MALFORMED, {"listed": {"lst": pack([RAW]) + b"x"}}),
    ("no places", R.MALFORMED, {"listed": {"lst": pack([b""])}}),
    ("three bits", R.MALFORMED, {"listed": {"bits": 3}}),
]


@pytest.mark.parametrize("spelled", ["jwt", "cwt"])
@pytest.mark.parametrize(("refusal", "changes"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_a_list_that_is_not_taken_changes_nothing(
    world: World, refusal: TokenListRefusal, changes: dict[str, Any], spelled: str
) -> None:
    follower = world.follow()
    await follower.refresh()
    before = world.kept.words()
    world.site.media_type = CWT if spelled == "cwt" else world.site.media_type
    world.site.token, world.site.tag = token(raw=b"\0" * 8, spelled=spelled, **changes), '"2"'
    assert await follower.refresh() == 10.0
    assert world.last() == ("refused", refusal)
    assert world.kept.words() == before


async def test_a_forged_byte_anywhere_is_found(world: World) -> None:
    good = token()
    places = list(range(0, len(good), 29))
    for place in places:
        world.site.token = good[:place] + (b"A" if good[place : place + 1] != b"A" else b"B") + good[place + 1 :]
        await world.follow().refresh()
    assert {what for what, _ in world.watched.told} == {"refused"}
    assert {why for _, why in world.watched.told} <= {R.BAD_SIGNATURE, R.MALFORMED, R.WRONG_LIST}
    assert world.kept.words() is None


@pytest.mark.parametrize(
    ("trust", "refusal"),
    [
        (replace(trusted(), issuers={}), R.UNKNOWN_ISSUER),
        (replace(trusted(), expires=NOON), R.TRUST_EXPIRED),
        (trusted(limited(KeyUse.VACCINATION)), R.BAD_SIGNATURE),
        (trusted(KEY.trusted(ISSUER, not_after=Instant(NOON - 1))), R.BAD_SIGNATURE),
        (trusted(KEY.trusted(ISSUER, not_before=Instant(NOON + 1))), R.BAD_SIGNATURE),
        (trusted(KEY.trusted(OTHER)), R.BAD_SIGNATURE),
    ],
    ids=["unknown", "run out", "limited", "too old", "too new", "another's"],
)
async def test_who_is_not_trusted_is_not_heard(world: World, trust: Any, refusal: TokenListRefusal) -> None:
    world.trust = trust
    await world.follow().refresh()
    assert world.last() == ("refused", refusal)


async def test_a_host_that_was_appointed_signs_in_the_issuers_name(world: World) -> None:
    world.site.token = token(key=HOSTS_KEY, iss=HOST)
    await world.follow(signed_by=HOST).refresh()
    assert world.last() == ("taken", 8)
    world.site.token, world.site.tag = token(at=Instant(NOON + 1)), '"2"'
    await world.followers[0].refresh()
    assert world.last() == ("refused", R.BAD_SIGNATURE)


async def test_an_older_list_is_refused_also_after_a_restart_and_after_it_lapsed(world: World) -> None:
    world.site.token, world.site.tag = token(at=NOON, ttl=10), None
    await world.follow().refresh()
    older = token(at=Instant(NOON - 1), exp=int(NOON) + 86_400)
    world.site.token = older
    await world.follow().refresh()
    assert world.last() == ("refused", R.ROLLED_BACK)
    world.clock.advance(3_600)
    follower = world.follow()
    await follower.refresh()
    assert world.watched.told[-2:] == [("lapsed", None), ("refused", R.ROLLED_BACK)]
    await world.follow().refresh()
    assert world.watched.told[-2:] == [("lapsed", None), ("refused", R.ROLLED_BACK)]
    assert world.kept.words() is None


async def test_a_list_past_its_end_lapses_though_its_site_says_that_nothing_is_new(world: World) -> None:
    follower = world.follow()
    await follower.refresh()
    world.site.manner = Manner.ALWAYS_SAME
    world.clock.advance(3_570)
    assert await follower.refresh() == 30.0
    world.clock.advance(29)
    assert await follower.refresh() == 10.0
    assert world.kept.words() is not None
    world.clock.advance(1)
    await follower.refresh()
    await follower.refresh()
    assert world.kept.words() is None
    assert [what for what, _ in world.watched.told].count("lapsed") == 1
    world.site.manner, world.site.token, world.site.tag = Manner.WELL, token(at=world.clock.now), '"2"'
    await follower.refresh()
    assert world.kept.words() is not None


async def test_a_site_that_hangs_does_not_keep_up_a_list_that_is_over(world: World) -> None:
    await world.follow().refresh()
    world.site.manner = Manner.HANG
    world.clock.advance(3_600)
    follower = world.follow(time_limit_s=0.05)
    await follower.refresh()
    assert world.watched.told[-2:] == [("lapsed", None), ("refused", R.TIMED_OUT)]
    assert world.kept.words() is None


async def test_a_fetch_takes_no_longer_than_what_is_held_may_be_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []
    follower = world.follow()
    await follower.refresh()

    async def fetch(_: TokenListHttp, tag: str | None, time_limit_s: float) -> None:
        limits.append(time_limit_s)

    monkeypatch.setattr(TokenListHttp, "fetch", fetch)
    for advance in (0, 3_585, 14.5, 0.5):
        world.clock.advance(advance)
        await follower.refresh()
    assert limits == [30.0, 15.0, 1.0, 30.0]


SITES = [
    (Manner.RESET, R.UNREACHABLE),
    (Manner.CUT, R.UNREACHABLE),
    (Manner.GARBAGE, R.UNREACHABLE),
    (Manner.ERROR, R.BAD_STATUS),
    (Manner.MOVED, R.BAD_STATUS),
    (Manner.COMPRESSED, R.COMPRESSED),
    (Manner.PROMISE, R.TOO_LARGE),
    (Manner.ENDLESS, R.TOO_LARGE),
    (Manner.ALWAYS_SAME, R.BAD_STATUS),
]


@pytest.mark.parametrize(("manner", "refusal"), SITES)
async def test_a_site_that_fails(world: World, manner: Manner, refusal: TokenListRefusal) -> None:
    world.site.manner = manner
    assert await world.follow(max_token_bytes=100_000).refresh() == 10.0
    assert world.last() == ("refused", refusal)
    assert world.kept.words() is None
    assert world.site.sent < 10_000_000
    assert len(world.site.requests) == 1
    world.site.manner = Manner.WELL
    await world.followers[0].refresh()
    assert world.last() == ("taken", 8)


@pytest.mark.parametrize("manner", [Manner.HANG, Manner.DRIP])
async def test_a_site_that_takes_too_long(world: World, manner: Manner) -> None:
    world.site.manner = manner
    await world.follow(time_limit_s=0.1).refresh()
    assert world.last() == ("refused", R.TIMED_OUT)


async def test_a_site_that_is_not_there(world: World) -> None:
    await world.site.stop()
    await world.follow().refresh()
    assert world.last() == ("refused", R.UNREACHABLE)


@pytest.mark.parametrize("media_type", ["application/jwt", "text/plain", "", "application/statuslist+jwtx"])
async def test_what_is_of_another_kind_is_not_read(world: World, media_type: str) -> None:
    world.site.media_type = media_type
    await world.follow().refresh()
    assert world.last() == ("refused", R.WRONG_MEDIA_TYPE)


async def test_one_spelling_under_the_others_name_is_no_list(world: World) -> None:
    world.site.media_type = CWT
    await world.follow().refresh()
    assert world.last() == ("refused", R.MALFORMED)


async def test_a_token_of_more_bytes_and_a_list_of_more_places_than_allowed(world: World) -> None:
    size = len(world.site.token)
    cases: list[tuple[dict[str, Any], object]] = [
        ({"max_token_bytes": size}, ("taken", 8)),
        ({"max_token_bytes": size - 1}, ("refused", R.TOO_LARGE)),
        ({"max_places": 7}, ("refused", R.TOO_LARGE)),
    ]
    for changes, outcome in cases:
        world.kept.lists.clear()
        await world.follow(**changes).refresh()
        assert world.last() == outcome


async def test_a_bomb_costs_no_more_than_its_cap(world: World) -> None:
    world.site.token = token(listed={"lst": pack(bytes(1 << 20) for _ in range(64))})
    await world.follow(max_places=1 << 20).refresh()
    assert world.last() == ("refused", R.TOO_LARGE)


@pytest.mark.parametrize("broken", [StoreDegraded("full"), OSError(errno.ENOSPC, "full")])
async def test_what_cannot_be_kept_is_not_taken_and_comes_again(world: World, broken: Exception) -> None:
    world.kept.broken = broken
    follower = world.follow()
    await follower.refresh()
    assert world.last() == ("refused", R.NOT_KEPT)
    world.kept.broken = None
    await follower.refresh()
    assert world.last() == ("taken", 8)
    assert "If-None-Match" not in world.site.requests[1]


async def test_failures_are_tried_again_ever_later(world: World) -> None:
    world.site.manner = Manner.ERROR
    follower = world.follow()
    pauses = [await follower.refresh() for _ in range(9)]
    assert pauses == [10, 20, 40, 80, 160, 320, MOST_BACKOFF_S, MOST_BACKOFF_S, MOST_BACKOFF_S]
    world.chance = 0.5
    assert await follower.refresh() == MOST_BACKOFF_S * 0.75
    world.site.manner = Manner.WELL
    await follower.refresh()
    world.site.manner, world.chance = Manner.ERROR, 0.0
    assert await follower.refresh() == 10


async def test_it_follows_until_it_is_cancelled_and_survives_a_bug(world: World) -> None:
    bug = RuntimeError("a bug")
    world.kept.broken = bug
    pauses: list[float] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        world.kept.broken = None
        if len(pauses) == 3:
            done.set()
            await asyncio.Event().wait()

    follower = world.follow(sleep=sleep)
    task = asyncio.create_task(follower.run())
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pauses == [10.0, 600.0, 600.0]
    assert world.watched.bugs == [bug]
    assert [what for what, _ in world.watched.told] == ["taken", "unchanged"]


async def test_a_list_lapses_on_time_and_is_not_fetched_more_often_for_it(world: World) -> None:
    world.site.token = token(exp=int(NOON) + 3)
    told: list[tuple[float, bool]] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        told.append((seconds, world.kept.words() is not None))
        world.clock.advance(seconds)
        if len(told) == 2:
            done.set()
            await asyncio.Event().wait()

    follower = world.follow(sleep=sleep)
    task = asyncio.create_task(follower.run())
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert told == [(3.0, True), (7.0, False)]
    assert len(world.site.requests) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://code.gz.example/s/1",
        "http://10.0.0.1/s/1",
        "ftp://127.0.0.1/s/1",
        "https://",
        "https://[::1/s",
        "https://x:99999/",
        "https://user@code.gz.example/s/1",
        "https://code.gz.example/s/1#x",
        "/s/1",
    ],
)
def test_an_address_that_may_not_be_spoken_to(address: str) -> None:
    with pytest.raises(SourceInvalid):
        TokenListSource(NAME, address)
    with pytest.raises(SourceInvalid):
        TokenListSource(ListName(ISSUER, address))


@pytest.mark.parametrize("words", [{256: GREEN}, {-1: GREEN}, {0: Word(4)}, {0: Word(16)}])
def test_a_map_of_no_words(words: Mapping[int, Word]) -> None:
    with pytest.raises(SourceInvalid):
        TokenListSource(NAME, words=words)


def test_no_map_makes_valid_green_by_itself() -> None:
    assert GREEN not in PLAIN.values()
    for bits, colours in itertools.product((1, 2, 8), (True, False)):
        found = TokenListSource(NAME).table(bits, colours=colours).words(bytes(8))
        assert set(nibbles(found)) <= {AS_SIGNED}
