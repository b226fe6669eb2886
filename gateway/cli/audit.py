"""`hcgw audit`: is a log what was signed, and what does it say. Offline; docs/audit.md has the form."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.disk import Disk
from gateway.audit.entries import LogName
from gateway.audit.faults import Finding, LogFault, Place
from gateway.audit.verification import Report, verify_log
from gateway.instants import format_instant
from gateway.recording.keeping import log_origin
from keys.notes import NoteRefused, NoteSigner
from keys.signer import SignerUnavailable, open_signer

from .audit_appeal import appeal
from .audit_head import NOT_VALID, UNKNOWN, Folder, Vkeys, end, note_keys, read, refuse
from .audit_proof import check_proof, compare, prove
from .audit_show import show

UNJUDGED: Final = frozenset({LogFault.CHECKPOINT_KEY, LogFault.CHECKPOINT_ORIGIN})
"""Faults of the asker, perhaps: another key, or another log."""

SENTENCES: Final = {
    LogFault.IN_USE: "another process writes this log",
    LogFault.UNREADABLE: "the system refuses to read this, or it is no plain file of a log's size",
    LogFault.STRAY: "this file belongs to no log",
    LogFault.CHECKPOINT_MISSING: "there is no signed head: this is no log, or its head was taken away",
    LogFault.CHECKPOINT_MALFORMED: "this is no signed head",
    LogFault.CHECKPOINT_SIGNATURE: "the log's key did not sign this head: it is forged or altered",
    LogFault.CHECKPOINT_KEY: "none of the given keys signed this head",
    LogFault.CHECKPOINT_ORIGIN: "this head is another log's",
    LogFault.ROOT_MISMATCH: "the entries and hashes there do not lead to the signed head",
    LogFault.ROLLED_BACK: "these entries were signed for earlier, and are gone",
    LogFault.FORKED: "this earlier head is not continued by the log: two histories were signed",
    LogFault.TILE_MISSING: "these hashes are gone",
    LogFault.TILE_SIZE: "these hashes are cut off, or something was added to them",
    LogFault.TILE_ALTERED: "these hashes are not those that were signed for",
    LogFault.BUNDLE_MISSING: "these entries are gone, and no statement says that they were forgotten",
    LogFault.BUNDLE_MALFORMED: "lengths and entries do not fit from here on",
    LogFault.ENTRY_ALTERED: "this is not what was signed for",
    LogFault.ENTRY_DROPPED: "an entry was taken out here",
    LogFault.ENTRY_INSERTED: "this was put in here: it was never signed for at this place",
    LogFault.ENTRIES_REORDERED: "entries have changed places",
    LogFault.ENTRIES_TRUNCATED: "the last entries are gone",
    LogFault.UNDETERMINED: "entries and hashes contradict one another; which is genuine cannot be told",
    LogFault.JOURNAL_MISSING: "the journal is gone, with what was in no tile yet",
    LogFault.JOURNAL_DAMAGED: "the journal is broken here, with whole records behind it: no crash does that",
    LogFault.JOURNAL_SHORT: "the journal ends before entries that were signed for",
    LogFault.JOURNAL_AHEAD: "the journal begins behind the signed head: an older head was put back",
    LogFault.JOURNAL_DIFFERS: "the journal says something else than the signed entries",
    LogFault.STATEMENT_UNPROVEN: "the log's key did not sign this statement of what was forgotten",
}

app = typer.Typer(name="audit", no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def audit() -> None:
    """Check, show and prove what stands in the audit log.

    For example:

      hcgw audit verify /var/lib/hcgw/audit/decisions --vkey decisions.vkey
    """


app.command("show")(show)
app.command("prove")(prove)
app.command("check-proof")(check_proof)
app.command("compare")(compare)
app.command("appeal")(appeal)


@app.command("key")
def key(
    signer: Annotated[str, typer.Option(metavar="URI", help="audit.signer: as in file:keys/audit.key.pem.")],
    origin: Annotated[str, typer.Option(metavar="NAME", help="audit.origin: as in gateway.example/node-1.")],
) -> None:
    """Print the public keys of the two logs, one line each, for whoever checks them.

    For example:

      hcgw audit key --signer file:keys/audit.key.pem --origin gateway.example/node-1
    """
    try:
        opened = open_signer(signer)
        for log in LogName:
            typer.echo(NoteSigner(log_origin(origin, log), opened).verifier.vkey)
    except SignerUnavailable as unavailable:
        refuse("key", str(unavailable))
    except NoteRefused as refused:
        refuse("key", f"this signer, or this origin, signs no heads: {refused.fault.value}")


@app.command("verify")
def verify(
    folder: Folder,
    vkey: Vkeys,
    earlier: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A head that was kept elsewhere: the log must go on from it. Repeatable."),
    ] = None,
    remember: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The head of the last check, as --earlier; renewed if the log is whole."),
    ] = None,
    origin: Annotated[str | None, typer.Option(metavar="NAME", help="The log's name; default: the key's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Check a whole log, also while a gateway writes it. Exit status: 0 whole, 1 not whole, 2 usage, 3 no key for it.

    Hashes every entry anew, and names what is altered, missing, added or out of order, with its place. Keep the head of
    each check on another machine (--remember): only that tells whether the whole folder was put back to an earlier day.

    For example:

      hcgw audit verify /var/lib/hcgw/audit/decisions --vkey decisions.vkey --remember /srv/heads/decisions
    """
    heads = {str(file): read("verify", file) for file in earlier or ()}
    if remember is not None and remember.exists():
        heads[str(remember)] = read("verify", remember)
    report = verify_log(folder, note_keys("verify", vkey), origin=origin, earlier=heads)
    if as_json:
        typer.echo(json.dumps(_as_json(report)))
    else:
        _print(report)
    if report.is_whole:
        if remember is not None and report.head is not None:
            _keep(remember, report.head)
        return
    unjudged = report.head is None and report.findings[0].fault in UNJUDGED
    raise typer.Exit(UNKNOWN if unjudged else NOT_VALID)


