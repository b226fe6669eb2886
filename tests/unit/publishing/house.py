"""A ledger with real files, a log in memory, and a province that publishes to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.changes import BatchRefusal, BatchRefused, ListName, SignedBatch
from gateway.held.list_files import ListFiles
from gateway.held.mapped_lists import MappedLists
from gateway.publishing.ledger import Ledger
from gateway.publishing.observer import NobodyObserves, SetAside, Source
from gateway.publishing.settings import LedgerSettings
from gateway.rpc.status_convert import WIRE
from gateway.store.change_log import ChangeLog
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Algorithm, Format, Instant, IssuerId, IssuerProfile, StatusPointer
from keys.ring import KeyRing
from tests.conftest import FakeClock
from tests.simulators.signing import SigningKey, make_key
from tests.simulators.status_issuer import StatusIssuer

ISSUER = "https://health.zhejiang.example"
URI = "https://health.zhejiang.example/lists/1"

KEYS = (make_key(Algorithm.ED25519, "first"), make_key(Algorithm.ED25519, "second"))


def trust_of(
    keys: Iterable[SigningKey] = KEYS,
    *issuers: str,
    formats: Iterable[Format] = (Format.NATIVE,),
    expires: Instant | None = None,
) -> TrustSnapshot:
    """Return a snapshot in which all of `keys` are those of each of `issuers`."""
    names = [IssuerId(name) for name in issuers or (ISSUER,)]
    trusted = [key.trusted(name) for name in names for key in keys]
    profiles = {name: IssuerProfile(name, None, frozenset(formats)) for name in names}
    return TrustSnapshot(KeyRing(trusted), profiles, {}, expires=expires)


class Told(NobodyObserves):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.applied: list[tuple[ListName, int, float, Source]] = []
        self.repeated: list[ListName] = []
        self.refused: list[tuple[IssuerId | None, BatchRefusal]] = []
        self.contradicted: list[tuple[ListName, int]] = []
        self.aside: list[tuple[ListName, SetAside]] = []
        self.store: list[str] = []
        self.failures: list[Exception] = []
        self.lagged = 0
        self.adopted: list[tuple[ListName, int]] = []

    def batch_applied(self, name: ListName, changes: int, age_s: float, source: Source) -> None:
        self.applied.append((name, changes, age_s, source))

    def batch_repeated(self, name: ListName) -> None:
        self.repeated.append(name)

    def batch_refused(self, issuer: IssuerId | None, refusal: BatchRefusal) -> None:
        self.refused.append((issuer, refusal))

    def issuer_contradicts_itself(self, name: ListName, number: int, held: bytes, other: bytes) -> None:
        assert held != other
        self.contradicted.append((name, number))

    def list_adopted(self, name: ListName, number: int) -> None:
        self.adopted.append((name, number))

    def list_set_aside(self, name: ListName, why: SetAside) -> None:
        self.aside.append((name, why))

    def store_degraded(self, why: str) -> None:
        self.store.append("degraded")

    def store_well(self) -> None:
        self.store.append("well")

    def subscriber_lagged(self) -> None:
        self.lagged += 1

    def ledger_failed(self, failure: Exception) -> None:
        self.failures.append(failure)


@dataclass
class House:
    """One node: its ledger and how its workers see the lists."""

    folder: Path
    log: ChangeLog
    clock: FakeClock
    settings: LedgerSettings = field(default_factory=lambda: LedgerSettings(prune_s=0))
    trust: TrustSnapshot = field(default_factory=trust_of)
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self.files = self.make_files()
        self.ledger = Ledger(self.log, self.files, WIRE, lambda: self.trust, self.settings, self.clock, self.told)

    def make_files(self) -> ListFiles:
        """Return the folder as its writer sees it."""
        return ListFiles(self.folder)

    async def start(self) -> House:
        """Recover."""
        await self.ledger.recover()
        return self

    async def crash_and_start(self) -> House:
        """End without any goodbye, as kill -9 does, and start a new process on what is left."""
        for task in tuple(self.ledger._tasks):
            task.cancel()
        self.files.close()
        return await House(self.folder, self.log, self.clock, self.settings, self.trust).start()

    async def submit(self, signed: SignedBatch) -> tuple[int, bool]:
        """Submit at the clock's instant."""
        held, repeated = await self.ledger.submit(signed, self.clock())
        return held, repeated

    async def refusal(self, signed: SignedBatch) -> BatchRefused:
        """Return why a batch is refused, which must be."""
        try:
            await self.submit(signed)
        except BatchRefused as refused:
            return refused
        raise AssertionError("the batch was taken")

    def workers_read(self, province: StatusIssuer) -> bytes:
        """Return the whole raw list as a worker maps it."""
        return raw_of(self.folder, province.name)

    def look(self, province: StatusIssuer, index: int) -> object:
        """Return what a worker finds at one place, None if it finds no list."""
        found = MappedLists(self.folder).look_up(
            province.name.issuer, StatusPointer(province.name.uri, index), self.clock()
        )
        return None if found is None else found.state


def raw_of(folder: Path, name: ListName) -> bytes:
    """Return the raw words of a list's file, whether it is shown or not."""
    from gateway.held.layout import HEADER_BYTES, file_name

    return (folder / file_name(name)).read_bytes()[HEADER_BYTES:]


def province(uri: str = URI, capacity: int = 1_024, issuer: str = ISSUER) -> StatusIssuer:
    """Return a province whose list is not opened yet."""
    return StatusIssuer.make(issuer, uri, KEYS, capacity)
