"""What is told of handles and disclosures: numbers, and a line when something begins and when it ends."""

from __future__ import annotations

import io
import json

from gateway.clinical import ClinicalItem, ClinicalQuestion, EntryState, LawfulBasis
from gateway.values import Profile
from gateway.watch.handles import HandleWatch
from gateway.watch.logs import EventLog
from gateway.watch.metrics import Metrics
from keys.epoch_keys import KeyFault, WhichKey
from tests.conftest import FakeClock
from tests.unit.handles.worlds import NOW


class Bench:
    """A watch with its numbers and its log."""

    def __init__(self) -> None:
        self.metrics = Metrics(FakeClock(), version="1")
        self.stream = io.StringIO()
        self.watch = HandleWatch(self.metrics.handles, EventLog(self.stream))

    def looked(self, *, current: bool = True, due: bool = False, held: bool = False) -> None:
        self.watch.keys_held(NOW if current else None, next_is_due=due, next_is_held=held)

    def told(self) -> list[tuple[str, str]]:
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        self.stream.truncate(0)
        self.stream.seek(0)
        return [(line["event"], line.get("what", "")) for line in lines]

    def number(self, series: str) -> float | None:
        name, _, labels = series.partition("{")
        wanted = dict(pair.split("=") for pair in labels.rstrip("}").split(",") if pair)
        return self.metrics.registry.get_sample_value(name, wanted)


def test_what_is_missing_shows_and_is_told_once() -> None:
    bench = Bench()
    bench.looked()
    assert bench.told() == []
    assert bench.number("hcgw_handle_key_missing{epoch=current}") == 0
    assert bench.number("hcgw_handle_epoch_end_timestamp_seconds") == NOW.end
    for _ in range(3):
        bench.watch.key_unavailable(WhichKey.CURRENT, KeyFault.DESTROYED, "why")
        bench.watch.key_unavailable(WhichKey.NEXT, KeyFault.UNUSABLE, "why")
        bench.watch.key_unavailable(WhichKey.ENDED, KeyFault.UNUSABLE, "why")
        bench.looked(current=False, due=True)
    assert bench.told() == [("handle_key_unavailable", what) for what in ("current", "next", "ended")]
    assert bench.number("hcgw_handle_key_missing{epoch=current}") == 1
    assert bench.number("hcgw_handle_key_missing{epoch=next}") == 1
    assert bench.number("hcgw_handle_key_destruction_failing") == 1
    assert bench.number("hcgw_handle_epoch_end_timestamp_seconds") == 0
    # Another fault of the same key is news.
    bench.watch.key_unavailable(WhichKey.CURRENT, KeyFault.UNUSABLE, "why")
    bench.looked(current=False)
    assert bench.told() == [("handle_key_unavailable", "current")]
    bench.looked(due=True, held=True)
    assert bench.told() == [("handle_key_back", "")]
    assert bench.number("hcgw_handle_key_destruction_failing") == 0
    assert bench.number("hcgw_handle_key_missing{epoch=next}") == 0


def test_made_destroyed_and_failed_are_told() -> None:
    bench = Bench()
    bench.watch.key_made(NOW)
    bench.watch.keys_destroyed(2)
    bench.watch.look_failed(ValueError("a text that is not told"))
    assert "not told" not in bench.stream.getvalue()
    assert [event for event, _ in bench.told()] == ["handle_key_made", "handle_keys_destroyed", "unhandled"]
    bench.watch.handle_given()
    assert bench.number("hcgw_handles_total") == 1


def test_disclosures_are_counted_by_profile_and_items_by_their_basis() -> None:
    bench = Bench()
    counts = bench.metrics.disclosures
    for profile in (Profile.GATE, Profile.CLINIC, Profile.CLINIC):
        counts.told(profile)
    question = ClinicalQuestion(ClinicalItem.RECOVERY, LawfulBasis.STATUTORY_DUTY)
    counts.item_told(question, EntryState.NOT_IN_CODE)
    assert bench.number("hcgw_disclosures_total{profile=CLINIC}") == 2
    assert bench.number("hcgw_disclosures_total{profile=PROVINCE}") == 0
    asked = "hcgw_clinical_items_total{item=RECOVERY,basis=STATUTORY_DUTY,state="
    assert bench.number(asked + "NOT_IN_CODE}") == 1
    assert bench.number(asked + "SHOWN}") == 0
