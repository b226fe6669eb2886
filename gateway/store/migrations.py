"""The store's schema: numbered SQL files, each applied once, in order, in a transaction of its own.

- A file that was applied is never edited: its digest is kept, and another one under its number is refused.
- A store that a newer release has migrated is refused: what its rows mean is not known here.
- The same numbers go for both dialects; a file's name is `NUMBER_subject.DIALECT.sql`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError

_FOLDER: Final = Path(__file__).parent / "migrations"
_NAME: Final = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.(sqlite|postgresql)\.sql")


class Dialect(StrEnum):
    """Whose SQL."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class StoreUnfit(GatewayError):
    """The store is not one that this release can use, and waiting will not help. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    number: int
    subject: str
    sql: str = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path, dialect: Dialect) -> tuple[Migration, ...]:
    """Return a dialect's migrations in order. Raises: ValueError if a number is missing or stands twice."""
    found = []
    for path in sorted(folder.iterdir()):
        named = _NAME.fullmatch(path.name)
        if named and named[3] == dialect:
            found.append(Migration(int(named[1]), named[2], path.read_text(encoding="utf-8")))
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"{folder}: migrations of {dialect} are not numbered 1, 2, 3, ...")
    return tuple(found)


@cache
def shipped(dialect: Dialect) -> tuple[Migration, ...]:
    """Return the migrations of this release."""
    return read_migrations(_FOLDER, dialect)


def missing(known: Sequence[Migration], applied: Mapping[int, str]) -> tuple[Migration, ...]:
    """Return what is still to be applied, in order. `applied` is number -> digest.

    Raises: StoreUnfit: a newer release has been here, or an applied step is not the one that is shipped.
    """
    newest = max(applied, default=0)
    if newest > len(known):
        raise StoreUnfit(f"the store is at schema {newest}, this release knows {len(known)}: it is of a newer release")
    for step in known[:newest]:
        if applied.get(step.number) != step.digest:
            raise StoreUnfit(f"schema {step.number} was applied from another file than the one that is shipped")
    return tuple(known[newest:])
