"""The next batch of a list, and its signatures: for whoever publishes.

Rules:

- A batch goes on from the one before: one number more, with its digest, and never earlier.
- What is signed is the batch's bytes behind BATCH_CONTEXT. A second person signs the same bytes.
- Nothing here judges a batch (gateway/publishing/check.py) or knows how it is encoded (gateway/rpc/status_convert.py).

Source: docs/live-status.md, 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from gateway.changes import (
    BATCH_CONTEXT,
    BatchDigest,
    BatchSignature,
    Block,
    ChangeGroup,
    ListName,
    SignedBatch,
    StateDigest,
    StatusBatch,
)
from gateway.values import Instant, KeyId


class SignsBatches(Protocol):
    """A key of a list's issuer."""

    @property
    def key_id(self) -> KeyId:
        """Its name on the trust list."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature over exactly `data`, as a JWS has it."""
        ...


class LastBatch(NamedTuple):
    """The last batch of a list: what the next one goes on from."""

    number: int
    digest: BatchDigest
    issued: Instant


def next_batch(
    name: ListName,
    last: LastBatch | None,
    at: Instant,
    *,
    capacity: int | None = None,
    groups: tuple[ChangeGroup, ...] = (),
    blocks: tuple[Block, ...] = (),
    state_digest: StateDigest | None = None,
    closing: bool = False,
) -> StatusBatch:
    """Return the batch that comes after `last`, said at `at`; without one, the batch that opens a list of `capacity`.

    A clock that was set back by a little does not stop an issuer: her batch says the time of the one before.
    """
    return StatusBatch(
        name=name,
        number=1 if last is None else last.number + 1,
        previous=None if last is None else last.digest,
        issued=at if last is None else Instant(max(at, last.issued)),
        capacity=capacity,
        groups=groups,
        blocks=blocks,
        state_digest=state_digest,
        closing=closing,
    )


def sign_batch(body: bytes, signers: Iterable[SignsBatches]) -> SignedBatch:
    """Return exactly the bytes `body`, an encoded batch, signed by each of `signers`."""
    covered = BATCH_CONTEXT + body
    return SignedBatch(body, tuple(BatchSignature(one.key_id, one.sign(covered)) for one in signers))
