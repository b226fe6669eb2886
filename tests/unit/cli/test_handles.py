"""hcgw handles: keys are made ahead, listed and destroyed, and none is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import handles as module
from gateway.cli.handles import app
from gateway.values import Instant
from keys.epoch_keys import EpochFolder, epoch_at
from tests.unit.test_config import MINIMAL

AT = Instant(1_700_000_000.0)
WEEK = 7 * 86_400
NOW = epoch_at(AT, WEEK)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "hcgw.toml"
    file.write_text(MINIMAL + '[handles]\nfolder = "keys"\n')
    monkeypatch.setattr(module, "now", lambda: AT)
    return file


def run(config: Path, *args: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, [args[0], "--config", str(config), *args[1:]])
    return done.exit_code, done.output


def test_keys_are_made_ahead_once(config: Path) -> None:
    assert run(config, "list")[0] == 1
    assert run(config, "make", "--epochs", "3") == (0, "3 keys made, 0 were there\n")
    assert run(config, "make", "--epochs", "4") == (0, "1 keys made, 3 were there\n")
    status, listed = run(config, "list")
    assert status == 0
    assert listed.splitlines()[:2] == [
        "2023-11-09T00:00:00Z to 2023-11-16T00:00:00Z  current",
        "2023-11-16T00:00:00Z to 2023-11-23T00:00:00Z",
    ]
    assert len(listed.splitlines()) == 4
    shown = listed.encode()
    for file in (config.parent / "keys").iterdir():
        assert file.read_bytes().hex().encode() not in shown
        assert file.read_bytes() not in shown


def test_ended_the_current_or_all_keys_are_destroyed(config: Path) -> None:
    folder = EpochFolder(config.parent / "keys")
    assert run(config, "make", "--epochs", "2")[0] == 0
    assert run(config, "destroy") == (0, "nothing to destroy\n")
    ended = epoch_at(Instant(AT - WEEK), WEEK)
    folder.key(ended, make=True)
    assert run(config, "destroy") == (0, "2023-11-02T00:00:00Z to 2023-11-09T00:00:00Z  destroyed\n")
    assert folder.epochs() == (NOW, NOW.next)
    status, told = run(config, "destroy", "--current")
    assert (status, len(told.splitlines())) == (0, 1)
    assert folder.epochs() == (NOW.next,)
    assert run(config, "list")[1].splitlines() == [
        "2023-11-16T00:00:00Z to 2023-11-23T00:00:00Z",
        "2023-11-09T00:00:00Z to 2023-11-16T00:00:00Z  current, without a key",
        "destroyed: all that ended by 2023-11-16T00:00:00Z",
    ]
    assert run(config, "make")[0] == 1
    assert run(config, "destroy", "--all")[0] == 0
    assert folder.epochs() == ()
    assert run(config, "make", "--epochs", "2")[0] == 1


def test_the_current_epoch_gets_no_key_after_it_was_destroyed_without_one(config: Path) -> None:
    EpochFolder(config.parent / "keys").open(AT)
    assert run(config, "destroy", "--current") == (0, "nothing to destroy\n")
    assert run(config, "make")[0] == 1


def test_what_cannot_be_used_is_told(config: Path) -> None:
    (config.parent / "keys").mkdir(mode=0o755)
    (config.parent / "keys").chmod(0o755)
    for command in ("make", "list", "destroy"):
        status, told = run(config, command)
        assert status == 1
        assert "must be 0700" in told
    config.write_text(MINIMAL)
    assert run(config, "list") == (2, "hcgw handles: the configuration has no [handles]\n")
    config.write_text("nonsense = 1")
    assert run(config, "list")[0] == 2
