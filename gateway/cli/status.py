"""`hcgw status`: publish lists of live status to a gateway on this machine, see which it holds, and watch codes.

Plaintext, so loopback or a socket file only. Nothing of a code is printed but its handle.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn, TypeVar

import typer

from gateway.changes import MAX_CAPACITY, BatchRefusal, BatchRefused, ListName, StoreDegraded
from gateway.divisions import is_division
from gateway.instants import format_instant, now
from gateway.values import DivisionCode, Instant, IssuerId, Profile, Purpose
from keys.signer import Signer, SignerUnavailable, open_signer

from .status_changes import MAX_CHANGES_BYTES, ChangesFile, ChangesInvalid, read_changes
from .status_watch import CodesInvalid, Watching, codes_of, watch_until

if TYPE_CHECKING:
    from gateway.rpc.status_client import HeldList, StatusClient

T = TypeVar("T")

REFUSED: Final = 1
USAGE: Final = 2
NO_ANSWER: Final = 3
PURPOSES: Final = {known.name.lower(): known for known in Purpose}

app = typer.Typer(name="status", no_args_is_help=True, rich_markup_mode=None)

To = Annotated[str, typer.Option(metavar="HOST:PORT|unix:PATH", help="The gateway's status.listen, or its socket.")]
IssuerName = Annotated[str, typer.Option(metavar="NAME", help="Whose list, as in codes and on trust lists.")]
Uri = Annotated[str, typer.Option(metavar="URI", help="The list's address, as in the codes that point to it.")]
SignerUri = Annotated[str, typer.Option(metavar="URI", help="The issuer's private key, as in file:issuer.key.pem.")]
SecondSigner = Annotated[
    str | None, typer.Option(metavar="URI", help="Another key of the issuer's: many places need two people.")
]
DEFAULT_TO: Final = "127.0.0.1:8444"


@app.callback()
def status() -> None:
    """Publish lists of live status, see which a gateway holds, and watch codes.

    For example:

      hcgw status lists --to 127.0.0.1:8444
    """


@app.command("lists")
def lists(
    to: To = DEFAULT_TO, as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False
) -> None:
    """Show the lists that a gateway holds. Exit status: 0 done, 3 no answer.

    The age is that of the last batch: what is in the list is as old as that.

    For example:

      hcgw status lists --to unix:/var/lib/hcgw/status/keeper.sock --json
    """
    held = _asked(to, lambda client: client.lists())
    at = now()
    if as_json:
        typer.echo(json.dumps([_as_json(one, at) for one in held], ensure_ascii=False, separators=(",", ":")))
    else:
        for row in _columns([("issuer", "address", "capacity", "number", "age", ""), *(_row(one, at) for one in held)]):
            typer.echo(row)


@app.command("open")
def open_list(
    signer: SignerUri,
    issuer: IssuerName,
    uri: Uri,
    capacity: Annotated[int, typer.Option(min=2, max=MAX_CAPACITY, help="Places, an even number.")],
    to: To = DEFAULT_TO,
    second_signer: SecondSigner = None,
) -> None:
    """Open a list: number 1, in which every place reads unknown. Its address is never used again.

    Exit status: 0 it is held, 1 the gateway refuses it, 2 usage, 3 no answer.

    For example:

      hcgw status open --signer file:key.pem --issuer https://code.example --uri https://code.example/2 --capacity 1000
    """
    if capacity % 2:
        _stop("--capacity must be an even number", USAGE)
    task = _Publishing(to, _name(issuer, uri), _signers(signer, second_signer))
    task.publish(opens=capacity)
    typer.echo(f"opened: {uri}, {capacity} places, all unknown")


@app.command("publish")
def publish(
    signer: SignerUri,
    issuer: IssuerName,
    uri: Uri,
    changes: Annotated[
        Path | None, typer.Argument(metavar="CHANGES.json", help="What changes, docs/live-status.md, 8a.")
    ] = None,
    to: To = DEFAULT_TO,
    second_signer: SecondSigner = None,
    heartbeat: Annotated[bool, typer.Option("--heartbeat", help="Change nothing: a sign of life.")] = False,
) -> None:
    """Sign and publish the next batch of a list, going on from what the gateway holds.

    Exit status: 0 it is held, 1 the gateway refuses it, 2 usage or a fault in the file, 3 no answer.

    For example:

      hcgw status publish --signer file:key.pem --issuer https://code.example --uri https://code.example/2 changes.json
    """
    if (changes is None) is not heartbeat:
        _stop("give either CHANGES.json or --heartbeat", USAGE)
    task = _Publishing(to, _name(issuer, uri), _signers(signer, second_signer), changes)
    number = task.publish()
    typer.echo(
        f"held: number {number} of {uri}, {f'{task.places} places changed' if task.places else 'a sign of life'}"
    )


@app.command("close")
def close(
    signer: SignerUri, issuer: IssuerName, uri: Uri, to: To = DEFAULT_TO, second_signer: SecondSigner = None
) -> None:
    """Close a list for good: every place reads unknown from now on.

    Exit status: 0 it is held, 1 the gateway refuses it, 2 usage, 3 no answer.

    For example:

      hcgw status close --signer file:key.pem --issuer https://code.example --uri https://code.example/1
    """
    task = _Publishing(to, _name(issuer, uri), _signers(signer, second_signer))
    typer.echo(f"closed: {uri}, number {task.publish(closing=True)}")


@app.command("watch")
def watch(
    codes: Annotated[
        list[str], typer.Argument(metavar="CODE...|-", help="Codes; - reads them from stdin, one a line.")
    ],
    to: To = DEFAULT_TO,
    division: Annotated[str | None, typer.Option(metavar="CODE", help="Receiving division, six digits.")] = None,
    purpose: Annotated[str, typer.Option(help=f"Why you ask: {', '.join(PURPOSES)}.")] = "transport_arrival",
    staff: Annotated[bool, typer.Option("--staff", help="Ask for the STAFF profile.")] = False,
    count: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after N events.")] = None,
) -> None:
    """Tell what each code is told now, and a line more whenever that changes, until you interrupt it.

    A code is called by its place in the command, or in what was read: 1, 2, 3. One that points to no list that is held
    is told once. Exit status: 0 ended by you or by --count, 2 usage, 3 no answer, or the gateway ended it.

    For example:

      hcgw status watch --to 127.0.0.1:8444 --division 330000 - < codes.txt
    """
    if purpose not in PURPOSES:
        _stop(f"--purpose must be one of {', '.join(PURPOSES)}", USAGE)
    if division is not None and not is_division(division):
        _stop("--division must be six digits of GB/T 2260", USAGE)
    try:
        watched = codes_of(codes)
    except CodesInvalid as invalid:
        _stop(str(invalid), USAGE)
    where = None if division is None else DivisionCode(division)
    terms = Watching(PURPOSES[purpose], where, Profile.STAFF if staff else Profile.GATE)
    try:
        ended = _asked(to, lambda client: watch_until(client, watched, terms, count, typer.echo))
    except KeyboardInterrupt:
        return
    if not ended:
        _stop("the gateway ended the watch", NO_ANSWER)


@dataclass(slots=True)
class _Publishing:
    """The next batch of one list."""

    to: str
    name: ListName
    signers: tuple[Signer, ...]
    file: Path | None = None
    places: int = 0

    def publish(self, *, opens: int | None = None, closing: bool = False) -> int:
        """Publish it and return its number once it is held; what keeps it from that ends the command."""
        changes = None if self.file is None else _read_changes(self.file)
        self.places = 0 if changes is None else sum(len(group.indices) for group in changes.groups)

        async def work(client: StatusClient) -> int:
            from gateway.rpc.publish_next import held_list, last_batch, publish_next

            held = await held_list(client, self.name)
            if opens is not None and held is not None:
                _stop("the gateway holds a list of this name, or did: open one under another address", REFUSED)
            if opens is None and held is None:
                _stop("the gateway holds no list of this name: see hcgw status lists", REFUSED)
            groups = () if changes is None else changes.groups
            last = last_batch(held)
            done = await publish_next(
                client, self.name, last, self.signers, now(), capacity=opens, groups=groups, closing=closing
            )
            return done.number

        try:
            return _asked(self.to, work)
        except BatchRefused as refused:
            _stop(self._told(refused, changes), REFUSED)
        except StoreDegraded:
            _stop("STORE_DEGRADED: the gateway cannot write now; nothing was taken, publish it again", NO_ANSWER)

    def _told(self, refused: BatchRefused, changes: ChangesFile | None) -> str:
        line = None if changes is None else changes.line_of(refused.field)
        why = str(refused) if line is None else f"{self.file}: line {line}: {refused.field}: {refused.refusal.value}"
        if refused.refusal is BatchRefusal.SECOND_SIGNATURE_REQUIRED:
            return f"{why}: so many places need a second person (--second-signer)"
        return f"{why} (docs/live-status.md, 2)"


def _asked(to: str, work: Callable[[StatusClient], Awaitable[T]]) -> T:
    """Return what comes of `work` with a client of the gateway. No answer ends the command."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from gateway.rpc.client import AskingFailed
    from gateway.rpc.status_client import connected_status

    async def asking() -> T:
        async with connected_status(to) as client:
            return await work(client)

    try:
        return asyncio.run(asking())
    except AskingFailed as failed:
        _stop(str(failed), NO_ANSWER)


