"""The numbers: names, bounds, what is prefilled, and that two gateways do not share any."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from gateway.errors import REASONS, Effect, Reason, Step
from gateway.values import (
    Algorithm,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    IssuerProfile,
    KeyId,
    Measure,
    TrustedKey,
)
from gateway.watch.metrics import Metrics
from gateway.watch.rpc import BUCKETS, CODES, CallType
from gateway.watch.trust import key_label, last_ends
from gateway.watch.verdicts import PREFILL_LIMIT, outcomes
from tests.conftest import NOON, FakeClock

ZHEJIANG = IssuerId("https://zj.test")
Labels = dict[str, str]


def scrape(metrics: Metrics) -> dict[str, list[tuple[Labels, float]]]:
    body, _ = metrics.exposition("")
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(body.decode()):
        for one in family.samples:
            found.setdefault(one.name, []).append((one.labels, one.value))
    return found


def value(metrics: Metrics, name: str, **labels: str) -> float:
    (found,) = [number for its, number in scrape(metrics)[name] if its.items() >= labels.items()]
    return found


@pytest.fixture
def metrics(clock: FakeClock) -> Metrics:
    return Metrics(clock, version="1.2.3")


def decision(measure: Measure, reason: Reason, issuer: IssuerId | None = None) -> Decision:
    return Decision(measure, (reason, Reason.NOT_PUBLISHED), NOON, None, Format.NATIVE, issuer=issuer)


def profile(name: str, *formats: Format) -> IssuerProfile:
    return IssuerProfile(IssuerId(name), DivisionCode("330000"), frozenset(formats))


def key(issuer: str, key_id: bytes, end: float | None) -> TrustedKey:
    return TrustedKey(
        IssuerId(issuer),
        KeyId(key_id),
        Algorithm.ED25519,
        SimpleNamespace(verify=lambda *_: False),
        not_after=None if end is None else Instant(end),
    )


def test_verdicts_are_counted_under_the_deciding_reason(metrics: Metrics) -> None:
    for _ in range(3):
        metrics.verdicts.count(decision(Measure.PASS, Reason.STATE_GREEN, ZHEJIANG))
    metrics.verdicts.count(decision(Measure.DENY, Reason.BAD_SIGNATURE))
    name = "hcgw_verifications_total"
    assert value(metrics, name, issuer=ZHEJIANG, measure="PASS", reason="STATE_GREEN", format="native") == 3
    assert value(metrics, name, issuer="unknown", measure="DENY", reason="BAD_SIGNATURE", format="native") == 1
    assert sum(number for _, number in scrape(metrics)[name]) == 4


def test_unproven_issuers_are_prefilled_under_unknown(metrics: Metrics) -> None:
    found = scrape(metrics)["hcgw_verifications_total"]
    early = [reason for reason, row in REASONS.items() if row.step in (Step.DECODE, Step.SIGNATURE)]
    early = [reason for reason in early if REASONS[reason].effect is not Effect.NOTE]
    assert {labels["issuer"] for labels, _ in found} == {"unknown"}
    assert len(found) == len(early) * len(Format)
    assert all(number == 0 for _, number in found)


def test_few_issuers_are_prefilled_and_counts_survive_it(metrics: Metrics) -> None:
    metrics.verdicts.count(decision(Measure.PASS, Reason.STATE_GREEN, ZHEJIANG))
    before = len(scrape(metrics)["hcgw_verifications_total"])
    metrics.verdicts.prefill([profile(ZHEJIANG, Format.NATIVE, Format.HCERT)])
    found = scrape(metrics)["hcgw_verifications_total"]
    assert len(found) == before - 1 + 2 * len(list(outcomes(issuer_proven=True)))
    assert sum(number for _, number in found) == 1


def test_many_issuers_are_not_prefilled(metrics: Metrics) -> None:
    before = len(scrape(metrics)["hcgw_verifications_total"])
    metrics.verdicts.prefill(profile(f"i{number}", Format.SHC) for number in range(651))
    assert len(scrape(metrics)["hcgw_verifications_total"]) == before < PREFILL_LIMIT


def test_only_green_may_be_prefilled_as_a_pass() -> None:
    both = [*outcomes(issuer_proven=True), *outcomes(issuer_proven=False)]
    assert [reason for measure, reason in both if measure is Measure.PASS] == [Reason.STATE_GREEN]
    assert len(both) == len(set(both))


def test_rpc_series_have_the_names_and_words_of_go_grpc(metrics: Metrics) -> None:
    metrics.rpc.announce([("/a.b.C/Do", CallType.UNARY), ("/a.b.C/Go", CallType.BIDI_STREAM)])
    found = scrape(metrics)
    do = {"grpc_type": "unary", "grpc_service": "a.b.C", "grpc_method": "Do"}
    go = do | {"grpc_type": "bidi_stream", "grpc_method": "Go"}
    unknown = {"grpc_type": "unary", "grpc_service": "unknown", "grpc_method": "unknown"}
    for name in ("started_total", "msg_received_total", "msg_sent_total"):
        assert found[f"grpc_server_{name}"] == [(unknown, 0), (do, 0), (go, 0)]
    assert found["grpc_server_handling_seconds_count"] == [(unknown, 0), (do, 0), (go, 0)]
    assert found["grpc_server_handled_total"] == [
        ({"grpc_code": code, **labels}, 0) for labels in (unknown, do, go) for code in CODES
    ]
    edges = {labels["le"] for labels, _ in found["grpc_server_handling_seconds_bucket"]}
    assert {"0.05", "0.1", "0.3", "0.5", "+Inf"} <= edges
    assert len(edges) == len(BUCKETS) + 1


def test_a_method_that_was_not_announced_is_unknown(metrics: Metrics) -> None:
    metrics.rpc.announce([("/a.b.C/Do", CallType.UNARY)])
    metrics.rpc.of("/canary.Zhang/330102199001011234").started.inc()
    assert value(metrics, "grpc_server_started_total", grpc_service="unknown") == 1
    assert "anary" not in metrics.exposition("")[0].decode()


def test_trust_in_force(metrics: Metrics, clock: FakeClock) -> None:
    assert "hcgw_trust_list_age_seconds" not in scrape(metrics)
    keys = [key("zj", b"old", NOON + 10), key("zj", b"new", NOON + 20), key("gz", b"a", None), key("gz", b"b", NOON)]
    snapshot = SimpleNamespace(
        issued=Instant(NOON - 100),
        expires=Instant(NOON + 1000),
        epoch=3,
        issuers={ZHEJIANG: profile(ZHEJIANG)},
        keys=keys,
        refused=(1, 2),
    )
    metrics.trust.in_force(snapshot)
    metrics.trust.own_key("https://gateway.test", KeyId(b"\xff\x00"), None)
    clock.advance(50)
    assert value(metrics, "hcgw_trust_list_age_seconds") == 150
    assert value(metrics, "hcgw_trust_list_expiry_timestamp_seconds") == NOON + 1000
    assert value(metrics, "hcgw_trust_epoch") == 3
    assert value(metrics, "hcgw_trust_issuers") == 1
    assert value(metrics, "hcgw_trust_keys", algorithm="Ed25519") == 4
    assert value(metrics, "hcgw_trust_keys", algorithm="ES384") == 0
    assert value(metrics, "hcgw_trust_keys_refused") == 2
    assert scrape(metrics)["hcgw_key_not_after_timestamp_seconds"] == [
        ({"issuer": "zj", "kid": "new"}, NOON + 20),
        ({"issuer": "https://gateway.test", "kid": "_wA"}, math.inf),
    ]
    snapshot.expires = None
    assert value(metrics, "hcgw_trust_list_expiry_timestamp_seconds") == math.inf


def test_one_key_that_never_ends_keeps_its_issuer_going() -> None:
    assert last_ends([key("a", b"1", None), key("a", b"2", 5.0)]) == []
    assert last_ends([key("a", b"2", 5.0), key("a", b"1", None)]) == []


@pytest.mark.parametrize(
    ("raw", "label"), [(b"kid-1", "kid-1"), (b"", ""), (b"a\nb", "YQpi"), (b"\xe4\xbd\xa0", "5L2g"), (b"\x7f", "fw")]
)
def test_key_ids_as_labels(raw: bytes, label: str) -> None:
    assert key_label(KeyId(raw)) == label


def test_reloads_and_readiness(metrics: Metrics) -> None:
    names = ("hcgw_trust_last_reload_successful", "hcgw_config_last_reload_successful")
    metrics.reloaded()
    assert [value(metrics, name) for name in names] == [1, 1]
    metrics.reload_refused()
    assert [value(metrics, name) for name in names] == [0, 0]
    assert value(metrics, "hcgw_config_last_reload_success_timestamp_seconds") == NOON
    assert value(metrics, "hcgw_ready") == 0
    metrics.ready(ready=True)
    assert value(metrics, "hcgw_ready") == 1
    assert value(metrics, "hcgw_build_info", version="1.2.3") == 1
    assert value(metrics, "process_cpu_seconds_total") > 0


def test_both_forms_of_the_exposition_parse(metrics: Metrics) -> None:
    body, content_type = metrics.exposition("application/openmetrics-text;version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert "hcgw_verifications" in families
    assert b"_created" not in body
    assert metrics.exposition("*/*; \x00 garbage,,,")[1].startswith("text/plain")


@pytest.mark.parametrize("kind", ["text/plain", "application/openmetrics-text"])
@pytest.mark.parametrize("version", ["a.b.c", "x", "1.x", "", "-1", "1" * 2_000])
def test_a_version_that_is_none_gets_numbers_all_the_same(metrics: Metrics, kind: str, version: str) -> None:
    body, content_type = metrics.exposition(f"{kind};version={version}")
    assert b"hcgw_ready" in body
    assert content_type.startswith(("text/plain", "application/openmetrics-text"))


def test_two_gateways_share_nothing(clock: FakeClock, metrics: Metrics) -> None:
    other = Metrics(clock, version="1.2.3")
    other.verdicts.count(decision(Measure.DENY, Reason.BAD_SIGNATURE))
    other.rpc.of("/x/y").started.inc()
    assert sum(number for _, number in scrape(metrics)["hcgw_verifications_total"]) == 0
    assert value(metrics, "grpc_server_started_total") == 0
