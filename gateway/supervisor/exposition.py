"""Many expositions made one: each sample says whose it is, each family stands once.

Rules:

- Text in, text out, in the form that came (Prometheus text or OpenMetrics): no value is read, so none is changed, and
  exemplars and timestamps stay. (prometheus-client's own multi-process files lose gauges, exemplars and collectors.)
- A family's samples stand together, in the order of the parts; its HELP, TYPE and UNIT are those of the first part.
  Where a part has the family under another TYPE, its samples of it are left out.
- A part that is no exposition is left out whole, and told.

Source: Prometheus text format 0.0.4; OpenMetrics 1.0, "Text format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

END: Final = b"# EOF"
LABEL: Final = "process"

_NAME: Final = re.compile(rb"[a-zA-Z_:][a-zA-Z0-9_:]*")
_TOLD: Final = (b"HELP", b"TYPE", b"UNIT")


class NoExposition(Exception):
    """Bytes that are not what a process of ours exposes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process's exposition. `process` is the label's value; empty for samples that have the label already."""

    process: str
    body: bytes = field(repr=False)


@dataclass(slots=True)
class _Family:
    told: dict[bytes, bytes] = field(default_factory=dict)
    """HELP, TYPE and UNIT lines by their word."""
    samples: list[bytes] = field(default_factory=list)


class Merged:
    """What is put together, part by part."""

    def __init__(self) -> None:
        self._families: dict[bytes, _Family] = {}
        self._ended = False

    def add(self, part: Part) -> None:
        """Add all of `part`. Raises: NoExposition, and then nothing of it is added."""
        families, ended = _read(part)
        for name, its in families.items():
            held = self._families.setdefault(name, its)
            if held is not its and held.told.get(b"TYPE") == its.told.get(b"TYPE"):
                held.samples += its.samples
        self._ended |= ended

    def body(self) -> bytes:
        """Return the one exposition."""
        return b"".join(self._lines())

    def _lines(self) -> Iterable[bytes]:
        for family in self._families.values():
            for word in _TOLD:
                if word in family.told:
                    yield family.told[word] + b"\n"
            for sample in family.samples:
                yield sample + b"\n"
        if self._ended:
            yield END + b"\n"


def _read(part: Part) -> tuple[dict[bytes, _Family], bool]:
    """Return the families of a part with its label in each sample, and whether it ends as OpenMetrics does."""
    label = f'{LABEL}="{part.process}"'.encode() if part.process else b""
    families: dict[bytes, _Family] = {}
    family: _Family | None = None
    ended = False
    for line in part.body.split(b"\n"):
        if not line:
            continue
        if line.startswith(b"#"):
            word, _, rest = line[2:].partition(b" ")
            if word in _TOLD:
                family = families.setdefault(rest.partition(b" ")[0], _Family())
                family.told.setdefault(word, line)
            ended |= line == END
        elif family is None:
            raise NoExposition("a sample of no family")
        else:
            family.samples.append(_labelled(line, label) if label else line)
    return families, ended


def _labelled(sample: bytes, label: bytes) -> bytes:
    name, brace, rest = sample.partition(b"{")
    if brace and _NAME.fullmatch(name):
        return b"".join((name, b"{", label, b"" if rest.startswith(b"}") else b",", rest))
    name, blank, rest = sample.partition(b" ")
    if not blank or not _NAME.fullmatch(name):
        raise NoExposition("a sample without a name")
    return b"".join((name, b"{", label, b"} ", rest))
