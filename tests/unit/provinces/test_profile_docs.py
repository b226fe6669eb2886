"""docs/provinces.md tells of every member, and its example is a profile."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gateway.formats.opaque_template import compile_template
from gateway.provinces.directory import ProvinceDirectory
from gateway.provinces.profile_model import json_schema
from gateway.values import CodeState

PAGE = (Path(__file__).parents[3] / "docs" / "provinces.md").read_text(encoding="utf-8")


def members() -> set[str]:
    schema = json_schema()
    return {name for part in (schema, *schema["$defs"].values()) for name in part["properties"]}


def test_the_example_is_a_profile(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "example.toml").write_text(example, encoding="utf-8")
    (profile,) = ProvinceDirectory.load(tmp_path).profiles
    assert profile.states["02"].state is CodeState.STALE_DECLARATION


@pytest.mark.parametrize("member", sorted(members()))
def test_every_member_is_told(member: str) -> None:
    assert re.search(rf"`(?:\[+)?{member}(?:\]+)?`", PAGE)


def test_every_word_for_a_state_or_dialect_is_told() -> None:
    words = {
        word for found in re.findall(r'"enum": (\[[^]]*\])', json.dumps(json_schema())) for word in json.loads(found)
    }
    told = {word for word in words if re.search(rf"`{word}`", PAGE)}
    assert {word for word in words - told if not word.startswith(("RED_", "YELLOW_"))} == set()


@pytest.mark.parametrize(
    "template", sorted(set(re.findall(r"`([^`{\n]*\{(?:hex|digits|base64|token):[^`\n]*)`", PAGE)))
)
def test_templates_that_are_shown_are_templates(template: str) -> None:
    if template == "{hex:8-16}a":  # shown as one that is refused
        with pytest.raises(ValueError, match="could take"):
            compile_template(template)
    else:
        compile_template(template)
