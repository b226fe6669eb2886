"""What a bench found: figures with their limits, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

WIDTH = 150


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    value: float
    unit: str
    limit: float | None = None
    note: str = ""

    @property
    def misses(self) -> bool:
        """Whether it is more than it may be."""
        return self.limit is not None and self.value > self.limit


def show(title: str, results: Mapping[str, Result]) -> None:
    """Print the table; what misses its limit is red."""
    table = Table(title=title, title_justify="left")
    for column in ("", "", "at most", ""):
        table.add_column(column, justify="right" if table.columns else "left")
    for name, result in results.items():
        value = f"{result.value:,.0f}" if result.value >= 1_000 else f"{result.value:.2f}"
        limit = "" if result.limit is None else f"{result.limit:g}"
        table.add_row(name, f"{value} {result.unit}", limit, result.note, style="red" if result.misses else None)
    Console(width=WIDTH).print(table)


def write(path: Path, results: Mapping[str, Result]) -> int:
    """Write name -> {value, unit, limit, note}; return the exit status: 1 if a figure misses its limit."""
    path.write_text(json.dumps({name: asdict(result) for name, result in results.items()}, indent=2) + "\n")
    return 1 if any(result.misses for result in results.values()) else 0
