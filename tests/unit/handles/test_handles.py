"""Handles: one for each caller and epoch, stable within it, and none without its key."""

from __future__ import annotations

import asyncio
import re
import shutil
from base64 import urlsafe_b64decode
from dataclasses import replace
from hashlib import sha256
from hmac import digest
from pathlib import Path

import pytest

from gateway.errors import NotReady
from gateway.handles.observer import Unobserved
from gateway.handles.pairwise import handle_for, scope_of
from gateway.handles.upkeep import Upkeep
from gateway.values import Caller, CallerId, CallerKind, CodeMarks, Instant, IssuerId
from keys.epoch_keys import EpochFolder, EpochKey, EpochKeyUnavailable, KeyFault, WhichKey
from keys.hmac_sha256 import HmacSha256
from tests.unit.handles.worlds import AT, EAST, GUIZHOU, NOW, WEEK, WEST, Told, handles, marks

LATER = Instant(AT + 3_600)
NEXT = Instant(NOW.end + 1.0)


def test_the_form_of_a_handle_is_the_one_that_is_written_down() -> None:
    key = EpochKey(NOW, HmacSha256(b"k" * 32))
    found = handle_for(EAST, marks("p-1"), key)
    parts = (b"tls_peer\n\n" + EAST.caller_id.encode(), GUIZHOU.encode(), b"subject\0p-1")
    message = b"hcgw-handle-v1\0" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", found.handle)
    assert found.until == float(NOW.end)
    assert digest(b"k" * 32, message, sha256).startswith(_bytes_of(found.handle))
    assert found.handle not in repr(found)


def _bytes_of(handle: str) -> bytes:
    return urlsafe_b64decode(handle + "==")


def test_a_handle_is_stable_within_an_epoch_and_for_every_process(tmp_path: Path) -> None:
    one, other = handles(tmp_path / "h"), handles(tmp_path / "h", at=LATER)
    first = one.handle_for(EAST, marks(), AT)
    assert first == one.handle_for(EAST, marks(), LATER) == other.handle_for(EAST, marks(), LATER)
    # What is no part of the person changes nothing: the showing of a dynamic code.
    shown = marks()._replace(showing=b"showing-2", shown_until=LATER)
    assert one.handle_for(EAST, shown, AT) == first


def test_any_other_caller_issuer_person_or_epoch_has_another_one(tmp_path: Path) -> None:
    one = handles(tmp_path / "h")
    plain = Caller(CallerId("Gate 7"), CallerKind.TLS_PEER, frozenset({"zj.example"}))
    callers = (
        *(EAST, WEST, plain),
        replace(plain, vouched_by=frozenset({"gz.example"})),
        replace(plain, kind=CallerKind.DEV_LOOPBACK),
        replace(EAST, caller_id=CallerId(EAST.caller_id + "2")),
    )
    people = (
        *(marks("p-1"), marks("p-2"), marks("p-1", IssuerId("https://code.hn.example"))),
        CodeMarks(GUIZHOU, b"code id\0p-1"),
        # The same bytes, divided otherwise between issuer and person.
        CodeMarks(IssuerId(GUIZHOU + "s"), b"ubject\0p-1"),
    )
    found = {one.handle_for(caller, person, AT).handle for caller in callers for person in people}
    assert len(found) == len(callers) * len(people)
    one.look(NEXT)
    assert not found & {one.handle_for(caller, person, NEXT).handle for caller in callers for person in people}


def test_a_name_with_a_domain_counts_alone_whoever_else_vouches() -> None:
    assert scope_of(EAST) == scope_of(replace(EAST, vouched_by=frozenset({"zj.example", "sc.example"})))


def test_a_key_is_made_ahead_and_destroyed_when_its_epoch_has_ended(tmp_path: Path) -> None:
    told = Told()
    one = handles(tmp_path / "h", told)
    assert told.held == [(NOW, False, False)]
    late = Instant(NOW.end - 10.0)
    one.look(late)
    assert told.made == [NOW, NOW.next]
    assert told.held[-1] == (NOW, True, True)
    # The turn of the epoch needs no look; the look after it destroys.
    before, after = one.handle_for(EAST, marks(), late), one.handle_for(EAST, marks(), NEXT)
    assert before.handle != after.handle
    assert (before.until, after.until) == (float(NOW.end), float(NOW.next.end))
    assert told.given == 2
    one.look(NEXT)
    assert told.destroyed == [1]
    with pytest.raises(NotReady):
        one.handle_for(EAST, marks(), late)
    assert EpochFolder(tmp_path / "h").epochs() == (NOW.next,)