def _keep(file: Path, head: Checkpoint) -> None:
    try:
        Disk().put_all([(file, head.note)])
    except OSError as failed:
        end("verify", UNKNOWN, f"the log is whole, but its head cannot be kept in {file}: {failed.strerror}")


def _print(report: Report) -> None:
    typer.secho("WHOLE" if report.is_whole else "NOT WHOLE", bold=True)
    if report.head is not None:
        typer.echo(f"{'log':10} {report.head.origin}")
        typer.echo(f"{'head':10} {report.head.size} entries, root {base64.b64encode(report.head.root).decode()}")
        typer.echo(f"{'checked':10} {report.checked} entries")
    if report.forgotten is not None and report.forgotten.at is not None:
        since = format_instant(report.forgotten.at)
        typer.echo(f"{'forgotten':10} {report.forgotten.before} entries, by a signed statement of {since}")
    if report.unsigned:
        typer.echo(f"{'journal':10} {report.unsigned} entries behind the head: durable, not signed for yet")
    if report.torn is not None:
        typer.echo(f"{'torn':10} {report.torn}: a write that was not finished, or is going on; never acknowledged")
    for found in report.findings:
        typer.secho(f"{found.fault.name} {_shown(found.place)}", fg="red")
        typer.echo(f"  {SENTENCES[found.fault]}")


def _shown(place: Place) -> str:
    # As JSON: whoever put a file there chose its name, and it goes to a terminal.
    return json.dumps(str(place))[1:-1]


def _as_json(report: Report) -> dict[str, object]:
    head, forgotten = report.head, report.forgotten
    return {
        "whole": report.is_whole,
        "origin": None if head is None else head.origin,
        "size": None if head is None else head.size,
        "root": None if head is None else base64.b64encode(head.root).decode(),
        "checked": report.checked,
        "forgotten": 0 if forgotten is None else forgotten.before,
        "unsigned": report.unsigned,
        "torn": None if report.torn is None else report.torn.offset,
        "findings": [_finding(found) for found in report.findings],
    }


def _finding(found: Finding) -> dict[str, object]:
    place = found.place
    return {
        "fault": found.fault.value,
        "file": place.file,
        "first": place.first,
        "end": place.end,
        "offset": place.offset,
    }
