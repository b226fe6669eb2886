"""Lists of this gateway's own converted codes whose writer has gone: closed, once none of their codes lives any more.

A worker closes its lists when it ends in order. One that was killed leaves them open: nobody keeps them up, so they
grow old and their codes go to a person; but they would count among the lists that are held for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.changes import BatchRefused
from gateway.publishing.ledger import Ledger
from gateway.rpc.status_convert import write_batch
from gateway.status.batches import LastBatch, next_batch, sign_batch
from gateway.values import Instant, IssuerId
from keys.signer import Signer

LOOK_S: Final = 600.0
"""Seconds between two looks."""

SILENT_S: Final = 3_600.0
"""Seconds of silence beyond the longest life of a code: a worker says a word every 20 s."""


async def close_left_lists(
    ledger: Ledger, issuer: IssuerId, signer: Signer, *, longest_life_s: float, clock: Callable[[], Instant]
) -> int:
    """Close lists of `issuer` that nobody has kept up for longer than any of their codes lives. Return how many.

    Raises: StoreDegraded.
    """
    at, closed = clock(), 0
    for head in ledger.heads():
        if head.name.issuer != issuer or head.closed or at - head.issued <= longest_life_s + SILENT_S:
            continue
        batch = next_batch(head.name, LastBatch(head.number, head.digest, head.issued), at, closing=True)
        try:
            await ledger.submit(sign_batch(write_batch(batch), (signer,)), at)
        except BatchRefused:
            continue  # its writer is there after all, or another node was quicker
        closed += 1
    return closed
