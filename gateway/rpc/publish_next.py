"""Publishing without a memory of one's own: the next batch goes on from what the gateway holds.

For the command line and the demo. A province that counts its own batches finds out when somebody else signs with its
keys; who asks the gateway does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.changes import Block, ChangeGroup, ListName, StateDigest
from gateway.rpc.status_client import HeldList, StatusClient
from gateway.rpc.status_convert import read_batch, write_batch
from gateway.status.batches import LastBatch, SignsBatches, next_batch, sign_batch
from gateway.values import Instant


async def held_list(client: StatusClient, name: ListName) -> HeldList | None:
    """Return how far the gateway holds a list; None if it holds none of this name. Raises: AskingFailed."""
    return next((one for one in await client.lists(name.issuer) if one.name == name), None)


def last_batch(held: HeldList | None) -> LastBatch | None:
    """Return what the next batch goes on from."""
    return None if held is None else LastBatch(held.number, held.digest, held.issued)


async def publish_next(
    client: StatusClient,
    name: ListName,
    last: LastBatch | None,
    signers: Iterable[SignsBatches],
    at: Instant,
    *,
    capacity: int | None = None,
    groups: tuple[ChangeGroup, ...] = (),
    blocks: tuple[Block, ...] = (),
    state_digest: StateDigest | None = None,
    closing: bool = False,
) -> LastBatch:
    """Sign and publish the batch after `last`, and return it once it is held. With nothing to say: a sign of life.

    A batch that no reader would take is not signed.

    Raises: BatchRefused, StoreDegraded, AskingFailed as StatusClient.publish.
    """
    batch = next_batch(
        name, last, at, capacity=capacity, groups=groups, blocks=blocks, state_digest=state_digest, closing=closing
    )
    body = write_batch(batch)
    read_batch(body)
    signed = sign_batch(body, signers)
    await client.publish(signed)
    return LastBatch(batch.number, signed.digest, batch.issued)
