"""Conversions are counted under words of ours, all of them there from the start."""

from __future__ import annotations

import io

from gateway.conversion.observer import ConversionObserver, ConversionOutcome, RecheckOutcome
from gateway.status.words import WORDS
from gateway.values import CodeState, Instant
from gateway.watch.conversion import MARKS, OUTCOMES, RECHECKS, ConversionWatch
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics

CANARY = "Zhang Wei 330102199001011234"


def test_the_words_are_those_of_the_room() -> None:
    assert set(OUTCOMES) == {outcome.value for outcome in ConversionOutcome}
    assert set(RECHECKS) == {outcome.value for outcome in RecheckOutcome}
    assert set(MARKS) == set(WORDS)


def test_everything_is_counted_and_nothing_is_told_of_a_fault_but_its_kind() -> None:
    log = io.StringIO()
    metrics = Metrics(lambda: Instant(0.0), version="0")
    before = metrics.exposition("")[0].decode()
    assert 'hcgw_conversions_total{outcome="full"} 0.0' in before
    watch: ConversionObserver = ConversionWatch(metrics.conversions, EventLog(log))
    for outcome in ConversionOutcome:
        watch.conversion_asked(outcome)
    for look in RecheckOutcome:
        watch.original_rechecked(look)
    for state in WORDS:
        watch.conversion_marked(state)
    watch.conversions_live(7)
    try:
        raise LookupError(CANARY)
    except LookupError as failure:
        watch.recheck_failed(failure)
    after = metrics.exposition("")[0].decode()
    assert all(f'hcgw_conversions_total{{outcome="{outcome}"}} 1.0' in after for outcome in OUTCOMES)
    assert all(f'hcgw_conversion_rechecks_total{{outcome="{outcome}"}} 1.0' in after for outcome in RECHECKS)
    assert f'hcgw_conversion_marks_total{{state="{CodeState.RED.name}"}} 1.0' in after
    assert "hcgw_conversions_live 7.0" in after
    assert "LookupError" in log.getvalue()
    assert not any(word in log.getvalue() + after for word in CANARY.split())
