"""The decisions on their way into the log: what a handler calls.

Rules:

- An entry is made from what the answer says and from nothing of the request but its terms.
- Bytes are put together from cached pieces: 3 us instead of 20. They are those of gateway/audit/entries.py; a test
  compares them.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import urlsafe_b64encode
from functools import lru_cache
from json import dumps
from typing import Final, NamedTuple

from gateway.audit.entries import COMMITMENT_BYTES
from gateway.errors import Reason
from gateway.values import CallerId, Decision, DivisionCode, Instant, Profile, Purpose

from .outbox import Outbox

DEFAULT_BUCKET_S: Final = 600


class Asked(NamedTuple):
    """What an RPC is asked under: the same for all codes of a batch."""

    call: str
    """The RPC's name."""
    caller: CallerId
    purpose: Purpose
    profile: Profile
    division: DivisionCode | None = None
    clinical_item: str | None = None
    """Which item is disclosed, under the profile CLINIC."""
    lawful_basis: str | None = None


class DecisionTrail:
    """Writes decisions under the trust lists in force. Immutable but for its outbox: a reload makes another."""

    __slots__ = ("_bucket_s", "_outbox", "_trust")

    def __init__(self, outbox: Outbox, trust: tuple[str, ...] = (), bucket_s: int = DEFAULT_BUCKET_S) -> None:
        """`trust` are the trust lists in force; `bucket_s` is how finely the time of a decision is told."""
        self._outbox = outbox
        self._trust = trust
        self._bucket_s = bucket_s

    def refuse(self) -> None:
        """Return if an answer may be given now. Raises: AuditUnavailable."""
        self._outbox.refuse()

    def decided(self, asked: Asked, decision: Decision, commitment: bytes | None) -> int:
        """Write down that a decision was made, and return the entry's number.

        `commitment` is the digest of the code that the receipt has; None: there is no receipt, or no code.

        Raises: AuditUnavailable.
        """
        return self._outbox.put(decision_body(asked, decision, commitment, self._trust, self._bucket_s))

    def durable(self, number: int) -> asyncio.Future[None] | None:
        """Return what the answer must wait for; None: nothing. Raises, now or when awaited: AuditUnavailable."""
        return self._outbox.durable(number)


def bucket_of(at: Instant, bucket_s: int) -> int:
    """Return the beginning of the span of time that `at` lies in, in whole seconds."""
    return int(at // bucket_s) * bucket_s


def decision_body(
    asked: Asked, decision: Decision, commitment: bytes | None, trust: tuple[str, ...], bucket_s: int
) -> bytes:
    """Return the bytes of a DecisionEntry but for its writer."""
    if commitment is None:
        commitment = secrets.token_bytes(COMMITMENT_BYTES)
    before, between, behind = _pieces(asked)
    return (
        f'{{"bucket":{bucket_of(decision.decided_time, bucket_s)},{before}'
        f"{urlsafe_b64encode(commitment)[:-1].decode('ascii')}"  # 32 bytes have one sign of padding
        f"{between}{decision.measure.name}{behind}{_reasons(decision.reasons)}{_versions(decision.rule_version, trust)}"
    ).encode("ascii")


@lru_cache(maxsize=4_096)
def _pieces(asked: Asked) -> tuple[str, str, str]:
    """Return what stands before the commitment, between that and the measure, and behind it up to the reasons."""
    before = f'"call":{dumps(asked.call)},"caller":{dumps(asked.caller)},'
    if asked.clinical_item is not None:
        before += f'"clinical_item":{dumps(asked.clinical_item)},'
    between = '",'
    if asked.division is not None:
        between += f'"division":{dumps(asked.division)},'
    between += '"kind":"decision",'
    if asked.lawful_basis is not None:
        between += f'"lawful_basis":{dumps(asked.lawful_basis)},'
    behind = f'","profile":"{asked.profile.name}","purpose":"{asked.purpose.name}","reasons":'
    return f'{before}"commitment":"', f'{between}"measure":"', behind


@lru_cache(maxsize=4_096)
def _reasons(reasons: tuple[Reason, ...]) -> str:
    return "[" + ",".join(f'"{one.name}"' for one in reasons) + "]"


@lru_cache(maxsize=1_024)
def _versions(rule: str | None, trust: tuple[str, ...]) -> str:
    told = "" if rule is None else f',"rule":{dumps(rule)}'
    return f'{told},"trust":{dumps(trust, separators=(",", ":"))},"v":1}}'
