"""Whether rates are counted together is shown and said; who asks is nobody's number and in no line."""

from __future__ import annotations

import io
import json

from gateway.callers.shared_rates import RatesObserver
from gateway.values import Instant
from gateway.watch.callers import SAID_AGAIN_S, RatesWatch
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics

CANARY = "spiffe://zhejiang.example/gate/c4n4ry"


def test_whether_rates_are_counted_together_is_asked_at_each_look() -> None:
    metrics, knows = Metrics(lambda: Instant(0.0), version="0"), [False]
    assert "hcgw_callers_rates_together 1.0" in metrics.exposition("")[0].decode()
    metrics.callers.show_together(lambda: knows[0])
    assert "hcgw_callers_rates_together 0.0" in metrics.exposition("")[0].decode()
    knows[0] = True
    assert "hcgw_callers_rates_together 1.0" in metrics.exposition("")[0].decode()


def test_what_changes_is_said_and_faults_of_ours_once_a_minute() -> None:
    log, clock = io.StringIO(), [100.0]
    watch: RatesObserver = RatesWatch(EventLog(log), lambda: clock[0])
    watch.rates_apart("unreachable")
    watch.rates_together()
    for seconds in (0.0, 0.0, SAID_AGAIN_S):
        clock[0] += seconds
        try:
            raise LookupError(CANARY)
        except LookupError as failure:
            watch.rates_failed(failure)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(one["event"], one.get("why")) for one in lines] == [
        ("rates_apart", "unreachable"),
        ("rates_together", None),
        ("unhandled", None),
        ("unhandled", None),
    ]
    assert CANARY not in log.getvalue()
