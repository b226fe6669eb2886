"""The README tells the truth: tables that exist in code too are held equal, links lead somewhere, commands exist.

`python -m tests.unit.test_readme` rewrites the table of reasons.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.cli.main import COMMANDS
from gateway.errors import REASONS, Outcome, Step
from gateway.values import CodeState, Format, Measure

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "deploy/**/*.md", "keys/**/*.md", "tests/**/*.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
)
BLOCK = re.compile(r"(?<=<!-- reasons: )([^\n]*-->\n).*?(?=<!-- /reasons -->)", re.DOTALL)


def reasons_table() -> str:
    """Return the published table, one row per reason in the order of its numbers."""
    head = ["| no. | reason | step | ends as | effect | sentence |", "|---|---|---|---|---|---|"]
    rows = [
        f"| {reason.value} | {reason.name} | {row.step} | {row.outcome} | {row.effect.value} | {row.sentence} |"
        for reason, row in sorted(REASONS.items())
    ]
    return "\n".join([*head, *rows]) + "\n"


def rewritten(text: str) -> str:
    """Return the README with the table as it is in code."""
    return BLOCK.sub(lambda block: block[1] + reasons_table(), text)


def row_of(member: str) -> str:
    """Return the cell that describes a member of the JSONL output."""
    output = README.read_text().partition("\nOutput:\n")[2]
    found = re.search(rf"^\| `{member}` \| (.*) \|$", output, re.MULTILINE)
    assert found, member
    return found[1]


def test_reasons_are_those_of_the_code() -> None:
    text = README.read_text()
    assert text == rewritten(text), "run: python -m tests.unit.test_readme"


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("format", {item.value for item in Format}),
        ("measure", {item.name for item in Measure}),
        ("state", {item.name for item in CodeState}),
        ("steps", {item.value for item in Step} | {item.value for item in Outcome}),
    ],
)
def test_the_contract_lists_every_value(member: str, values: set[str]) -> None:
    assert set(re.findall(r"`([A-Za-z_]+)`", row_of(member))) == values


def test_every_format_has_a_row() -> None:
    section = README.read_text().partition("\n## Formats\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {item.value for item in Format} - {"unknown"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(
        re.findall(r"`?make ([a-z][a-z-]*)\b(?=[`\s]| ARGS)", "\n".join(code_of((ROOT / document).read_text())))
    )
    assert named <= targets


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    pages = [README, *(ROOT / "docs").glob("*.md")]
    assert any(re.search(rf"\bhcgw {command}\b", page.read_text()) for page in pages)


def code_of(text: str) -> list[str]:
    """Return what a document shows as code: blocks and spans."""
    return re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text()))
