"""`hcgw audit prove`, `check-proof`, `compare`: what can be shown to somebody else."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.audit.compare import Relation, compare_heads
from gateway.audit.faults import LogUnusable
from gateway.audit.proofs import MAX_PROOF_BYTES, ProofFault, ProofRefused, inclusion_path, write_proof
from gateway.audit.proofs import check_proof as check
from gateway.audit.reading import read_bundle
from gateway.audit.tiles import tile_at
from gateway.audit.tree import TILE_LEVELS, TILE_WIDTH, leaf_hash

from .audit_head import NOT_VALID, UNKNOWN, VALID, Folder, Vkeys, end, head_of, note_keys, read, refuse, tiles_of_log

PROOF_SENTENCES: Final = {
    ProofFault.MALFORMED: "this is no proof",
    ProofFault.UNKNOWN_KEY: "none of the given keys signed its head",
    ProofFault.BAD_SIGNATURE: "the log's key did not sign its head: it is forged or altered",
    ProofFault.WRONG_ORIGIN: "its head is another log's",
    ProofFault.NO_ENTRY: "it carries no entry: give one with --entry",
    ProofFault.NOT_INCLUDED: "it does not lead from this entry to the head",
}
PROOF_STATUS: Final = {ProofFault.UNKNOWN_KEY: UNKNOWN, ProofFault.WRONG_ORIGIN: UNKNOWN, ProofFault.NO_ENTRY: UNKNOWN}

RELATION_SENTENCES: Final = {
    Relation.SAME: "both are the same head",
    Relation.CONSISTENT: "the longer goes on from the shorter",
    Relation.FORKED: "both cannot be true: the log has signed two histories",
    Relation.OTHER_LOG: "they are of two logs",
    Relation.UNPROVEN: "nothing that is at hand reaches to both: give a log's folder with --log",
}
RELATION_STATUS: Final = {Relation.SAME: VALID, Relation.CONSISTENT: VALID, Relation.FORKED: NOT_VALID}


def prove(
    folder: Folder,
    index: Annotated[int, typer.Argument(min=0, help="Which entry, from 0.")],
    vkey: Vkeys,
    with_entry: Annotated[
        bool, typer.Option("--with-entry/--without-entry", help="Put the entry itself into the proof.")
    ] = True,
) -> None:
    """Print the proof that an entry is in the log: a text that anybody checks offline. Nothing else is told with it.

    Also for an entry that was forgotten: then whoever still has it can prove it. Exit status: 0 printed, 1 the log is
    not whole there, 2 usage, 3 no key for it.

    For example:

      hcgw audit prove /var/lib/hcgw/audit/decisions 4711 --vkey decisions.vkey > 4711.tlog-proof
    """
    head, tiles = tiles_of_log("prove", folder, note_keys("prove", vkey))
    if index >= head.size:
        refuse("prove", f"the head is over {head.size} entries: the last one is {head.size - 1}")
    try:
        path = inclusion_path(tiles, index)
        leaf = tiles.tile(0, index >> TILE_LEVELS)[index % TILE_WIDTH]
        entries = read_bundle(folder, tile_at(head.size, None, index >> TILE_LEVELS)) if with_entry else None
    except LogUnusable as unusable:
        end("prove", NOT_VALID, str(unusable))
    entry = None
    if entries is not None:
        at = index % TILE_WIDTH
        entry = entries[at] if at < len(entries) else b""
        if leaf_hash(entry) != leaf:
            end("prove", NOT_VALID, f"entry {index} is not what was signed for: see hcgw audit verify")
    elif with_entry:
        typer.secho(f"hcgw audit prove: entry {index} is not there any more; the proof is without it", err=True)
    typer.echo(write_proof(head, index, path, entry).decode(), nl=False)


def check_proof(
    proof: Annotated[str, typer.Argument(metavar="FILE|-", help="The proof; - reads it from stdin.")],
    vkey: Vkeys,
    entry: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The entry that must be included, its bytes as they are.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was proved as JSON.")] = False,
) -> None:
    """Check the proof that an entry is in a log. Exit status: 0 it is, 1 it proves nothing, 2 usage, 3 no key for it.

    For example:

      hcgw audit check-proof 4711.tlog-proof --vkey decisions.vkey
    """
    keys = note_keys("check-proof", vkey)
    data = sys.stdin.buffer.read(MAX_PROOF_BYTES + 1) if proof == "-" else read("check-proof", Path(proof))
    given = None if entry is None else read("check-proof", entry)
    try:
        found = check(data, keys, entry=given)
    except ProofRefused as refused:
        if as_json:
            typer.echo(json.dumps({"included": False, "fault": refused.fault.value}))
        else:
            typer.secho(refused.fault.name, bold=True)
            typer.echo(f"  {PROOF_SENTENCES[refused.fault]}")
        raise typer.Exit(PROOF_STATUS.get(refused.fault, NOT_VALID)) from None
    if as_json:
        said = base64.b64encode(found.entry).decode()
        members = {"included": True, "origin": found.head.origin, "size": found.head.size, "index": found.index}
        typer.echo(json.dumps({**members, "entry": said}))
        return
    typer.secho("INCLUDED", bold=True)
    typer.echo(f"{'log':10} {json.dumps(found.head.origin)[1:-1]}")
    typer.echo(f"{'entry':10} {found.index} of {found.head.size}")
    # As JSON: whoever made the entry may have written what a terminal must not be sent.
    typer.echo(f"{'says':10} {json.dumps(found.entry.decode('ascii', 'backslashreplace'))}")


def compare(
    one: Annotated[Path, typer.Argument(metavar="HEAD", help="A signed head: a file, or a log's folder.")],
    other: Annotated[Path, typer.Argument(metavar="HEAD", help="The other one.")],
    vkey: Vkeys,
    log: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="A log whose tiles may prove it. Repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON, with the proof.")] = False,
) -> None:
    """Compare two heads of a log, as two readers have them. Exit status: 0 consistent, 1 forked, 2 usage, 3 not proven.

    Heads of one size are compared by themselves; of two sizes the tiles of the log, or of a copy of it, decide.

    For example:

      hcgw audit compare /srv/heads/decisions /var/lib/hcgw/audit/decisions --vkey decisions.vkey
    """
    keys = note_keys("compare", vkey)
    first, second = (head_of("compare", place, keys) for place in (one, other))
    found = compare_heads(first, second)
    for folder in [place for place in (*(log or ()), one, other) if place.is_dir()]:
        if found.relation is not Relation.UNPROVEN:
            break
        _, tiles = tiles_of_log("compare", folder, keys)
        try:
            found = compare_heads(first, second, tiles)
        except LogUnusable as unusable:
            end("compare", NOT_VALID, str(unusable))
    if as_json:
        proof = [base64.b64encode(node).decode() for node in found.proof]
        sizes = {"sizes": [first.size, second.size], "proof": proof}
        typer.echo(json.dumps({"relation": found.relation.value, **sizes}))
    else:
        typer.secho(found.relation.name, bold=True)
        typer.echo(f"  {RELATION_SENTENCES[found.relation]}")
        typer.echo(f"{'sizes':10} {first.size} and {second.size}")
    raise typer.Exit(RELATION_STATUS.get(found.relation, UNKNOWN))
