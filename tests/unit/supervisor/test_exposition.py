"""Expositions put together: valid, whole, each sample with its process, nothing changed."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.supervisor.exposition import Merged, NoExposition, Part
from gateway.watch.metrics import exposition

TEXT = ""
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def registry(count: float, *, more: bool = False) -> CollectorRegistry:
    found = CollectorRegistry()
    Counter("calls", "Calls\nof two lines.", ("code",), registry=found).labels('O"K},{\n').inc(count)
    Gauge("ready", "Ready.", registry=found).set(1)
    timed = Histogram("took_seconds", "Time.", ("way",), unit="seconds", registry=found, buckets=(0.1, 1.0))
    timed.labels("a").observe(0.5, {"trace": "{x} y"})
    if more:
        Gauge("held", "Held.", registry=found).set(float("nan"))
    return found


def merged(*parts: Part) -> bytes:
    found = Merged()
    for part in parts:
        found.add(part)
    return found.body()


@pytest.mark.parametrize(("accept", "parse"), [(TEXT, parse_text), (OPENMETRICS, parse_openmetrics)])
def test_every_sample_of_every_process_is_there_under_its_name(accept: str, parse: object) -> None:
    registries = {"keeper": registry(1, more=True), "worker-0": registry(2), "worker-1": registry(3)}
    bodies = {name: exposition(one, accept)[0] for name, one in registries.items()}
    body = merged(*(Part(name, body) for name, body in bodies.items())).decode()
    assert callable(parse)
    families = list(parse(body))
    assert len({family.name for family in families}) == len(families)
    found = {
        (one.name, tuple(sorted(one.labels.items())), str(one.value), str(one.exemplar or ""))
        for family in families
        for one in family.samples
    }
    expected = {
        (one.name, tuple(sorted((one.labels | {"process": name}).items())), str(one.value), str(one.exemplar or ""))
        for name, its in bodies.items()
        for family in parse(its.decode())
        for one in family.samples
    }
    assert found == expected
    assert any(exemplar for *_, exemplar in found) is (accept == OPENMETRICS)
    kinds = {family.name: (family.type, family.documentation, family.unit) for family in families}
    assert (
        kinds.items() >= {f.name: (f.type, f.documentation, f.unit) for f in parse(bodies["keeper"].decode())}.items()
    )
    assert body.endswith("# EOF\n") is (accept == OPENMETRICS)
    assert body.count("# EOF") == int(accept == OPENMETRICS)


def test_samples_that_say_their_process_are_left_as_they_are() -> None:
    body = b'# TYPE up gauge\nup{process="worker-0"} 1.0\n'
    assert merged(Part("", body)) == body


@pytest.mark.parametrize(
    ("sample", "labelled"),
    [
        (b"a 1", b'a{process="w"} 1'),
        (b"a{} 1", b'a{process="w"} 1'),
        (b'a{b="c"} 1 1700000000', b'a{process="w",b="c"} 1 1700000000'),
        (b'a_total 1.0 # {trace="{"} 0.5', b'a_total{process="w"} 1.0 # {trace="{"} 0.5'),
        (b'a{b="} 2 # {"} NaN', b'a{process="w",b="} 2 # {"} NaN'),
    ],
)
def test_where_the_label_goes(sample: bytes, labelled: bytes) -> None:
    assert merged(Part("w", b"# TYPE a untyped\n" + sample)) == b"# TYPE a untyped\n" + labelled + b"\n"


def test_a_family_of_another_type_is_left_out_where_it_comes_later() -> None:
    found = merged(Part("a", b"# TYPE x gauge\nx 1\n"), Part("b", b"# TYPE x counter\nx 2\n# TYPE y gauge\ny 3\n"))
    assert found == b'# TYPE x gauge\nx{process="a"} 1\n# TYPE y gauge\ny{process="b"} 3\n'


@pytest.mark.parametrize(
    "body", [b"a 1\n", b"# TYPE a gauge\n\xff{} 1\n", b"# TYPE a gauge\na\n", b"# TYPE a gauge\n 1\n"]
)
def test_what_is_no_exposition_adds_nothing(body: bytes) -> None:
    found = Merged()
    found.add(Part("a", b"# TYPE y gauge\ny 3\n"))
    before = found.body()
    with pytest.raises(NoExposition):
        found.add(Part("b", b"# TYPE z gauge\nz 3\n" + body if not body.startswith(b"a") else body))
    assert found.body() == before
