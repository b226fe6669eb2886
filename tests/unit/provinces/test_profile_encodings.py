"""Named encodings: read whole, or refused with line and member."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.provinces.encodings import SHIPPED, improves, load_encodings, word_fault
from gateway.provinces.profile import StatedMeaning
from gateway.provinces.toml_file import TomlRefused
from gateway.values import CodeState, ReasonClass

TWO = """\
[[encoding]]
name = "one"
title = "The first"
source = "assumed"

[[encoding.state]]
said = "0"
state = "RED"
meaning = "Stop."
reason_class = "RED_INBOUND"
source = "assumed: a"

[[encoding.state]]
said = "1"
state = "GREEN"
meaning = "Go."
source = "assumed: b"

[[encoding]]
name = "two"
title = "The second"
source = "assumed"

[[encoding.state]]
said = "0"
state = "GREEN"
meaning = "Go."
source = "assumed: c"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "encodings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_encodings_are_read_by_name(tmp_path: Path) -> None:
    found = load_encodings(written(tmp_path, TWO))
    assert list(found) == ["one", "two"]
    assert found["one"].states == {
        "0": StatedMeaning(CodeState.RED, "Stop.", ReasonClass.RED_INBOUND),
        "1": StatedMeaning(CodeState.GREEN, "Go."),
    }
    assert found["one"].sources == {"0": "assumed: a", "1": "assumed: b"}
    assert (found["two"].title, found["two"].source) == ("The second", "assumed")
    assert found["two"].states["0"].state is CodeState.GREEN


@pytest.mark.parametrize(
    ("old", "new", "path", "line"),
    [
        ('name = "two"', 'name = "one"', "encoding[1].name", 20),
        ('name = "two"', 'name = "Two"', "encoding[1].name", 20),
        ('said = "1"', 'said = "0"', "encoding[0].state[1].said", 14),
        ('said = "1"', "said = 1", "encoding[0].state[1].said", 14),
        ('said = "1"', 'said = "red"', "encoding[0].state[1].state", 15),
        ('state = "RED"', 'state = "UNKNOWN"', "encoding[0].state[0].state", 8),
        ('state = "RED"', 'state = "YELLOW"', "encoding[0].state[0].reason_class", 10),
        ('meaning = "Stop."', "", "encoding[0].state[0].meaning", 6),
        ('source = "assumed: c"', "", "encoding[1].state[0].source", 24),
        ('source = "assumed: c"', 'colour = "x"\nsource = "c"', "encoding[1].state[0].colour", 28),
        ("[[encoding.state]]", "[[encoding.row]]", "encoding[0].row", 6),
        ('title = "The first"', 'title = "The first', "", 3),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, path: str, line: int) -> None:
    assert old in TWO
    with pytest.raises(TomlRefused) as caught:
        load_encodings(written(tmp_path, TWO.replace(old, new, 1)))
    assert (path, line) in {(fault.path, fault.line) for fault in caught.value.faults}


@pytest.mark.parametrize("text", ["", "[[encoding]]\nname = 'x'\ntitle = 'x'\nsource = 'x'\n"])
def test_an_empty_file_or_encoding_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(TomlRefused):
        load_encodings(written(tmp_path, text))


def test_the_shipped_ones_are_sound() -> None:
    found = load_encodings()
    assert found == load_encodings(SHIPPED)
    assert {"alipay", "tencent", "native"} <= set(found)


def test_a_better_state_is_an_improvement_and_nothing_else_is() -> None:
    best_to_worst = (
        {CodeState.GREEN},
        {CodeState.YELLOW, CodeState.UNDER_REVIEW, CodeState.UNCONFIRMED, CodeState.STALE_DECLARATION},
        {CodeState.EXPIRED, CodeState.NOT_FOUND},
        {CodeState.REVOKED},
        {CodeState.RED},
    )
    assert set().union(*best_to_worst) == set(CodeState) - {CodeState.UNKNOWN}
    for before_rank, before in enumerate(best_to_worst):
        for rank, after in enumerate(best_to_worst):
            assert {improves(one, other) for one in after for other in before} == {rank < before_rank}


@pytest.mark.parametrize("state", sorted(set(CodeState) - {CodeState.UNKNOWN}))
def test_words_that_are_fixed_everywhere(state: CodeState) -> None:
    assert (word_fault("red", state) is None) is (state is CodeState.RED)
    assert (word_fault("Yellow", state) is None) is (state is not CodeState.GREEN)
    assert word_fault("green", state) is None
    assert word_fault("00", state) is None
