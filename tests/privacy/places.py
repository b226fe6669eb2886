"""Where people's data could be found afterwards: named places, each searched for itself.

A place is text that somebody was told (`hear`), or the files below a folder that a rule claims (`FILES`). What no rule
claims is searched too, as "other files". A later store is one more rule, or one more name to `hear` under.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from .needles import marks_in

Rule = Callable[[PurePath], bool]
"""Whether a file, given relative to the gateway's folder, belongs to a place."""


def _below(*folders: str) -> Rule:
    return lambda file: bool(file.parts) and file.parts[0] in folders


def _is_database(file: PurePath) -> bool:
    return any(end in file.name for end in (".sqlite", ".db", "-wal", "-shm", "-journal"))


_GIVEN: Final = ("policy", "demo")
FILES: Final[Mapping[str, Rule]] = {
    "store: SQLite with its WAL": _is_database,
    "audit log": _below("audit"),
    "handles: keys of epochs": _below("handles"),
    "live status: lists and snapshots": _below("status"),
    "published lists, keys, configuration": lambda file: (
        len(file.parts) == 1 or _below("policy", "demo", "lists")(file)
    ),
}
"""Place -> its files; the first rule that claims a file has it."""

OTHER_FILES: Final = "other files"
FILE_NAMES: Final = "file names"

_HEADERS: Final = tuple(b64encode(b'{"%b":' % member)[:8] for member in (b"alg", b"kid", b"typ", b"zip"))
CODE_STARTS: Final = (b"HC1:6B", b"HCI1:", b"shc:/5", b"B64:UEs", *_HEADERS)
"""How codes begin. One that is packed (HCERT, SHC, DIVOC) hides what it says: where no code belongs, none may stand.

Each is long enough not to stand in random bytes, such as the keys of the replay guard, by chance.
"""


@dataclass
class Findings:
    """What was searched, place by place, and what was found there."""

    searched: Counter[str] = field(default_factory=Counter)
    """Bytes."""
    hits: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[bytes]] = field(default_factory=dict)
    """The first spellings that were found in a place: of marks that stand for nobody."""

    def hear(self, place: str, said: bytes, *, codes: bool = False) -> None:
        """Search what somebody was told; with `codes` for codes too, where no receipt and no code belongs."""
        self.searched[place] += len(said)
        found = marks_in(said)
        if codes:
            found += [start for start in CODE_STARTS if start in said]
        if found:
            self.hits[place] += len(found)
            self.samples.setdefault(place, []).extend(found[:5])

    def look_below(self, folder: Path, *, but: tuple[Path, ...] = ()) -> None:
        """Search all files below `folder`, and their names; those in `but` are somebody else's."""
        for file in sorted(folder.rglob("*")):
            if any(left_out in (file, *file.parents) for left_out in but):
                continue
            name = file.relative_to(folder)
            self.hear(FILE_NAMES, str(name).encode("utf-8", "surrogateescape") + b"\n")
            if file.is_file():
                place = next((place for place, rule in FILES.items() if rule(name)), OTHER_FILES)
                self.hear(place, file.read_bytes())