def _name(issuer: str, uri: str) -> ListName:
    if not uri.startswith("https://"):
        _stop("--uri must be an https:// address, as codes have it", USAGE)
    return ListName(IssuerId(issuer), uri)


def _signers(first: str, second: str | None) -> tuple[Signer, ...]:
    try:
        signers = tuple(open_signer(uri) for uri in (first, second) if uri is not None)
    except SignerUnavailable as refused:
        _stop(str(refused), USAGE)
    if len({one.key_id for one in signers}) < len(signers):
        _stop("--second-signer is the key of --signer: a second person has another key", USAGE)
    return signers


def _read_changes(file: Path) -> ChangesFile:
    try:
        with file.open("rb") as opened:
            return read_changes(opened.read(MAX_CHANGES_BYTES + 1))
    except OSError as failed:
        _stop(f"{file}: {failed.strerror}", USAGE)
    except ChangesInvalid as invalid:
        _stop(f"{file}: {invalid}", USAGE)


def _as_json(held: HeldList, at: Instant) -> dict[str, object]:
    return {
        "issuer": held.name.issuer,
        "uri": held.name.uri,
        "capacity": held.capacity,
        "number": held.number,
        "batch_digest": held.digest.hex(),
        "issue_time": format_instant(held.issued),
        "age_s": round(at - held.issued, 3),
        "closed": held.closed,
    }


def _row(held: HeldList, at: Instant) -> tuple[str, ...]:
    age = f"{at - held.issued:.0f} s"
    name = held.name
    return name.issuer, name.uri, str(held.capacity), str(held.number), age, "closed" if held.closed else ""


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows whose columns stand below each other, numbers to the right. Nothing is cut off: it may be piped."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = (2, 3, 4)
    return [
        "  ".join(
            text.rjust(width) if place in numbers else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _stop(why: str, exit_status: int) -> NoReturn:
    typer.secho(f"hcgw status: {why}", err=True)
    raise typer.Exit(exit_status)
