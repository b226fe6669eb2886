"""`hcgw audit appeal`: what was done to one place of a list, by whose order, with the proof that it was written down.

Rules:

- The log of batches says what was done to the place, byte for byte as it was signed; the audit log says who delivered
  it, and proves that this was written then and not today.
- An answer that would be incomplete is none: if batches of before are not kept any more, that is what is said.
- Nothing is written and nothing is asked of the gateway: it may run meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entries import ColourEntry, EntryInvalid, LogName, base64url, read_entry
from gateway.audit.faults import LogUnusable
from gateway.audit.proofs import inclusion_path, write_proof
from gateway.audit.reading import TileReader, read_bundle
from gateway.audit.tiles import tiles_of
from gateway.changes import BatchRefused, ListName, SignedBatch, StatusBatch, StoreDegraded
from gateway.config import Config, ConfigRefused, load
from gateway.instants import format_instant
from gateway.loading import StartRefused, load_audit_signer
from gateway.recording.keeping import log_folder, log_origin
from gateway.rpc.status_convert import WIRE
from gateway.status.words import STATES
from gateway.store.open import StoreUnavailable, open_beside
from gateway.values import CodeState, Instant, IssuerId, ReasonClass
from keys.notes import NoteRefused, NoteSigner, NoteVerifier

from .audit_head import NOT_VALID, UNKNOWN, end, refuse, tiles_of_log

READ_BYTES: Final = 8 << 20

_DIGEST: Final = re.compile(rb'"digest":"([A-Za-z0-9_-]{43})"')


@dataclass(frozen=True, slots=True)
class Touch:
    """One batch that touched the place."""

    number: int
    digest: str
    """SHA-256 of the batch, in base64url: as in its entry."""
    issued: Instant
    state: CodeState | None
    """What the place read from then on; None: the list was closed, and the place reads unknown."""
    authority: str
    """Who ordered it; empty where a list was filled or closed at one go."""
    reason_class: ReasonClass | None
    corrects: int | None
    signatures: int
    """Keys of the issuer that signed it: two, where a second person had to."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The audit entry of a batch, and the proof that it stands in the log."""

    index: int
    written: Instant
    delivered_by: str
    proof: bytes


class CannotAnswer(Exception):
    """The appeal cannot be answered from here. The text says why."""


def appeal(
    config: Annotated[
        Path, typer.Option(metavar="FILE", envvar="HCGW_CONFIG", help="The gateway's configuration: it tells where.")
    ],
    issuer: Annotated[str, typer.Option(metavar="NAME", help="Whose code: the issuer, as in the code.")],
    uri: Annotated[str, typer.Option("--list", metavar="URI", help="The list that the code points to (uri).")],
    index: Annotated[int, typer.Option(min=0, metavar="N", help="The code's place in it (idx).")],
    proofs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the proof of each entry there, for the person.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON, proofs among it.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Overrides an option. Repeatable.")
    ] = None,
) -> None:
    """Answer a person's appeal: every batch that touched her place, who ordered and delivered it, and the proof.

    For her province, on the machine of a gateway that holds its lists. The index says who she is to her province: give
    the answer to her and to nobody else. The proofs say nothing of her; hcgw audit check-proof checks them anywhere.

    Exit status: 0 answered, 1 answered, but an entry is not there or not published yet, 2 usage, 3 it cannot be
    answered: there is no such list, or its batches of before are not kept any more (status.keep_days).

    For example:

      hcgw audit appeal --config /etc/hcgw/hcgw.toml --issuer https://code.henan.example
        --list https://status.henan.example/2022-06 --index 4711 --proofs appeal-4711
    """
    chosen = _loaded(config, settings or ())
    name = ListName(IssuerId(issuer), uri)
    try:
        touches = asyncio.run(_touches(chosen, name, index))
    except CannotAnswer as cannot:
        end("appeal", UNKNOWN, str(cannot))
    evidence = _evidence(chosen, touches)
    if as_json:
        typer.echo(json.dumps(_as_json(touches, evidence)))
    else:
        _print(name, touches, evidence)
    if proofs is not None:
        _write(proofs, touches, evidence)
    if len(evidence) < len(touches):
        raise typer.Exit(NOT_VALID)


def _loaded(file: Path, settings: Sequence[str]) -> Config:
    try:
        config = load(file, settings)
    except ConfigRefused as refused:
        refuse("appeal", str(refused))
    if config.status is None or config.audit is None:
        refuse("appeal", "this gateway holds no lists, or keeps no audit log: [status] and [audit] are needed")
    return config


async def _touches(config: Config, name: ListName, index: int) -> list[Touch]:
    """Return every batch that touched a place, in order. Raises: CannotAnswer."""
    if config.status is None:
        raise AssertionError
    found: list[Touch] = []
    try:
        store = await open_beside(config.status.store)
    except StoreUnavailable as unavailable:
        raise CannotAnswer(str(unavailable)) from None
    try:
        row = next((row for row in await store.lists() if row.name == name), None)
        if row is None:
            raise CannotAnswer("there is no such list")
        if index >= row.capacity:
            raise CannotAnswer(f"the list has {row.capacity} places")
        after = 0
        while after < row.last:
            logged = await store.read(name, after, READ_BYTES)
            if not logged or logged[0].number != after + 1:
                kept = logged[0].number if logged else row.last + 1
                raise CannotAnswer(f"batches before number {kept} are not kept any more: nothing complete can be said")
            for one in logged:
                signed = WIRE.read_signed(one.signed)
                found += touches_of(WIRE.read_batch(signed.body), signed, index)
            after = logged[-1].number
    except StoreDegraded as failed:
        raise CannotAnswer(str(failed)) from None
    except BatchRefused as broken:
        raise CannotAnswer(f"a batch in the store cannot be read: {broken}") from None
    finally:
        await store.close()
    return found