def test_a_clock_that_is_set_back_gets_no_handle_until_it_is_right_again(tmp_path: Path) -> None:
    told = Told()
    one = handles(tmp_path / "h", told)
    one.look(NEXT)
    assert told.destroyed == [1]
    one.look(AT)
    assert told.faults == [(WhichKey.CURRENT, KeyFault.DESTROYED)]
    assert told.held[-1] == (None, False, False)
    assert not one.ready
    assert not handles(tmp_path / "h", at=AT).ready
    one.look(NEXT)
    assert one.ready


def test_a_destroyed_key_is_used_no_more_after_the_next_look_and_its_handles_are_gone(tmp_path: Path) -> None:
    told = Told()
    one = handles(tmp_path / "h", told)
    given = one.handle_for(EAST, marks(), AT)
    EpochFolder(tmp_path / "h").destroy([NOW])
    one.look(AT)
    assert not one.ready
    assert told.faults == [(WhichKey.CURRENT, KeyFault.DESTROYED)]
    # Even with the folder emptied by hand: another key, another handle.
    shutil.rmtree(tmp_path / "h")
    again = handles(tmp_path / "h")
    assert again.handle_for(EAST, marks(), AT).handle != given.handle


def test_a_folder_that_is_away_for_a_while_takes_no_key_away(tmp_path: Path) -> None:
    told = Told()
    one = handles(tmp_path / "h", told)
    given = one.handle_for(EAST, marks(), AT)
    (tmp_path / "h").rename(tmp_path / "away")
    one.look(AT)
    assert told.faults == [(WhichKey.CURRENT, KeyFault.UNUSABLE), (WhichKey.ENDED, KeyFault.UNUSABLE)]
    assert one.handle_for(EAST, marks(), AT) == given
    # It is no longer the key of now, so it is none.
    one.look(NEXT)
    assert not one.ready


def test_where_no_keys_are_made_they_come_from_elsewhere(tmp_path: Path) -> None:
    told = Told()
    one = handles(tmp_path / "h", told, makes_keys=False)
    assert told.faults == [(WhichKey.CURRENT, KeyFault.MISSING)]
    EpochFolder(tmp_path / "h").key(NOW, make=True)
    one.look(AT)
    assert one.ready
    assert told.made == []


def test_a_folder_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "h").write_text("")
    with pytest.raises(EpochKeyUnavailable) as caught:
        handles(tmp_path / "h")
    assert caught.value.fault is KeyFault.UNUSABLE


async def test_looks_go_on_until_they_are_stopped(tmp_path: Path) -> None:
    told = Told()
    one = handles(tmp_path / "h", told)
    upkeep = Upkeep(one, lambda: NEXT, told, every_s=0.001)
    upkeep.start()
    async with asyncio.timeout(60):
        while told.held[-1][0] != NOW.next:  # noqa: ASYNC110 nobody tells of a look
            await asyncio.sleep(0.001)
    await upkeep.stop()
    looks = len(told.held)
    await asyncio.sleep(0.02)
    assert len(told.held) <= looks + 1  # one that was in its thread may end
    await upkeep.stop()


async def test_a_look_that_fails_is_told_and_is_not_the_last(tmp_path: Path) -> None:
    told = Told()
    one = handles(tmp_path / "h", told)
    times = iter([Instant(float("nan")), Instant(float("nan"))])
    upkeep = Upkeep(one, lambda: next(times, NEXT), told, every_s=0.001)
    upkeep.start()
    async with asyncio.timeout(60):
        while told.held[-1][0] != NOW.next:  # noqa: ASYNC110 nobody tells of a look
            await asyncio.sleep(0.001)
    await upkeep.stop()
    assert [type(failure) for failure in told.failures] == [ValueError, ValueError]


def test_nobody_needs_to_watch(tmp_path: Path) -> None:
    one, nobody = handles(tmp_path / "h"), Unobserved()
    assert one.handle_for(EAST, marks(), AT)
    nobody.key_made(NOW)
    nobody.keys_destroyed(1)
    nobody.keys_held(NOW, next_is_due=False, next_is_held=False)
    nobody.key_unavailable(WhichKey.ENDED, KeyFault.UNUSABLE, "why")
    nobody.look_failed(ValueError())
    nobody.handle_given()
    assert NOW.end - NOW.start == WEEK
