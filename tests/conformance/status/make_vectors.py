"""Makes vectors.json: one list from its first batch to its last, and what is refused on the way.

Run `python -m tests.conformance.status.make_vectors` to print it. The private keys are SHA-256 of a public sentence:
they protect nothing and must never stand on a production trust list. Signatures are deterministic (RFC 8032) and blocks
are stored, not compressed, so that the file is the same on every run.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.changes import (
    BATCH_CONTEXT,
    BatchDigest,
    BatchRefusal,
    Block,
    ChangeGroup,
    ListName,
    StateDigest,
    StatusBatch,
    Word,
)
from gateway.rpc.status_convert import write_batch
from gateway.status import words
from gateway.values import Instant, IssuerId, ReasonClass
from tests.simulators.status_issuer import group, write_word

SENTENCE = "healthcode-gateway status batch test key, never trust it: "
NAME = ListName(IssuerId("https://code.guizhou.example"), "https://code.guizhou.example/status/2020-09-13")
CAPACITY = 32
NOON = Instant(1_600_000_000.0)
BULK_SIZE = 16
"""What the refusals assume: more places than that need two keys."""

_UNSEEN = b"\xff" * (CAPACITY // 2)


def private_key(key_id: str) -> ed25519.Ed25519PrivateKey:
    """Return a key that everybody can derive."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{SENTENCE}{key_id}".encode()).digest())


def jwk(key_id: str) -> dict[str, str]:
    """Return its public part."""
    public = private_key(key_id).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": text_of(public), "kid": key_id, "alg": "Ed25519", "use": "sig"}


