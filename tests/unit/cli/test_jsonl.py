"""The contract of `hcgw verify --jsonl`: one answer a line, in order, whatever the lines hold."""

from __future__ import annotations

import base64
import io
import itertools
import json
import weakref
from typing import Any

import pytest

from gateway.cli import jsonl
from gateway.pipeline import Pipeline
from tests.conformance.questions import NOBODY, POLICIES, ask, ask_raw
from tests.simulators.shc_issuer import ShcIssuer
from tests.unit.codes import AT

STEPS = ["decode", "signature", "key_usage", "validity", "status", "policy"]


def test_an_answer_has_exactly_the_members_of_the_contract() -> None:
    (answer,) = ask([{"id": "one", "code": "hello"}])
    assert list(answer) == ["id", "format", "measure", "state", "reasons", "issuer", "steps"]
    assert list(answer["steps"]) == STEPS
    assert answer == {
        "id": "one",
        "format": "unknown",
        "measure": "MANUAL",
        "state": "UNKNOWN",
        "reasons": ["UNRECOGNISED"],
        "issuer": None,
        "steps": dict.fromkeys(STEPS, "not_reached") | {"decode": "refused"},
    }


@pytest.mark.parametrize("question_id", ["text", 7, 1.5, None, True, ["a"], {"b": 1}])
def test_the_id_comes_back_as_it_was(question_id: object) -> None:
    assert ask([{"id": question_id, "code": "hello"}])[0]["id"] == question_id


def test_bytes_that_are_not_text_come_as_base64() -> None:
    code = base64.b64encode(b"\xff\x00HC1:").decode()
    assert ask([{"id": 1, "code_base64": code}])[0]["reasons"] == ["UNRECOGNISED"]
    assert ask([{"id": 1, "code_base64": ""}])[0]["reasons"] == ["EMPTY_CODE"]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"{}",
        b'{"id": 1}',
        b'{"code": "x"}',
        b'{"id": 1, "code": 7}',
        b'{"id": 1, "code": null}',
        b'{"id": 1, "code": "x", "code_base64": "eA=="}',
        b'{"id": 1, "code_base64": "%%%"}',
        b'{"id": 1, "code": "x", "code": "y"}',
        b'{"id": 1, "code": "x", "extra": 1}',
        b'{"id": NaN, "code": "x"}',
        b'{"id": 1, "code": "x", "at": 7}',
        b'{"id": 1, "code": "x", "at": "soon"}',
        b'{"id": 1, "code": "x", "at": "0001-01-01T00:00:00+23:59"}',
        b'{"id": 1, "code": "x", "division": "33"}',
        b'{"id": 1, "code": "x", "division": 330000}',
        b'{"id": 1, "code": "x", "trust": {}}',
        b'{"id": 1, "code": "x", "trust": [7]}',
        b'{"id": 1, "code": "x", "trust": [{"certificate": 7}]}',
        b'{"id": 1, "code": "x", "trust": [{"issuer": "i"}]}',
        b'{"id": 1, "code": "x", "trust": [{"issuer": "i", "jwks": {"keys": []}, "crl": [7]}]}',
        b'{"id": 1, "code": "x", "trust": [{"issuer": "i", "jwks": {"keys": []}, "crl": {}}]}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 10_000 + b', "code": "x"}',
    ],
)
def test_a_line_that_is_no_question_is_answered_in_its_place(line: bytes) -> None:
    good = b'{"id": "good", "code": "hello"}'
    before, answer, after = ask_raw(good + b"\n" + line + b"\n" + good)
    assert list(answer) == ["id", "error"]
    assert answer["id"] is None
    assert answer["error"]
    assert before == after
    assert before["id"] == "good"


def test_a_line_beyond_the_bound_is_answered_and_the_next_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 64)
    long = b'{"id": 1, "code": "' + b"x" * 500 + b'"}\n'
    answers = ask_raw(long + b'{"id": 2, "code": "hello"}\n' + long.rstrip())
    assert [answer.get("id") for answer in answers] == [None, 2, None]


def test_an_empty_line_is_answered_too_so_that_lines_and_answers_stay_in_step() -> None:
    answers = ask_raw(b'\n  \n\r\n{"id": 1, "code": "hello"}\n\x0b\n')
    assert [(answer["id"], "error" in answer) for answer in answers] == [
        (None, True), (None, True), (None, True), (1, False), (None, True),
    ]  # fmt: skip
    assert ask_raw(b"") == []


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b'{"deep": [1e400]}'])
def test_a_number_beyond_all_bounds_never_comes_back_as_what_is_no_json(number: bytes) -> None:
    (answer,) = ask_raw(b'{"id": ' + number + b', "code": "x"}')
    assert answer == {"id": None, "error": "the line is not JSON"}


