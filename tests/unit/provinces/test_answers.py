"""The parsing line: whatever the bytes are, an enumerated outcome comes out, and nothing of the holder."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from gateway.errors import CodeStopped, Reason
from gateway.provinces.answers import Envelope, NotStated, Record, read_state, read_texts, read_time, wall_time
from gateway.provinces.dialect import Stated, UpstreamFailed, UpstreamFailure
from gateway.values import Instant

from .dialect_servers import AT, HOLDER, NAME, NUMBER, REASONS, STATES, assert_silent, assert_silent_text

ENVELOPE = Envelope(("code",), ("0",), {"8": Reason.EXPIRED, "9": UpstreamFailure.REFUSED})
RECORD = Record(
    ("data",), frozenset(STATES), "state", REASONS, "reason", "echo", stated_time="said", expire_time="ends"
)


def body(code: object = "0", **data: object) -> bytes:
    members = {**HOLDER, "state": "green", "echo": "A1", **data}
    return json.dumps({"code": code, "msg": NAME, "data": members, **HOLDER}, ensure_ascii=False).encode()


def read(answer: bytes, envelope: Envelope = ENVELOPE, record: Record = RECORD) -> Stated | Reason | UpstreamFailure:
    return judged(read_state(answer, envelope, record, asked="A1"))


def judged(outcome: Stated | NotStated) -> Stated | Reason | UpstreamFailure:
    if isinstance(outcome, Stated):
        assert_silent_text(repr(outcome) + outcome.statement)
        return outcome
    assert outcome.__traceback__ is None
    assert outcome.__context__ is None
    assert_silent(outcome)
    return outcome.reason if isinstance(outcome, CodeStopped) else outcome.failure


def test_the_few_words_come_out() -> None:
    assert read(body()) == Stated("green")
    assert read(body(state="red", reason="A4", said=1_600_000_000, ends="")) == Stated("red", REASONS["A4"], AT)


GARBAGE = {
    "nothing": b"",
    "white space": b" \n",
    "not JSON": b"<html>" + NAME.encode(),
    "truncated": body()[:-3],
    "two values": body() + b"{}",
    "a list": b"[" + body() + b"]",
    "a text": json.dumps(NAME).encode(),
    "null": b"null",
    "a number": b"0",
    "the same key twice": b'{"code":"0","code":"0","data":{"state":"green","echo":"A1"}}',
    "the same key twice, deep": b'{"code":"0","data":{"state":"green","echo":"A1","x":{"y":1,"y":2}}}',
    "the same key in two spellings": b'{"code":"0","c\\u006fde":"9","data":{"state":"green","echo":"A1"}}',
    "NaN": b'{"code":"0","x":NaN,"data":{"state":"green","echo":"A1"}}',
    "Infinity": b'{"code":"0","x":-Infinity,"data":{"state":"green","echo":"A1"}}',
    "1e999": b'{"code":"0","x":1e999,"data":{"state":"green","echo":"A1"}}',
    "a long number": b'{"code":' + b"1" * 400 + b"}",
    "UTF-16": body().decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + body(),
    "not UTF-8": body().replace(b"green", b"gr\xff"),
    "lone surrogate": body().replace(b"green", b"\\ud800"),
    "10,000 deep": b'{"code":"0","data":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 deep and open": b'{"code":' + b'{"a":' * 10_000,
    "17 deep": b'{"code":"0","data":{"state":"green","echo":"A1","x":' + b"[" * 15 + b"]" * 15 + b"}}",
    "too large": body() + b" " * 65_536,
    "no code": b'{"data":{"state":"green","echo":"A1"}}',
    "code null": body(None),
    "code true": body(code=True),
    "code a fraction": body(0.0),
    "code an object": body({"code": "0"}),
    "code too long": body("0" * 65),
    "data missing": b'{"code":"0"}',
    "data a text": b'{"code":"0","data":"{}"}',
    "data a list": b'{"code":"0","data":[]}',
    "state missing": b'{"code":"0","data":{"echo":"A1"}}',
    "state null": body(state=None),
    "state a list": body(state=[NAME]),
    "state an object": body(state={"state": "green"}),
    "state false": body(state=False),
    "state too long": body(state=NAME * 10),
    "echo missing": b'{"code":"0","data":{"state":"green"}}',
    "echo null": body(echo=None),
    "time is a story": body(said=NAME),
    "time in 1999": body(said=900_000_000),
    "time in 2200": body(ends=7_258_118_400),
    "time a fraction": body(said=1.6e9),
    "time true": body(said=True),
    "time negative": body(said=-1_600_000_000),
    "time a list": body(ends=[1_600_000_000]),
    "no such day": body(said="2020-02-30 10:00:00"),
    "other digits": body(said="\uff12\uff10\uff12\uff10-09-13 20:26:40"),
    "with a zone": body(said="2020-09-13T20:26:40Z"),
}  # fmt: skip


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_garbage(answer: bytes) -> None:
    assert read(answer) is UpstreamFailure.GARBAGE


@pytest.mark.parametrize("cut", range(0, len(body()), 7))
def test_every_truncation_is_garbage(cut: int) -> None:
    assert read(body()[:cut]) is UpstreamFailure.GARBAGE


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (body("8"), Reason.EXPIRED),
        (body(8), Reason.EXPIRED),
        (body("9"), UpstreamFailure.REFUSED),
        (body(NAME), UpstreamFailure.ERROR_NUMBER),
        (body("00"), UpstreamFailure.ERROR_NUMBER),
        (body(""), UpstreamFailure.ERROR_NUMBER),
        (b'{"code":"8"}', Reason.EXPIRED),
        (b'{"code":"8","data":null}', Reason.EXPIRED),
        (body("8", echo=None), Reason.EXPIRED),
        (body("8", echo="A2"), UpstreamFailure.WRONG_CODE),
        (body(echo="A2"), UpstreamFailure.WRONG_CODE),
        (body(echo="a1"), UpstreamFailure.WRONG_CODE),
        (body(echo=""), UpstreamFailure.WRONG_CODE),
        (body(echo=["A1"]), UpstreamFailure.WRONG_CODE),
        (body(echo={"A1": NAME}), UpstreamFailure.WRONG_CODE),
        (body(state=NAME), Stated("")),
        (body(state="GREEN"), Stated("")),
        (body(state="green "), Stated("")),
        (body(state=""), Stated("")),
        (body(state=0), Stated("")),
        (body(state="gone"), Stated("gone")),
        (body(reason=NUMBER), Stated("green")),
        (body(reason={"A4": 1}), Stated("green")),
        (body(ends="2020-09-13 20:26:41"), Stated("green", None, None, Instant(AT + 1))),
        (body(ends="2020-09-13 20:26:39"), Stated("green", None, None, Instant(AT - 1))),
    ],
)
def test_what_is_meant(answer: bytes, expected: Stated | Reason | UpstreamFailure) -> None:
    assert read(answer) == expected


def test_the_flags_win_over_the_colour_and_lose_to_a_wrong_code() -> None:
    record = Record(("data",), frozenset(STATES), "state", echo="echo", expired="over", lapsed="stale")
    assert read(body(over=False), record=record) == Stated("green")
    assert read(body(over=True), record=record) is Reason.EXPIRED
    assert read(body(over=False, stale=1), record=record) is Reason.EXPIRED
    assert read(body(over=True, state=["?"]), record=record) is Reason.EXPIRED
    assert read(body(over=True, echo="A2"), record=record) is UpstreamFailure.WRONG_CODE
    assert read(body(), record=record) is UpstreamFailure.GARBAGE


def test_a_success_flag_must_agree() -> None:
    envelope = Envelope(("code",), ("0", ""), {"8": Reason.EXPIRED}, success_flag=("success",))

    def with_flag(answer: bytes, flag: bytes) -> bytes:
        return answer[:-1] + b',"success":' + flag + b"}"

    assert read(with_flag(body(), b"true"), envelope) == Stated("green")
    assert read(with_flag(body(None), b"1"), envelope) == Stated("green")
    assert read(with_flag(body("8"), b"false"), envelope) is Reason.EXPIRED
    for contradiction in (
        body(), with_flag(body(), b"false"), with_flag(body("8"), b"true"), with_flag(body(), b"null")
    ):  # fmt: skip
        assert read(contradiction, envelope) is UpstreamFailure.GARBAGE


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"code": "0", "serial": "S1"}, Stated("green")),
        ({"code": "0", "serial": "S2"}, UpstreamFailure.WRONG_CODE),
        ({"code": "0"}, UpstreamFailure.WRONG_CODE),
        ({"code": "0", "serial": None}, UpstreamFailure.WRONG_CODE),
        ({"code": "8", "serial": "S1"}, Reason.EXPIRED),
        ({"code": "8"}, UpstreamFailure.WRONG_CODE),
        ({"code": "9"}, UpstreamFailure.REFUSED),
        ({"code": "9", "serial": "S2"}, UpstreamFailure.WRONG_CODE),
        ({"code": "77"}, UpstreamFailure.ERROR_NUMBER),
    ],
)
def test_what_must_be_carried_back(members: Mapping[str, object], expected: Stated | Reason | UpstreamFailure) -> None:
    answer = json.dumps({**members, "data": {"state": "green", **HOLDER}}).encode()
    record = Record(("data",), frozenset(STATES), "state")
    assert judged(read_state(answer, ENVELOPE, record, asked="A1", carried={"serial": "S1"})) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"code":"0","a":"x","b":{"c":7}}', ("x", "7")),
        (b'{"code":"0","a":"x"}', UpstreamFailure.GARBAGE),
        (b'{"code":"0","a":"x","b":7}', UpstreamFailure.GARBAGE),
        (b'{"code":"0","a":"","b":{"c":7}}', UpstreamFailure.GARBAGE),
        (b'{"code":"0","a":"x y","b":{"c":7}}', UpstreamFailure.GARBAGE),
        (b'{"code":"0","a":null,"b":{"c":7}}', UpstreamFailure.GARBAGE),
        (b'{"code":"0","a":true,"b":{"c":7}}', UpstreamFailure.GARBAGE),
        (b'{"code":"0","a":"' + b"x" * 513 + b'","b":{"c":7}}', UpstreamFailure.GARBAGE),
        ('{"code":"0","a":"王","b":{"c":7}}'.encode(), UpstreamFailure.GARBAGE),
        (b'{"code":"8"}', Reason.EXPIRED),
        (b'{"code":"9"}', UpstreamFailure.REFUSED),
        (b"what", UpstreamFailure.GARBAGE),
    ],
)
def test_texts_on_the_way(answer: bytes, expected: tuple[str, ...] | Reason | UpstreamFailure) -> None:
    found = read_texts(answer, ENVELOPE, (("a",), ("b", "c")))
    assert (found if isinstance(found, tuple) else judged(found)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1600000000", AT),
        ("1600000000000", AT),
        ("1600000000500", Instant(AT + 0.5)),
        ("946684800", Instant(946_684_800.0)),
        ("946684799", None),
        ("4102444800", Instant(4_102_444_800.0)),
        ("4102444801", None),
        ("4102444800000", Instant(4_102_444_800.0)),
        ("4102444800001", None),
        ("946684799999", None),
        ("2020-09-13 20:26:40", AT),
        ("2000-01-01 08:00:00", Instant(946_684_800.0)),
        ("2000-01-01 07:59:59", None),
        ("0000-01-01 00:00:00", None),
        ("2020-13-01 00:00:00", None),
        ("2020-09-13", None),
        ("١٦٠٠٠٠٠٠٠٠", None),
        ("+1600000000", None),
        ("1600000000\n", None),
        ("9" * 20, None),
        ("", None),
    ],
)
def test_times(text: str, expected: Instant | None) -> None:
    assert read_time(text) == expected


def test_china_time() -> None:
    assert wall_time(AT) == "2020-09-13 20:26:40"
    assert read_time(wall_time(AT)) == AT


def test_what_is_returned_is_raised_without_the_document() -> None:
    """Outcomes are values: none of them holds a frame in which the answer stood."""
    failed = read_state(b"{" + NAME.encode(), ENVELOPE, RECORD, asked="A1")
    assert isinstance(failed, UpstreamFailed)
    assert failed.__traceback__ is None