def text_of(data: bytes) -> str:
    """Return bytes as base64url."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def signed(body: bytes, key_ids: Iterable[str]) -> dict[str, Any]:
    """Return a batch with its signatures."""
    signatures = [
        {"key_id": key_id, "signature": text_of(private_key(key_id).sign(BATCH_CONTEXT + body))} for key_id in key_ids
    ]
    return {"batch": text_of(body), "signatures": signatures}


@dataclass(slots=True)
class Chain:
    """The list as its issuer holds it."""

    number: int = 0
    digest: BatchDigest | None = None
    raw: bytes = _UNSEEN

    def next(self, **says: Any) -> StatusBatch:
        """Return the next batch, rightly numbered and chained."""
        issued = Instant(NOON + 20 * self.number)
        return StatusBatch(NAME, self.number + 1, self.digest, issued, **({"capacity": None} | says))

    def take(self, name: str, batch: StatusBatch, *key_ids: str) -> dict[str, Any]:
        """Go on with `batch`, and return it as a vector."""
        raw = bytearray(_UNSEEN if batch.closing else self.raw)
        for block in batch.blocks:
            raw[block.first // 2 : block.first // 2 + len(block.words)] = block.words
        for one in batch.groups:
            for index in one.indices:
                write_word(raw, index, one.word)
        self.raw = bytes(raw)
        body = write_batch(batch, level=0)
        self.number, self.digest = batch.number, BatchDigest(hashlib.sha256(body).digest())
        return {
            "name": name,
            "number": batch.number,
            **signed(body, key_ids or ("first",)),
            "batch_digest": text_of(self.digest),
            "list": text_of(self.raw),
            "state_digest": text_of(self.state_digest()),
        }

    def state_digest(self) -> StateDigest:
        """Return the digest of the list."""
        return StateDigest(hashlib.sha256(self.raw).digest())


def plain(word: Word, *indices: int, **says: Any) -> ChangeGroup:
    """Return a group of changes."""
    return group(word, indices, authority="Guiyang city command centre", **says)


def taken() -> tuple[list[dict[str, Any]], Chain]:
    """Return the life of a list up to before its last batch."""
    chain = Chain()
    vectors = [
        chain.take("opens", chain.next(capacity=CAPACITY)),
        chain.take("fills, signed by two", chain.next(blocks=(Block(0, bytes(12)),)), "first", "second"),
        chain.take(
            "changes",
            chain.next(
                groups=(
                    plain(words.RED, 3, 8, reason=ReasonClass.RED_CLOSE_CONTACT),
                    plain(words.YELLOW, 4, reason=ReasonClass.YELLOW_TIME_SPACE_OVERLAP),
                    plain(words.CANCELLED, 23),
                    plain(words.SUSPENDED, 0, 31),
                )
            ),
        ),
        chain.take("corrects", chain.next(groups=(plain(words.GREEN, 8, corrects=3),))),
        chain.take("sign of life", chain.next()),
    ]
    proof = replace(chain.next(), state_digest=chain.state_digest())
    vectors.append(chain.take("proves what it holds", proof))
    return vectors, chain


def refused(chain: Chain) -> list[dict[str, Any]]:
    """Return what is refused while six batches are held."""
    right = chain.next(groups=(plain(words.RED, 5),))

    def one(refusal: BatchRefusal, *key_ids: str, **wrong: Any) -> dict[str, Any]:
        body = write_batch(replace(right, **wrong), level=0)
        return {"refusal": refusal.value, **signed(body, key_ids or ("first",))}

    altered = one(BatchRefusal.BAD_SIGNATURE)
    altered["batch"] = one(BatchRefusal.BAD_SIGNATURE, groups=(plain(words.GREEN, 5),))["batch"]
    without_context = one(BatchRefusal.BAD_SIGNATURE)
    body = write_batch(right, level=0)
    without_context["signatures"] = [{"key_id": "first", "signature": text_of(private_key("first").sign(body))}]
    many = (plain(words.RED, *range(17)),)
    return [
        altered,
        without_context,
        one(BatchRefusal.BAD_SIGNATURE, "third"),
        one(BatchRefusal.SECOND_SIGNATURE_REQUIRED, "first", groups=many),
        one(BatchRefusal.SECOND_SIGNATURE_REQUIRED, "first", "first", groups=many),
        one(BatchRefusal.NUMBER_GAP, number=8),
        one(BatchRefusal.NUMBER_TAKEN, number=6),
        one(BatchRefusal.BROKEN_CHAIN, previous=BatchDigest(bytes(32))),
        one(BatchRefusal.TIME_GOES_BACK, issued=Instant(NOON + 99)),
        one(BatchRefusal.IN_THE_FUTURE, issued=Instant(NOON + 151)),
        one(BatchRefusal.INDEX_OUT_OF_RANGE, groups=(plain(words.RED, 32),)),
        one(BatchRefusal.INDEX_REPEATED, groups=(plain(words.RED, 5), plain(words.GREEN, 5))),
        one(BatchRefusal.REASON_REQUIRED, groups=(replace(plain(words.RED, 5), reason_class=None),)),
        one(BatchRefusal.REASON_CONTRADICTS, groups=(plain(words.GREEN, 5, reason=ReasonClass.RED_INBOUND),)),
        one(BatchRefusal.AUTHORITY_REQUIRED, groups=(replace(plain(words.RED, 5), authority=""),)),
        one(BatchRefusal.CORRECTS_NOTHING, groups=(plain(words.GREEN, 5, corrects=7),)),
        one(BatchRefusal.BLOCK_TOO_LATE, groups=(), blocks=(Block(0, b"\x00"),)),
        one(BatchRefusal.MALFORMED, groups=(), blocks=(Block(0, b"\x33"),)),
        one(BatchRefusal.MALFORMED, capacity=CAPACITY),
        one(BatchRefusal.MALFORMED, closing=True),
        one(BatchRefusal.DIGEST_MISMATCH, state_digest=StateDigest(bytes(32))),
        one(BatchRefusal.UNKNOWN_LIST, name=NAME._replace(uri=NAME.uri + "/")),
        one(BatchRefusal.UNKNOWN_ISSUER, name=NAME._replace(issuer=IssuerId("https://code.yunnan.example"))),
    ]


def as_text() -> str:
    """Return the file."""
    vectors, chain = taken()
    wrong = refused(chain)
    vectors.append(chain.take("closes", chain.next(closing=True)))
    content = {
        "about": "docs/live-status.md; made by make_vectors.py; the keys protect nothing",
        "signed": "signatures cover the ASCII text hcg-status-batch-v1, a zero byte, and the batch",
        "issuer": NAME.issuer,
        "uri": NAME.uri,
        "capacity": CAPACITY,
        "bulk_size": BULK_SIZE,
        "keys": {"keys": [jwk("first"), jwk("second")]},
        "taken": vectors,
        "refused_at": int(NOON + 120),
        "refused_after": chain.number - 1,
        "refused": wrong,
    }
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(as_text())
