from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from healthcode.interop.v1 import status_service_pb2 as pb

from gateway.changes import (
    MAX_CAPACITY,
    MAX_NUMBER,
    BatchDigest,
    BatchRefusal,
    BatchRefused,
    ListHead,
    ListName,
    StateDigest,
)
from gateway.rpc.snapshots import GRACE_S, MAX_MANIFEST_BYTES, Manifest, longest_s, read_manifest, write_manifest
from gateway.values import Instant, IssuerId

R = BatchRefusal
AT = Instant(1_600_000_000.25)
NAME = ListName(IssuerId("guizhou"), "https://status.guizhou.example/1")
HEAD = ListHead(NAME, 1_024, 7, BatchDigest(b"\x11" * 32), AT, Instant(AT - 60))
MANIFEST = Manifest(HEAD, StateDigest(b"\x22" * 32), Instant(AT + 1), IssuerId("gateway-2"))


@pytest.mark.parametrize(
    "manifest",
    [
        MANIFEST,
        replace(MANIFEST, head=replace(HEAD, closed=True)),
        replace(MANIFEST, head=replace(HEAD, capacity=MAX_CAPACITY, number=MAX_NUMBER)),
    ],
)
def test_what_is_written_is_read(manifest: Manifest) -> None:
    assert read_manifest(write_manifest(manifest)) == manifest


Change = Callable[[pb.SnapshotManifest], Any]


def head(**members: Any) -> Change:
    def change(message: pb.SnapshotManifest) -> None:
        for name, value in members.items():
            setattr(message.head, name, value)

    return change


def top(**members: Any) -> Change:
    def change(message: pb.SnapshotManifest) -> None:
        for name, value in members.items():
            setattr(message, name, value)

    return change


def without(name: str) -> Change:
    return lambda message: message.ClearField(name)


def unknown(message: pb.SnapshotManifest) -> None:
    message.head.MergeFromString(b"\xf8\x01\x01")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (head(capacity=0), "manifest.head.capacity"),
        (head(capacity=1_023), "manifest.head.capacity"),
        (head(capacity=MAX_CAPACITY + 2), "manifest.head.capacity"),
        (head(number=0), "manifest.head.number"),
        (head(number=MAX_NUMBER + 1), "manifest.head.number"),
        (head(batch_digest=b"x"), "manifest.head.batch_digest"),
        (unknown, "manifest.head"),
        (top(state_digest=b""), "manifest.state_digest"),
        (top(gateway=""), "manifest.gateway"),
        (top(gateway="g" * 129), "manifest.gateway"),
        (without("head"), "manifest.head.capacity"),
        (without("create_time"), "manifest.create_time"),
        (without("open_time"), "manifest.open_time"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused_by_name(change: Change, field: str) -> None:
    message = pb.SnapshotManifest.FromString(write_manifest(MANIFEST))
    change(message)
    with pytest.raises(BatchRefused) as caught:
        read_manifest(message.SerializeToString())
    assert (caught.value.refusal, caught.value.field) == (R.MALFORMED, field)


@pytest.mark.parametrize(("raw", "refusal"), [(b"\x0f", R.MALFORMED), (bytes(MAX_MANIFEST_BYTES + 1), R.TOO_LARGE)])
def test_bytes_that_are_no_manifest_are_refused(raw: bytes, refusal: R) -> None:
    with pytest.raises(BatchRefused) as caught:
        read_manifest(raw)
    assert caught.value.refusal is refusal


def test_a_list_of_63_megabytes_has_minutes_and_no_more() -> None:
    assert longest_s(2) == pytest.approx(GRACE_S, abs=0.001)
    assert longest_s(126_000_000) < 300
