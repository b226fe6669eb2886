"""Profiles that try to let a red or a yellow slip through as green."""

from __future__ import annotations

import pytest

from gateway.provinces.encodings import word_fault
from gateway.values import CodeState

RED = ("red", "RED", "\uff32\uff45\uff24", "\uff32\uff25\uff24", "红", "紅", "红码", "紅碼", "紅色")
NOT_GREEN = (
    "yellow",
    "\uff39\uff25\uff2c\uff2c\uff2f\uff37",
    "Orange",
    "\uff47\uff52\uff45\uff59",
    "黃碼",
    "橙碼",
    "灰碼",
    "黃",
    "黄码",
)


@pytest.mark.parametrize("word", RED)
def test_a_red_is_red_in_whatever_letters(word: str) -> None:
    faulty = {state for state in CodeState if word_fault(word, state) is not None}
    assert faulty == set(CodeState) - {CodeState.RED}


@pytest.mark.parametrize("word", NOT_GREEN)
def test_another_colour_is_not_green_in_whatever_letters(word: str) -> None:
    assert {state for state in CodeState if word_fault(word, state) is not None} == {CodeState.GREEN}
