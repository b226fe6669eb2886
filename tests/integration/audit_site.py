"""A gateway's folder with an audit log, and what stands in it: read from the files alone, as anybody can."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jwt

from gateway.audit.entries import DecisionEntry, Entry, LogName, Written, read_entry
from gateway.audit.journal import JOURNAL, read_journal
from gateway.audit.reading import read_bundle
from gateway.audit.tiles import CHECKPOINT, tiles_of
from keys.signer import generate_dev_key
from tests.integration.gateway_process import Site

ORIGIN = "gateway.test/node-1"


def with_audit(site: Site, *, origin: str = ORIGIN, wait_ms: int = 10_000, more: str = "") -> None:
    """Let the gateway of a site keep an audit log. It is patient: the machine may be busy with other tests."""
    generate_dev_key(site.folder / "audit.key.pem")
    site.config.write_text(
        site.config.read_text()
        + f"""
        [audit]
        directory = "audit"
        origin = "{origin}"
        signer = "file:audit.key.pem"
        wait_ms = {wait_ms}
        {more}
        """
    )


def durable(site: Site, log: LogName) -> list[bytes]:
    """Return all entries that a kill would have left: those in tiles and those in the journal."""
    folder = site.folder / "audit" / log.value
    size = published_size(folder)
    entries: list[bytes] = []
    for tile in tiles_of(size, None):
        bundle = read_bundle(folder, tile)
        assert bundle is not None, tile
        entries += bundle
    journal = read_journal((folder / JOURNAL).read_bytes())
    return entries + list(journal.entries[max(0, size - journal.first) :])


def published_size(folder: Path) -> int:
    """Return how many entries the published head speaks of."""
    return int((folder / CHECKPOINT).read_text().split("\n")[1])


def written_in(site: Site, log: LogName) -> list[Written]:
    """Return what stands in a log; each must be an entry, and each writer's number must stand once."""
    found = [read_entry(raw) for raw in durable(site, log)]
    writers = [(one.run, one.number) for one in found]
    assert len(set(writers)) == len(writers), "an entry stands twice"
    return found


def of_kind(found: Sequence[Written], kind: type[Entry]) -> list[Any]:
    """Return the entries of one kind."""
    return [one.entry for one in found if isinstance(one.entry, kind)]


def commitments(site: Site) -> list[bytes]:
    """Return what the decisions commit to, in order."""
    return [entry.commitment for entry in of_kind(written_in(site, LogName.DECISIONS), DecisionEntry)]


def digest_in(receipt: str) -> bytes:
    """Return the digest of the code that a receipt has."""
    claims = jwt.decode(receipt, options={"verify_signature": False})
    text = claims["code_digest"]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def files_of(site: Site) -> Iterator[Path]:
    """Yield every file below the folder of the logs."""
    yield from (file for file in (site.folder / "audit").rglob("*") if file.is_file())
