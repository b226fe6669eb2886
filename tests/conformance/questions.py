"""Asks public vectors through the contract of `hcgw verify --jsonl`, as anybody outside would."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

from gateway.cli.jsonl import answer_lines
from gateway.cli.trust_sources import Trusted
from gateway.pipeline import Pipeline
from gateway.policy.book import SHIPPED, PolicyBook
from tests.unit.codes import AT

POLICIES = PolicyBook.load(SHIPPED)
NOBODY = Pipeline(Trusted().snapshot(), POLICIES)
"""Trusts nobody."""


def ask(questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one answer per question, in order."""
    text = "".join(json.dumps(question) + "\n" for question in questions)
    return ask_raw(text.encode())


def ask_raw(text: bytes) -> list[dict[str, Any]]:
    """Return the answers to lines as they stand."""
    lines = answer_lines(io.BytesIO(text), default=NOBODY, policies=POLICIES, clock=lambda: AT, at=None, division=None)
    return [json.loads(line) for line in lines]
