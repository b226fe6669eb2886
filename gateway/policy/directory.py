"""The folder of an operator's rules: one TOML file for each receiving division, and their CertLogic sets."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .rule import DivisionRules
from .rule_sets import NO_RULE_SETS, RuleSetInvalid, RuleSets
from .rules import RulesInvalid, parse_rules

CERTLOGIC: Final = "certlogic"
"""The folder beside the division files that holds the CertLogic sets."""


class PolicyUnavailable(Exception):
    """The rules cannot be loaded. `file`, with its line where there is one, and `why` are for the operator."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


def read_directory(directory: Path) -> tuple[tuple[DivisionRules, ...], RuleSets]:
    """Return the rules of all *.toml in `directory`, and the CertLogic sets of its folder `certlogic`, if any.

    Raises: PolicyUnavailable if there are no rules, or one file is broken; then none of them may be used.
    """
    files = sorted(directory.glob("*.toml"))
    if not files:
        raise PolicyUnavailable(str(directory), "holds no rules (*.toml)")
    rule_sets = _read_sets(directory / CERTLOGIC)
    return tuple(_read_rules(file, rule_sets) for file in files), rule_sets


def _read_rules(file: Path, rule_sets: RuleSets) -> DivisionRules:
    try:
        return parse_rules(file.read_text(encoding="utf-8"), rule_sets=rule_sets)
    except (OSError, UnicodeDecodeError) as unreadable:
        raise PolicyUnavailable(str(file), "cannot be read as UTF-8 text") from unreadable
    except RulesInvalid as invalid:
        raise PolicyUnavailable(_place(str(file), invalid.line), f"{invalid.path}: {invalid.description}") from invalid


def _read_sets(folder: Path) -> RuleSets:
    try:
        return RuleSets.load(folder) if folder.exists() else NO_RULE_SETS
    except RuleSetInvalid as invalid:
        why = f"{invalid.field}: {invalid.description}" if invalid.field else invalid.description
        raise PolicyUnavailable(_place(invalid.file, invalid.line), why) from invalid


def _place(file: str, line: int | None) -> str:
    return file if line is None else f"{file}:{line}"
