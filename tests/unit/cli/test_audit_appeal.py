"""`hcgw audit appeal`: which batches touched a place, and what is said where that cannot be known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.audit.entries import LogName
from gateway.audit.log import AuditLog
from gateway.changes import Block, ListName, SignedBatch, StoreDegraded
from gateway.cli import audit_appeal
from gateway.cli.audit_appeal import touches_of
from gateway.cli.main import app
from gateway.recording.keeping import log_folder, log_origin
from gateway.rpc.status_convert import WIRE
from gateway.status import words
from gateway.store.change_log import ListRow, LoggedBatch
from gateway.store.open import StoreUnavailable
from gateway.values import CodeState, Instant
from keys.notes import NoteSigner
from keys.signer import generate_dev_key
from keys.values import Algorithm
from tests.simulators.signing import make_key
from tests.simulators.status_issuer import StatusIssuer
from tests.unit.test_config import MINIMAL

AT = Instant(1_800_000_000.0)
KEYS = (make_key(Algorithm.ED25519, "gz-1"),)
GZ, URI = "https://gz.example", "https://gz.example/1"
CONFIG = """
[status]
directory = "status"
signer = "file:status.key.pem"
issuer = "https://gateway.test/status"
[audit]
directory = "audit"
origin = "gw.test/1"
signer = "file:audit.key.pem"
"""


def province() -> StatusIssuer:
    return StatusIssuer.make(GZ, URI, KEYS, 1_024)


@dataclass
class FakeStore:
    """A store of batches, as far as it goes."""

    batches: list[SignedBatch] = field(default_factory=list)
    base: int = 0
    broken: bool = False
    fails: bool = False
    closed: bool = False

    async def lists(self) -> Sequence[ListRow]:
        if self.fails:
            raise StoreDegraded("away")
        last = WIRE.read_batch(self.batches[-1].body)
        return [ListRow(last.name, 1_024, AT, self.base, last.number, self.batches[-1].digest, AT)]

    async def read(self, name: ListName, after: int, most_bytes: int) -> Sequence[LoggedBatch]:
        kept = [one for one in self.batches if WIRE.read_batch(one.body).number > max(after, self.base)]
        return [
            LoggedBatch(name, WIRE.read_batch(one.body).number, one.digest, self._raw(one), AT, AT) for one in kept[:2]
        ]

    async def close(self) -> None:
        self.closed = True

    def _raw(self, one: SignedBatch) -> bytes:
        return b"\xff" if self.broken else WIRE.write_signed(one)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A gateway's folder with an empty audit log."""
    (tmp_path / "hcgw.toml").write_text(MINIMAL + CONFIG)
    name = log_origin("gw.test/1", LogName.CHANGES)
    signer = NoteSigner(name, generate_dev_key(tmp_path / "audit.key.pem"))
    AuditLog.open(log_folder(tmp_path / "audit", LogName.CHANGES), origin=name, signer=signer).close()
    return tmp_path


def asked(home: Path, monkeypatch: pytest.MonkeyPatch, store: FakeStore | None) -> tuple[int, str]:
    """Return exit status and output of the command about place 7."""

    async def opened(_: str) -> FakeStore:
        if store is None:
            raise StoreUnavailable("no such file")
        return store

    monkeypatch.setattr(audit_appeal, "open_beside", opened)
    command = ["audit", "appeal", "--config", str(home / "hcgw.toml"), "--issuer", GZ, "--list", URI, "--index", "7"]
    done = CliRunner().invoke(app, command)
    return done.exit_code, done.output


def test_a_batch_touches_the_places_that_it_names_fills_or_closes() -> None:
    gz = province()
    opening = gz.open(AT)
    filled = gz.change({}, AT, blocks=(Block(6, bytes([words.GREEN | words.RED << 4, 0xFF])),))
    named = gz.change({words.RED: [3, 7, 9]}, AT)
    closed = gz.close(AT)

    def states(signed: SignedBatch, index: int) -> list[CodeState | None]:
        return [one.state for one in touches_of(WIRE.read_batch(signed.body), signed, index)]

    assert states(opening, 7) == []
    assert [states(filled, index) for index in (5, 6, 7, 8, 10)] == [
        [], [CodeState.GREEN], [CodeState.RED], [CodeState.UNKNOWN], [],
    ]  # fmt: skip
    assert [states(named, index) for index in (3, 5, 7, 10)] == [[CodeState.RED], [], [CodeState.RED], []]
    assert states(closed, 1_000) == [None]


def test_an_entry_that_is_not_there_is_told_and_the_answer_still_given(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gz = province()
    store = FakeStore([gz.open(AT), gz.change({words.RED: [7]}, AT), gz.change({words.GREEN: [7]}, AT)])
    status, out = asked(home, monkeypatch, store)
    assert status == 1
    assert out.count("none under the current head") == 2
    assert "city command centre" in out
    assert store.closed


@pytest.mark.parametrize(("base", "last", "why"), [(1, 3, "before number 2"), (3, 3, "before number 4")])
def test_a_log_that_does_not_reach_back_answers_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, base: int, last: int, why: str
) -> None:
    gz = province()
    batches = [gz.open(AT), *(gz.change({words.RED: [7]}, AT) for _ in range(last - 1))]
    status, out = asked(home, monkeypatch, FakeStore(batches, base=base))
    assert status == 3
    assert why in out
    assert "RED" not in out


def test_a_store_that_cannot_be_read_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [province().open(AT)]
    for store, why in (
        (None, "no such file"),
        (FakeStore(batches, fails=True), "away"),
        (FakeStore(batches, broken=True), "cannot be read"),
    ):
        status, out = asked(home, monkeypatch, store)
        assert status == 3
        assert why in out


def test_a_log_of_another_key_proves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "audit.key.pem").unlink()
    generate_dev_key(home / "audit.key.pem")
    gz = province()
    assert asked(home, monkeypatch, FakeStore([gz.open(AT), gz.change({words.RED: [7]}, AT)]))[0] == 3
    (home / "audit.key.pem").unlink()
    assert asked(home, monkeypatch, FakeStore([province().open(AT)]))[0] == 2


def test_what_an_issuer_wrote_harms_no_terminal() -> None:
    assert audit_appeal._safe("office \x1b[31m") == "office \\u001b[31m"
    assert audit_appeal._safe("杭州") == "杭州"