def test_a_question_shows_nothing_of_its_code() -> None:
    line = json.dumps({"id": "Zhang San", "code": "Zhang San", "trust": [{"issuer": "Zhang San", "jwks": {}}]})
    assert "Zhang" not in repr(jsonl.read_question(line.encode()))


def test_the_keys_of_large_lines_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four lines of 4 MiB, each with other keys, took six gigabytes."""
    alive: weakref.WeakSet[Pipeline] = weakref.WeakSet()

    class Watched(Pipeline):
        __slots__ = ("__weakref__",)

        def __init__(self, *rooms: Any) -> None:
            super().__init__(*rooms)
            alive.add(self)

    monkeypatch.setattr(jsonl, "Pipeline", Watched)
    padding = "x" * jsonl._SMALL_TRUST

    def kept(issuer: str) -> int:
        questions = [{"id": n, "code": "x", "trust": [{"issuer": f"{issuer}{n}", "jwks": {}}]} for n in range(200)]
        lines = jsonl.answer_lines(
            io.BytesIO("".join(json.dumps(one) + "\n" for one in questions).encode()),
            default=NOBODY, policies=POLICIES, clock=lambda: AT, at=None, division=None,
        )  # fmt: skip
        assert sum(1 for _ in itertools.islice(lines, 199)) == 199
        return len(alive)

    assert kept("") == jsonl._SMALL_TRUSTS_KEPT
    alive.clear()
    assert kept(padding) == jsonl._LARGE_TRUSTS_KEPT


def test_the_entries_of_one_issuer_add_up() -> None:
    card = ShcIssuer()
    before = {"issuer": card.url, "jwks": {"keys": []}, "crl": [{"kid": "a", "method": "rid", "ctr": 1, "rids": []}]}
    keys = {"issuer": card.url, "jwks": card.jwks()}
    revoked = {"kid": card.key_id, "method": "rid", "ctr": 1, "rids": ["MKyCxh7p6uQ"]}
    after = {"issuer": card.url, "jwks": 7, "crl": [revoked]}
    question = {"id": 1, "code": card.issue().decode(), "at": "2025-01-01T00:00:00Z"}
    answers = ask([question | {"trust": [before, keys]}, question | {"trust": [keys, before, after | {"jwks": {}}]}])
    assert [(answer["steps"]["signature"], answer["steps"]["status"]) for answer in answers] == [
        ("ok", "ok"), ("ok", "refused"),
    ]  # fmt: skip


def test_lone_surrogates_in_a_code_are_a_verdict() -> None:
    (answer,) = ask_raw(b'{"id": 1, "code": "HC1:\\ud800"}')
    assert (answer["id"], answer["measure"], answer["steps"]["decode"]) == (1, "MANUAL", "refused")


@pytest.mark.parametrize(
    "at", ["2021-05-06T18:00:00Z", "2021-05-06T18:00:00+0000", "2021-05-06 20:00:00+02:00", "2021-05-06T18:00:00.25"]
)
def test_an_instant_may_be_spelt_in_the_ways_of_the_wild(at: str) -> None:
    assert "error" not in ask([{"id": 1, "code": "hello", "at": at}])[0]


@pytest.mark.parametrize("jwks", [{}, {"keys": 7}, {"keys": [7, {}, {"kty": "EC"}]}])
def test_a_key_set_without_a_usable_key_is_trusted_for_nothing(jwks: object) -> None:
    (answer,) = ask([{"id": 1, "code": "hello", "trust": [{"issuer": "i", "jwks": jwks}]}])
    assert (answer["id"], answer["measure"]) == (1, "MANUAL")


def test_an_unexpected_failure_tells_its_type_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise KeyError("Zhang San")

    monkeypatch.setattr(jsonl, "read_question", broken)
    (line,) = ask_raw(b'{"id": 1, "code": "x"}')
    assert line == {"id": None, "error": "internal: KeyError"}


def test_lines_are_answered_as_they_come() -> None:
    class Endless(io.RawIOBase):
        asked = 0

        def readable(self) -> bool:
            return True

        def readline(self, size: int | None = -1, /) -> bytes:
            self.asked += 1
            return json.dumps({"id": self.asked, "code": "hello"}).encode() + b"\n"

    lines = Endless()
    answers = jsonl.answer_lines(
        lines,  # type: ignore[arg-type]  # only readline is asked of it
        default=NOBODY,
        policies=POLICIES,
        clock=lambda: AT,
        at=None,
        division=None,
    )
    assert json.loads(next(answers))["id"] == 1
    assert lines.asked == 1
