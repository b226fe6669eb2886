"""The configuration of one process, handed on to the others of the same gateway.

What was read and checked once is what all serve by, also those that are started again when the file has changed since.
"""

from __future__ import annotations

import json

from .schema import Config


def hand_on(config: Config) -> bytes:
    """Return `config` as one line."""
    return config.model_dump_json().encode() + b"\n"


def taken(line: bytes) -> Config:
    """Return the configuration that `hand_on` wrote. Raises: ValueError if it is none."""
    return Config(**json.loads(line))
