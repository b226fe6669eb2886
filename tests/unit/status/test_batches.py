"""The next batch of a list goes on from the last one, and is signed as a reader proves it."""

from __future__ import annotations

import pytest

from gateway.changes import BATCH_CONTEXT, BatchDigest, ListName
from gateway.status.batches import LastBatch, next_batch, sign_batch
from gateway.values import Instant, IssuerId
from keys.values import Algorithm
from tests.simulators.signing import make_key
from tests.unit.codes import AT

NAME = ListName(IssuerId("https://code.example"), "https://code.example/status/1")
LAST = LastBatch(4, BatchDigest(b"d" * 32), AT)


def test_without_a_batch_before_it_opens_the_list() -> None:
    batch = next_batch(NAME, None, AT, capacity=64)
    assert (batch.number, batch.previous, batch.issued, batch.capacity) == (1, None, AT, 64)


@pytest.mark.parametrize(("later_s", "issued_s"), [(20.0, 20.0), (0.0, 0.0), (-0.5, 0.0)])
def test_it_is_one_more_and_never_earlier(later_s: float, issued_s: float) -> None:
    batch = next_batch(NAME, LAST, Instant(AT + later_s))
    assert (batch.number, batch.previous, batch.capacity) == (5, LAST.digest, None)
    assert batch.issued == AT + issued_s


def test_each_person_signs_the_same_bytes() -> None:
    keys = [make_key(Algorithm.ED25519, "one"), make_key(Algorithm.ES256, "two")]
    signed = sign_batch(b"body", keys)
    assert signed.body == b"body"
    for key, signature in zip(keys, signed.signatures, strict=True):
        assert signature.key_id == key.key_id
        verifier = key.trusted(NAME.issuer).verifier
        assert verifier.verify(signature.signature, BATCH_CONTEXT + b"body")
        assert not verifier.verify(signature.signature, b"body")
