"""Showings are counted under words of ours; what is said in the log names nobody and does not flood it."""

from __future__ import annotations

import io
import json

from gateway.replay.observer import Offered, ReplayObserver, Silence
from gateway.replay.showing import Seen, Unchecked
from gateway.values import Instant
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics
from gateway.watch.replay import OFFERED, SAID_AGAIN_S, SEEN, UNCHECKED, ReplayWatch

CANARY = "Zhang Wei 330102199001011234"


def test_the_words_are_those_of_the_room() -> None:
    assert set(SEEN) == {seen.name.lower() for seen in Seen}
    assert set(UNCHECKED) == {why.name.lower() for why in Unchecked}
    assert set(OFFERED) == {outcome.value for outcome in Offered}


def test_everything_is_counted_and_trouble_is_said_once_a_minute() -> None:
    log, clock = io.StringIO(), [100.0]
    metrics = Metrics(lambda: Instant(0.0), version="0")
    assert 'hcgw_replay_showings_total{seen="suspected"} 0.0' in metrics.exposition("")[0].decode()
    watch: ReplayObserver = ReplayWatch(metrics.replay, EventLog(log), lambda: clock[0])
    for seen in (Seen.FIRST, Seen.SAME_PASSAGE, Seen.SUSPECTED):
        watch.shown(seen, None, here_only=False)
    for _ in range(2):
        for why in Unchecked:
            watch.shown(Seen.UNCHECKED, why, here_only=True)
        try:
            raise LookupError(CANARY)
        except LookupError as failure:
            watch.failed(failure)
    clock[0] += SAID_AGAIN_S
    watch.shown(Seen.UNCHECKED, Unchecked.FULL, here_only=False)
    watch.asked(0.002)
    for outcome in Offered:
        watch.offered(outcome, 3)
    watch.shared_gone(Silence.SLOW)
    down = metrics.exposition("")[0].decode()
    watch.shared_back()
    metrics.replay.show(lambda: 7, 250_000)
    up = metrics.exposition("")[0].decode()
    for line in (
        'hcgw_replay_showings_total{seen="first"} 1.0',
        'hcgw_replay_showings_total{seen="same_passage"} 1.0',
        'hcgw_replay_showings_total{seen="suspected"} 1.0',
        'hcgw_replay_showings_total{seen="unchecked"} 9.0',
        'hcgw_replay_unchecked_total{why="full"} 3.0',
        'hcgw_replay_unchecked_total{why="busy"} 2.0',
        "hcgw_replay_local_total 8.0",
        'hcgw_replay_offered_total{outcome="conflict"} 3.0',
        "hcgw_replay_redis_seconds_count 1.0",
        "hcgw_replay_held 7.0",
        "hcgw_replay_capacity 250000.0",
        "hcgw_replay_redis_up 1.0",
    ):
        assert line in up
    assert "hcgw_replay_redis_up 0.0" in down
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [(one["event"], one.get("why"), one.get("count")) for one in said]
    assert told[:4] == [("replay_unchecked", why, None) for why in UNCHECKED]
    assert told[5:] == [
        ("replay_unchecked", "full", None),
        ("replay_found", None, 3),
        ("replay_guard_alone", "slow", None),
        ("replay_guard_shared", None, None),
    ]
    assert (said[4]["event"], said[4]["exception"]) == ("unhandled", "LookupError")
    assert not any(word in log.getvalue() + up for word in CANARY.split())
