"""The file of changes: what it says becomes groups; each fault is told with its line and member."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.changes import MAX_CAPACITY, MAX_CHANGES
from gateway.cli.status_changes import MAX_CHANGES_BYTES, STATES, ChangesInvalid, read_changes
from gateway.rpc.status_convert import STATE_WORDS
from gateway.status import words
from gateway.values import ReasonClass

RED: dict[str, Any] = {
    "state": "RED",
    "reason_class": "RED_CLOSE_CONTACT",
    "authority": "city command centre",
    "indices": [7, 3],
}
GREEN: dict[str, Any] = {"state": "GREEN", "authority": "city command centre", "corrects": 4, "indices": [9]}


def document(*groups: Any) -> bytes:
    return json.dumps({"groups": list(groups)}, indent=1).encode()


def test_groups_are_read_in_their_order_and_indices_in_theirs() -> None:
    red, green = read_changes(document(RED, GREEN)).groups
    assert (red.word, red.reason_class, red.corrects) == (words.RED, ReasonClass.RED_CLOSE_CONTACT, None)
    assert (list(red.indices), red.indices.typecode) == ([3, 7], "I")
    assert (green.word, green.reason_class, green.corrects, list(green.indices)) == (words.GREEN, None, 4, [9])


def test_every_state_that_may_be_published_has_its_name() -> None:
    assert set(STATES.values()) == set(STATE_WORDS.values()) == words.PUBLISHED


@pytest.mark.parametrize(
    ("groups", "path", "line"),
    [
        ([RED | {"state": "red"}], "groups[0].state", 4),
        ([RED | {"reason_class": "RED_BECAUSE"}], "groups[0].reason_class", 5),
        ([RED | {"reason_class": None}], "groups[0].reason_class", 5),
        ([RED | {"authority": " "}], "groups[0].authority", 6),
        ([RED | {"authority": "x" * 129}], "groups[0].authority", 6),
        ([RED | {"person": "x"}], "groups[0].person", 11),
        ([RED, {"state": "GREEN", "authority": "x"}], "groups[1].indices", 12),
        ([GREEN | {"corrects": 0}], "groups[0].corrects", 6),
        ([GREEN | {"corrects": True}], "groups[0].corrects", 6),
        ([GREEN | {"indices": []}], "groups[0].indices", 7),
        ([GREEN | {"indices": [1, MAX_CAPACITY]}], "groups[0].indices[1]", 9),
        ([GREEN | {"indices": [1, -1]}], "groups[0].indices[1]", 9),
        ([GREEN | {"indices": [1, 2.0]}], "groups[0].indices[1]", 9),
        ([GREEN | {"indices": [5, 6, 5]}], "groups[0].indices[2]", 10),
        ([RED, GREEN | {"indices": [3]}], "groups[1].indices", 16),
        ([7], "groups[0]", 3),
        ([], "groups", 2),
        ([GREEN | {"indices": list(range(MAX_CHANGES + 1))}], "groups", 2),
    ],
)
def test_a_fault_is_told_with_its_line_and_member(groups: list[Any], path: str, line: int) -> None:
    with pytest.raises(ChangesInvalid) as invalid:
        read_changes(document(*groups))
    assert (invalid.value.path, invalid.value.line) == (path, line)


@pytest.mark.parametrize(
    ("data", "path", "line"),
    [
        (b'{\n "groups": [\n}', "changes", 3),
        (b"", "changes", 1),
        (b'{"groups": [], "groups": []}', "changes", None),
        (b"\xff", "changes", None),
        (b'{"groups": [[[[[]]]]]}', "changes", None),
        (b'{"groups": 1e999}', "changes", None),
        (b"[]", "changes", 1),
        (b"{}", "groups", 1),
        (b'{"groups":[{}],\n"number": 3}', "number", 2),
        (b" " * (MAX_CHANGES_BYTES + 1), "changes", None),
    ],
)
def test_a_file_that_is_no_document_is_refused(data: bytes, path: str, line: int | None) -> None:
    with pytest.raises(ChangesInvalid) as invalid:
        read_changes(data)
    assert (invalid.value.path, invalid.value.line) == (path, line)


@pytest.mark.parametrize(
    ("member", "line"),
    [
        ("groups[1].reason_class", 12),  # is not there: the line of its group
        ("groups[0].indices", 7),
        ("groups", 2),
        ("signatures", None),
        ("", None),
    ],
)
def test_what_a_gateway_refuses_has_its_line_too(member: str, line: int | None) -> None:
    assert read_changes(document(RED, GREEN)).line_of(member) == line


def test_the_documents_example_is_read() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "live-status.md").read_text(encoding="utf-8")
    example = text.partition("```json\n")[2].partition("```")[0]
    assert [group.word for group in read_changes(example.encode()).groups] == [words.RED, words.GREEN]
