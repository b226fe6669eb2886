"""A list is taken whole or not at all, and only from who may say such a thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.places.list_store import ListsUnavailable, load_lists
from gateway.places.published_list import ListInvalid, ListKind, read_list
from gateway.values import Format, Instant, KeyUse

from .lists import AT, G1234, ISSUER, Trust, journeys, key, places, signed

HIGH = {"division": "330106", "community": "文一社区", "risk": "high", "since": "2020-02-10"}


def test_a_list_is_read_whole() -> None:
    found = read_list(signed(journeys()), Trust().snapshot(), AT)
    assert (found.issuer, found.kind, found.sequence) == (ISSUER, ListKind.JOURNEYS, 1)
    assert [journey.numbers for journey in found.journeys] == [("G1234",), ("MU5138",)]
    assert found.journeys[0].carriages == {"3", "8"}


def _with(member: str, value: Any) -> dict[str, Any]:
    """Return a good list with one member of its first entry changed."""
    return journeys(entries=[G1234 | {member: value}])


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (journeys(extra=1), "extra"),
        ({name: value for name, value in journeys().items() if name != "exp"}, "exp"),
        (journeys(seq=0), "seq"),
        (journeys(seq=True), "seq"),
        (journeys(iat=int(AT) + 600, exp=int(AT) + 900), "iat"),
        (journeys(exp=int(AT) - 60), "exp"),
        (journeys(exp=4_200_000_000), "exp"),
        (journeys(list="people"), "list"),
        (journeys(covers={"since": "2020-02-17", "until": "2020-02-01", "modes": ["train"]}), "covers.until"),
        (journeys(covers={"since": "2020-02-01", "until": "2020-02-17", "modes": []}), "covers.modes"),
        (journeys(covers={"since": "2020-02-01", "until": "2020-02-17", "modes": ["rocket"]}), "covers.modes[0]"),
        (journeys(entries={}), "entries"),
        (journeys(entries=[[]]), "entries[0]"),
        (_with("name", "somebody"), "entries[0].name"),
        (_with("day", "2020-02-30"), "entries[0].day"),
        (_with("day", "20200215"), "entries[0].day"),
        (_with("day", 20200215), "entries[0].day"),
        (_with("mode", "rocket"), "entries[0].mode"),
        (_with("number", "G"), "entries[0].number"),
        (_with("number", 1234), "entries[0].number"),
        (_with("carriages", "3"), "entries[0].carriages"),
        (_with("carriages", ["?"]), "entries[0].carriages[0]"),
        (places(HIGH | {"division": "440100"}), "entries[0].division"),
        (places(HIGH | {"division": "33010"}), "entries[0].division"),
        (places(HIGH | {"risk": "unknown"}), "entries[0].risk"),
        (places(HIGH | {"until": "2020-02-10"}), "entries[0].until"),
        (places(HIGH | {"community": "<script>"}), "entries[0].community"),
        (places(covers={"since": "2020-02-01", "until": "2020-02-17", "divisions": ["100000"]}), "covers.divisions[0]"),
    ],
)
def test_a_fault_refuses_the_list_and_names_its_line(document: dict[str, Any], path: str) -> None:
    with pytest.raises(ListInvalid) as refused:
        read_list(signed(document), Trust().snapshot(), AT)
    assert refused.value.path == path
    assert refused.value.line is not None
    text = json.dumps(document, indent=1, ensure_ascii=False).splitlines()
    assert 1 <= refused.value.line <= len(text)
    assert "somebody" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"iss": 1, "iss": 2}', '{"seq": NaN}', "[" * 1000, '{"iss": "\\ud800"}'], ids=range(7)
)
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ListInvalid):
        read_list(signed(text), Trust().snapshot(), AT)


@pytest.mark.parametrize(
    ("data", "trust", "path"),
    [
        (signed(journeys(), by=key("another")), Trust(), "signature"),
        (signed(journeys())[:-4] + b"AAAA", Trust(), "signature"),
        (signed(journeys()), Trust(formats=frozenset({Format.HCERT})), "iss"),
        (signed(journeys(iss="https://nobody.example")), Trust(), "iss"),
        (signed(journeys()), Trust(not_after=Instant(AT - 1)), "signature"),
        (signed(journeys()), Trust(uses=frozenset({KeyUse.TEST})), "signature"),
        (signed(journeys()).replace(b".", b"!", 1), Trust(), "JWS header"),
        (signed(journeys()).replace(b".", b"!"), Trust(), "JWS segments"),
    ],
)
def test_only_its_issuer_may_say_so(data: bytes, trust: Trust, path: str) -> None:
    with pytest.raises(ListInvalid) as refused:
        read_list(data, trust.snapshot(), AT)
    assert refused.value.path == path


def test_the_nation_may_speak_of_any_division() -> None:
    for division in (None, "100000"):
        anywhere = places(
            HIGH | {"division": "440100"},
            covers={"since": "2020-02-01", "until": "2020-02-17", "divisions": ["100000"]},
        )
        assert len(read_list(signed(anywhere), Trust(division=division).snapshot(), AT).places) == 1


class TestStore:
    def test_lists_are_swapped_whole_and_never_go_back(self, tmp_path: Path) -> None:
        trust = Trust().snapshot()
        one, two = tmp_path / "journeys.jws", tmp_path / "places.jws"
        one.write_bytes(signed(journeys(seq=5)))
        two.write_bytes(signed(places(HIGH)))
        held = load_lists([one, two], trust, AT)
        assert len(held.lists) == 2
        one.write_bytes(signed(journeys(seq=4)))
        with pytest.raises(ListsUnavailable) as refused:
            load_lists([one, two], trust, AT, before=held)
        assert refused.value.file == str(one)
        one.write_bytes(signed(journeys(seq=5)))
        assert len(load_lists([one, two], trust, AT, before=held).lists) == 2

    def test_two_of_a_kind_by_one_issuer_are_refused(self, tmp_path: Path) -> None:
        files = [tmp_path / "a.jws", tmp_path / "b.jws"]
        for file in files:
            file.write_bytes(signed(journeys()))
        with pytest.raises(ListsUnavailable):
            load_lists(files, Trust().snapshot(), AT)

    @pytest.mark.parametrize("data", [None, b"", signed(journeys(seq=0)), signed(journeys(), by=key("another"))])
    def test_what_is_missing_or_broken_refuses_all(self, tmp_path: Path, data: bytes | None) -> None:
        sound, unsound = tmp_path / "journeys.jws", tmp_path / "places.jws"
        sound.write_bytes(signed(journeys()))
        if data is not None:
            unsound.write_bytes(data)
        with pytest.raises(ListsUnavailable) as refused:
            load_lists([sound, unsound], Trust().snapshot(), AT)
        assert refused.value.file == str(unsound)
        assert refused.value.why
