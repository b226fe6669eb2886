"""Every encoding on record, word by word, through the real loader, trust, status and policy rooms.

The table is written by hand from the public record, not from the code. The page docs/encodings.md is held equal to
gateway/provinces/encodings.toml; `python -m tests.conformance.test_encodings` rewrites its table.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.errors import CodeStopped, Reason
from gateway.policy.book import PolicyBook
from gateway.provinces.encodings import SHIPPED, load_encodings
from gateway.values import CodeState, DivisionCode, Instant, Measure, ReasonClass

from .province_words import AT, shipped, state, taking, told

RECORD = (
    # Alipay government API, code_color
    ("alipay", "red", "RED"),
    ("alipay", "yellow", "YELLOW"),
    ("alipay", "green", "GREEN"),
    ("alipay", "init", "UNDER_REVIEW"),
    # Tencent-family decode API, Sichuan, one device vendor
    ("tencent", "00", "GREEN"),
    ("tencent", "01", "YELLOW"),
    ("tencent", "10", "RED"),
    # Shanghai: only this one is on record
    ("shanghai", "00", "GREEN"),
    ("shanghai", "01", "UNKNOWN"),
    ("shanghai", "10", "UNKNOWN"),
    # Zhejiang back end: level, then qrColor with a CSS colour
    ("zhejiang-level", "green", "GREEN"),
    ("zhejiang-level", "yellow", "YELLOW"),
    ("zhejiang-level", "#FF9F00", "YELLOW"),
    ("zhejiang-level", "red", "RED"),
    # labour-site platform
    ("labour-site", "0", "RED"),
    ("labour-site", "1", "GREEN"),
    ("labour-site", "2", "YELLOW"),
    # Dahua device SDK
    ("dahua", "0", "UNKNOWN"),
    ("dahua", "1", "RED"),
    ("dahua", "2", "GREEN"),
    ("dahua", "3", "YELLOW"),
    ("dahua", "4", "NOT_FOUND"),
    # Alibaba IoT record model
    ("iot-record", "1", "GREEN"),
    ("iot-record", "2", "YELLOW"),
    ("iot-record", "3", "RED"),
    ("iot-record", "4", "EXPIRED"),
    ("iot-record", "5", "NOT_FOUND"),
    ("iot-record", "6", "UNKNOWN"),
    ("iot-record", "7", "EXPIRED"),
    # Huawei Cloud, screenshots
    ("screenshot-ocr", "green", "GREEN"),
    ("screenshot-ocr", "yellow", "YELLOW"),
    ("screenshot-ocr", "red", "RED"),
    ("screenshot-ocr", "gray", "UNCONFIRMED"),
    # a textbook that contradicts itself: 2 is green in one file, red in a service
    ("textbook", "0", "RED"),
    ("textbook", "1", "YELLOW"),
    ("textbook", "2", "UNKNOWN"),
    # Gansu: pass or no pass
    ("gansu", "pass", "GREEN"),
    ("gansu", "no_pass", "RED"),
    # Jilin: orange is a contact or a suspect
    ("jilin", "green", "GREEN"),
    ("jilin", "yellow", "YELLOW"),
    ("jilin", "orange", "RED"),
    ("jilin", "red", "RED"),
    # Tianjin: orange in the middle; it has no yellow
    ("tianjin", "green", "GREEN"),
    ("tianjin", "orange", "YELLOW"),
    ("tianjin", "red", "RED"),
    ("tianjin", "yellow", "UNKNOWN"),
    # Hainan: gray is a missing check-in
    ("hainan", "green", "GREEN"),
    ("hainan", "yellow", "YELLOW"),
    ("hainan", "red", "RED"),
    ("hainan", "gray", "STALE_DECLARATION"),
    # Chongqing, Hubei: gray is abnormal or not yet opened
    ("chongqing", "green", "GREEN"),
    ("chongqing", "yellow", "YELLOW"),
    ("chongqing", "red", "RED"),
    ("chongqing", "gray", "UNCONFIRMED"),
    ("hubei", "green", "GREEN"),
    ("hubei", "yellow", "YELLOW"),
    ("hubei", "red", "RED"),
    ("hubei", "gray", "UNCONFIRMED"),
    # Beijing: a pop-up when the status cannot be confirmed
    ("beijing", "green", "GREEN"),
    ("beijing", "yellow", "YELLOW"),
    ("beijing", "red", "RED"),
    ("beijing", "popup", "UNCONFIRMED"),
    # Guangxi's published reasons: the letter is the colour
    *(("guangxi-reasons", f"A{number}", "RED") for number in range(1, 9)),
    *(("guangxi-reasons", f"B{number}", "YELLOW") for number in range(1, 7)),
    ("guangxi-reasons", "C", "GREEN"),
    # healthcode.province.v1
    ("native", "green", "GREEN"),
    ("native", "yellow", "YELLOW"),
    ("native", "red", "RED"),
    ("native", "under_review", "UNDER_REVIEW"),
    ("native", "unconfirmed", "UNCONFIRMED"),
    ("native", "stale_declaration", "STALE_DECLARATION"),
)
"""System, what it says, what that means."""

GUANGXI = {
    "A1": "RED_NATIONAL_PLATFORM",
    "A2": "RED_CONFIRMED_CASE",
    "A3": "RED_SUSPECTED_CASE",
    "A4": "RED_CLOSE_CONTACT",
    "A5": "RED_INBOUND",
    "A6": "RED_RETURNEE_QUARANTINE",
    "A7": "RED_HIGH_RISK_AREA",
    "A8": "RED_OTHER_ORDER",
    "B1": "YELLOW_NATIONAL_PLATFORM",
    "B2": "YELLOW_DISCHARGED",
    "B3": "YELLOW_TIME_SPACE_OVERLAP",
    "B4": "YELLOW_MEDIUM_RISK_AREA",
    "B5": "YELLOW_SAME_VEHICLE",
    "B6": "YELLOW_OTHER",
}

SYSTEMS = tuple(dict.fromkeys(system for system, _, _ in RECORD))

MISREADINGS = (
    "", " ", "3", "9", "000", "0 ", "010", "-1", "1.0", "Green", "GREEN", " green", "green\n", "verde", "null", "None",
    "true", "ok", "x" * 64,
)  # fmt: skip
"""What hostile, broken or new systems may say."""


def says(system: str, word: str, folder: Path) -> CodeState:
    """Return what `word` means from a province that takes the encoding of `system`."""
    one = taking(system, folder)
    return state(told(one.online, one.profiles[0].issuer, word))


@pytest.mark.parametrize(("system", "word", "means"), RECORD)
def test_a_word_on_record_means_what_its_system_means_by_it(system: str, word: str, means: str, tmp_path: Path) -> None:
    assert says(system, word, tmp_path) is CodeState[means]


@pytest.mark.parametrize("system", SYSTEMS)
def test_any_other_word_is_unknown(system: str, tmp_path: Path) -> None:
    on_record = {word for one, word, _ in RECORD if one == system}
    one = taking(system, tmp_path)
    issuer = one.profiles[0].issuer
    others = {*MISREADINGS, *(word for _, word, _ in RECORD), *"0123456789"} - on_record - {"red"}
    assert others
    understood = {word for word in others if state(told(one.online, issuer, word)) is not CodeState.UNKNOWN}
    assert understood == set()


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_red_is_red_in_every_encoding(system: str, tmp_path: Path) -> None:
    assert says(system, "red", tmp_path) is CodeState.RED


def test_the_record_is_all_there_is() -> None:
    explained = {
        (system, word): meaning.state.name
        for system, encoding in load_encodings().items()
        for word, meaning in encoding.states.items()
    }
    assert explained == {(system, word): means for system, word, means in RECORD if means != "UNKNOWN"}


def test_every_row_names_its_source() -> None:
    for encoding in load_encodings().values():
        assert encoding.source.strip()
        assert set(encoding.sources) == set(encoding.states)
        for word, source in encoding.sources.items():
            assert source.strip(), (encoding.name, word)


def test_guangxis_reasons_are_the_base_vocabulary() -> None:
    classes = {
        word: meaning.reason_class.name
        for word, meaning in load_encodings()["guangxi-reasons"].states.items()
        if meaning.reason_class is not None
    }
    assert classes == GUANGXI
    assert set(classes.values()) == {one.name for one in ReasonClass}
    profile = next(one for one in shipped().profiles if one.name == "guangxi")
    assert {code: one.name for code, one in profile.reasons.items()} == GUANGXI


@pytest.mark.parametrize("ends", [AT, AT - 1, AT - 86_400])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_green_whose_own_time_has_passed_is_expired(system: str, ends: float, tmp_path: Path) -> None:
    one = taking(system, tmp_path)
    greens = [word for said_by, word, means in RECORD if said_by == system and means == "GREEN"]
    for word in greens:
        with pytest.raises(CodeStopped) as stopped:
            told(one.online, one.profiles[0].issuer, word, expire_time=Instant(ends))
        assert stopped.value.reason is Reason.EXPIRED
        assert state(told(one.online, one.profiles[0].issuer, word, expire_time=Instant(AT + 1))) is CodeState.GREEN
    assert greens or system == "textbook"


@pytest.mark.parametrize(
    ("word", "measure", "reason"),
    [
        ("4", Measure.DENY, Reason.EXPIRED),
        ("7", Measure.DENY, Reason.EXPIRED),
        ("5", Measure.MANUAL, Reason.CODE_NOT_FOUND),
        ("6", Measure.MANUAL, Reason.UNKNOWN_STATE),
    ],
)
def test_an_enumeration_that_says_expired_is_judged_as_any_expired_code(
    word: str, measure: Measure, reason: Reason, tmp_path: Path
) -> None:
    one = taking("iot-record", tmp_path)
    live = told(one.online, one.profiles[0].issuer, word)
    for division in (None, DivisionCode("330000"), DivisionCode("990000")):
        decision = PolicyBook([]).decide(live, division, AT)
        expected = Reason.NO_RULES if division is None and word == "6" else reason
        assert (decision.measure, decision.reasons[0]) == (measure, expected)


PAGE = Path(__file__).parents[2] / "docs" / "encodings.md"
BLOCK = re.compile(r"(?<=<!-- encodings: )([^\n]*-->\n).*?(?=<!-- /encodings -->)", re.DOTALL)
LEFT_OUT = re.compile(r"^\| ([a-z-]+) \| `([^`]+)` \| [^|]+ \|$", re.MULTILINE)


def table() -> str:
    """Return the published table, in the order of the file."""
    rows = ["| system | says | state | meaning | reason class |", "|---|---|---|---|---|"]
    for system, encoding in load_encodings(SHIPPED).items():
        for word, meaning in encoding.states.items():
            reason = "" if meaning.reason_class is None else f"{meaning.reason_class.name} "
            rows.append(f"| {system} | `{word}` | {meaning.state.name} | {meaning.meaning} | {reason}|")
    return "\n".join(rows) + "\n"


def rewritten(text: str) -> str:
    """Return the page with the table as the file has it."""
    return BLOCK.sub(lambda block: block[1] + table(), text)


def test_the_page_tells_what_the_file_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert BLOCK.search(text)
    assert text == rewritten(text), "run: python -m tests.conformance.test_encodings"


def test_the_page_tells_what_was_left_out() -> None:
    left_out = PAGE.read_text(encoding="utf-8").partition("## Left out")[2].partition("##")[0]
    published = set(LEFT_OUT.findall(left_out))
    assert published == {(system, word) for system, word, means in RECORD if means == "UNKNOWN" and word != "yellow"}


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
