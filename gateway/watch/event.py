"""What a log event is; `events.py` lists them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Severity = Literal["debug", "info", "warning", "error"]
Part = Literal[
    "config",
    "trust",
    "policy",
    "provinces",
    "lists",
    "callers",
    "signer",
    "handles",
    "conversion",
    "status",
    "replay",
    "audit",
    "grpc",
    "http",
]

Frames = tuple[str, ...]
"""Our own places in a traceback, innermost last: ``module:function:line``."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    name: ClassVar[str]
    severity: ClassVar[Severity] = "info"
