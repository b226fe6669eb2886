"""Lines of members in TOML and JSON texts: every way of writing one, and texts that break off."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from gateway.lines import MAX_DEPTH, Path, line_of_json, line_of_syntax_fault, line_of_toml

TOML = '''\
# a comment with [brackets] and "quotes
name = "zhejiang"  # one more
"quoted key" = 'a # b'
dotted.inner."the end" = 1

[endpoint]
url = "https://a.invalid/#x"
hosts = [
  "a]",  # ]
  ["b", { name = "c", deep.er = 2 }],
]
point = { x = 1, y = { z = 2.5 } }

[[state]]
said = "00"
meaning = """
[not a header]
said = "trap" \\""" \\\\
"""

[[state]]
when = 2020-02-28 07:32:00Z
said = \'\'\'
raw \\ [x] \'\'\'

  [[state.note]]
  text = "first"

  [[state.note]]
  text = ""
  [state.note.more]
  a = 1

[[ state . note ]]
text = "third"

["endpoint".tls]
ca = """a"""""
last = true
'''

TOML_PLACES: dict[Path, int | None] = {
    ("name",): 2,
    ("quoted key",): 3,
    ("dotted",): 4,
    ("dotted", "inner", "the end"): 4,
    ("endpoint",): 6,
    ("endpoint", "url"): 7,
    ("endpoint", "hosts"): 8,
    ("endpoint", "hosts", 0): 9,
    ("endpoint", "hosts", 1): 10,
    ("endpoint", "hosts", 1, 1, "deep", "er"): 10,
    ("endpoint", "point", "y", "z"): 12,
    ("state",): 14,
    ("state", 0): 14,
    ("state", 0, "said"): 15,
    ("state", 0, "meaning"): 16,
    ("state", 1): 21,
    ("state", 1, "when"): 22,
    ("state", 1, "said"): 23,
    ("state", 1, "note", 0): 26,
    ("state", 1, "note", 0, "text"): 27,
    ("state", 1, "note", 1, "text"): 30,
    ("state", 1, "note", 1, "more", "a"): 32,
    ("state", 1, "note", 2, "text"): 35,
    ("endpoint", "tls"): 37,
    ("endpoint", "tls", "ca"): 38,
    ("endpoint", "tls", "last"): 39,
    # not there: the narrowest thing around it
    ("state", 1, "reason_class"): 21,
    ("state", 0, "said", "deeper"): 15,
    ("state", 9, "said"): 14,
    ("nobody", "nothing"): None,
    (): None,
}


@pytest.mark.parametrize("path", TOML_PLACES, ids=str)
def test_toml_members_are_found(path: Path) -> None:
    assert line_of_toml(TOML, path) == TOML_PLACES[path]
    assert line_of_toml(TOML.replace("\n", "\r\n"), path) == TOML_PLACES[path]


def leaves(value: Any, path: Path = ()) -> list[Path]:
    """Return the paths of everything in a parsed document."""
    found: list[Path] = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += leaves(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            found += leaves(inner, (*path, position))
    return found


@pytest.mark.parametrize("path", leaves(tomllib.loads(TOML)), ids=str)
def test_the_walk_sees_what_the_parser_sees(path: Path) -> None:
    line = line_of_toml(TOML, path)
    assert line is not None
    if isinstance(path[-1], str):
        assert path[-1] in TOML.splitlines()[line - 1]


JSON = """\
{
  "Identifier": "GR-CN-0001",
  "a \\u00e9 \\" key": {"b": [1, 2.5e3,
    {"c": null}, [], {}]},
  "Logic": {
    "and": [
      {"var": "a, ]} #"},
      true
    ]
  }
}
"""

JSON_PLACES: dict[Path, int | None] = {
    ("Identifier",): 2,
    ('a é " key',): 3,
    ('a é " key', "b", 1): 3,
    ('a é " key', "b", 2, "c"): 4,
    ('a é " key', "b", 4): 4,
    ("Logic", "and"): 6,
    ("Logic", "and", 0, "var"): 7,
    ("Logic", "and", 1): 8,
    ("Logic", "and", 7): 6,
    ("nobody",): None,
}


@pytest.mark.parametrize("path", JSON_PLACES, ids=str)
def test_json_members_are_found(path: Path) -> None:
    json.loads(JSON)
    assert line_of_json(JSON, path) == JSON_PLACES[path]


def test_a_list_at_the_top_has_places_too() -> None:
    assert line_of_json('[\n1,\n{"a":\n2}]', (1, "a")) == 3


@pytest.mark.parametrize("cut", range(0, len(TOML), 3))
def test_a_text_that_breaks_off_tells_what_stood_before(cut: int) -> None:
    assert line_of_toml(TOML[:cut], ("name",)) in {2, None}
    assert line_of_json(JSON[: cut % len(JSON)], ("Identifier",)) in {2, None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[[",
        "[[a",
        "[]",
        "a",
        "a =",
        "a = [",
        "a = {",
        'a = "',
        'a = """',
        "= 1",
        "a..b = 1",
        '"\\x" = 1',
        "\0",
    ],
)
def test_what_is_not_toml_or_json_raises_nothing(text: str) -> None:
    assert line_of_toml(text, ("z",)) is None
    assert line_of_json(text, ("z",)) is None


def test_deep_nesting_ends_the_walk_and_not_the_process() -> None:
    deep = "a = 1\nb = " + "[" * 100_000
    assert line_of_toml(deep, ("b", 0)) == 2
    assert line_of_json("[" * 100_000, (0, 0)) == 1
    path: Path = (0,) * (MAX_DEPTH + 10)
    assert line_of_json("[\n" * 200 + "]" * 200, path) == MAX_DEPTH + 2


@pytest.mark.parametrize(
    ("text", "line"), [("a = 1\nb = =", 2), ("a = 1\na = 2\n", 2), ("\n\n[a", 3), ("a = 1\n\n\nb = [1,\n}", 5)]
)
def test_syntax_faults_have_lines(text: str, line: int) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert line_of_syntax_fault(text, caught.value) == line
