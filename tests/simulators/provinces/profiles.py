"""Profiles of simulated provinces: the shipped ones, with another endpoint and other credentials.

Everything else of a shipped profile stays as it is, so that what is tested is what is shipped.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SHIPPED: Final = Path(__file__).parents[3] / "deploy" / "provinces"

OURS: Final = "simulated"
"""Where the values of a simulated province are from."""

Tree = dict[str, Any]


def shipped(name: str) -> Tree:
    """Return the shipped profile of a province, as TOML has it."""
    return tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))


def write_profile(
    folder: Path,
    profile: Tree,
    *,
    url: str,
    credentials: Mapping[str, bytes],
    parameters: Mapping[str, str],
    budget: Mapping[str, object],
) -> None:
    """Write `profile` into `folder` for a system at `url`, and its credentials beside it."""
    name = profile["name"]
    made = dict(profile)
    made["endpoint"] = {"url": url, "insecure_http_to_loopback": True, "source": OURS}
    made.pop("credentials", None)
    if credentials:
        files = {what: f"secrets/{name}.{what.replace('_', '-')}" for what in credentials}
        for what, file in files.items():
            write_secret(folder / file, credentials[what])
        made["credentials"] = {**files, "source": OURS}
    if parameters:
        made["parameters"] = {"source": OURS, **made.get("parameters", {}), **parameters}
    made["budget"] = {**made["budget"], **budget}
    text = "\n".join(_table("", made)) + "\n"
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def write_secret(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, over whatever is there."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)


def _table(name: str, table: Tree) -> list[str]:
    """Return the lines of a table: its values first, then its tables, then its arrays of tables."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict | list)}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{name}{key}]", *_table(f"{name}{key}.", value)]
    for key, value in table.items():
        for row in value if isinstance(value, list) else ():
            lines += ["", f"[[{name}{key}]]", *_table(f"{name}{key}.", row)]
    return lines