def touches_of(batch: StatusBatch, signed: SignedBatch, index: int) -> Iterator[Touch]:
    """Yield what a batch does to a place."""

    def touch(
        state: CodeState | None, authority: str = "", reason: ReasonClass | None = None, corrects: int | None = None
    ) -> Touch:
        digest = base64url(signed.digest)
        return Touch(batch.number, digest, batch.issued, state, authority, reason, corrects, len(signed.signatures))

    for block in batch.blocks:
        byte, high = divmod(index - block.first, 2)
        if 0 <= byte < len(block.words):
            yield touch(STATES[block.words[byte] >> 4 if high else block.words[byte] & 0x0F])
    for group in batch.groups:
        at = bisect_left(group.indices, index)
        if at < len(group.indices) and group.indices[at] == index:
            yield touch(STATES[group.word], group.authority, group.reason_class, group.corrects)
    if batch.closing:
        yield touch(None)


def _evidence(config: Config, touches: Sequence[Touch]) -> Mapping[int, Evidence]:
    """Return the proved entry of each batch that has one under the current head, by the batch's number."""
    if config.audit is None:
        raise AssertionError
    folder = log_folder(config.audit.directory, LogName.CHANGES)
    head, tiles = tiles_of_log("appeal", folder, [_key(config)])
    wanted = {touch.digest.encode("ascii"): touch.number for touch in touches}
    found: dict[int, Evidence] = {}
    try:
        for index, raw in _entries(folder, head.size):
            digest = _DIGEST.search(raw)
            number = None if digest is None else wanted.get(digest[1])
            if number is not None and number not in found:
                found[number] = _proved(head, tiles, index, raw)
    except LogUnusable as unusable:
        end("appeal", NOT_VALID, str(unusable))
    return found


def _key(config: Config) -> NoteVerifier:
    if config.audit is None:
        raise AssertionError
    try:
        signer = load_audit_signer(config.audit)
        return NoteSigner(log_origin(config.audit.origin, LogName.CHANGES), signer).verifier
    except (StartRefused, NoteRefused) as refused:
        refuse("appeal", str(refused))


def _entries(folder: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield index and bytes of all entries that are kept. Raises: LogUnusable."""
    for bundle in tiles_of(size, None):
        entries = read_bundle(folder, bundle)
        yield from enumerate(entries or (), bundle.first)


def _proved(head: Checkpoint, tiles: TileReader, index: int, raw: bytes) -> Evidence:
    try:
        entry = read_entry(raw).entry
    except EntryInvalid as strange:
        end("appeal", NOT_VALID, f"entry {index}: {strange}")
    if not isinstance(entry, ColourEntry):
        end("appeal", NOT_VALID, f"entry {index} is of another kind")
    proof = write_proof(head, index, inclusion_path(tiles, index), raw)
    return Evidence(index, Instant(entry.at / 1_000), entry.delivered_by or "", proof)


def _print(name: ListName, touches: Sequence[Touch], evidence: Mapping[int, Evidence]) -> None:
    typer.secho(f"{len(touches)} changes of this place in {_safe(name.uri)} of {_safe(name.issuer)}", bold=True)
    for touch in touches:
        state = "closed: unknown" if touch.state is None else touch.state.name
        typer.echo(f"{format_instant(touch.issued)}  batch {touch.number}  {state}")
        if touch.authority:
            typer.echo(f"  ordered by    {_safe(touch.authority)}")
        if touch.reason_class is not None:
            typer.echo(f"  reason        {touch.reason_class.name}")
        if touch.corrects is not None:
            typer.echo(f"  corrects      batch {touch.corrects}")
        typer.echo(f"  signed by     {touch.signatures} {'key' if touch.signatures == 1 else 'keys'} of the issuer")
        found = evidence.get(touch.number)
        if found is None:
            typer.secho("  audit entry   none under the current head", fg="red")
        else:
            by = _safe(found.delivered_by) or "not known"
            typer.echo(f"  delivered by  {by}")
            typer.echo(f"  audit entry   {found.index}, written {format_instant(found.written)}, proved")


def _safe(text: str) -> str:
    # Issuers choose what stands there, and it goes to a terminal.
    return json.dumps(text, ensure_ascii=not text.isprintable())[1:-1]


def _as_json(touches: Sequence[Touch], evidence: Mapping[int, Evidence]) -> dict[str, object]:
    changes: list[dict[str, object]] = []
    for touch in touches:
        found = evidence.get(touch.number)
        changes.append(
            {
                "batch": touch.number,
                "digest": touch.digest,
                "issued": format_instant(touch.issued),
                "state": None if touch.state is None else touch.state.name,
                "authority": touch.authority or None,
                "reason_class": None if touch.reason_class is None else touch.reason_class.name,
                "corrects": touch.corrects,
                "signatures": touch.signatures,
                "delivered_by": None if found is None else found.delivered_by or None,
                "entry": None if found is None else found.index,
                "written": None if found is None else format_instant(found.written),
                "proof": None if found is None else found.proof.decode("utf-8"),
            }
        )
    return {"changes": changes}


def _write(folder: Path, touches: Sequence[Touch], evidence: Mapping[int, Evidence]) -> None:
    """Write the proofs, named after their batches."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for touch in touches:
            if touch.number in evidence:
                (folder / f"batch-{touch.number}.tlog-proof").write_bytes(evidence[touch.number].proof)
    except OSError as failed:
        end("appeal", NOT_VALID, f"{folder}: {failed.strerror}")
