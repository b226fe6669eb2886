"""`hcgw purge --everything`: all of it, after a question, and never somebody else's files or a running gateway's."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import purge as command
from gateway.cli.main import app
from gateway.cli.purge_places import Kept, PurgeRefused, check, delete, plan
from gateway.config import load
from gateway.held.list_files import ListFiles
from keys.signer import generate_dev_key
from tests.unit.audit.logs import entry, make_log, open_log
from tests.unit.test_config import MINIMAL

STATUS = """
[status]
directory = "status"
signer = "file:status.key.pem"
issuer = "https://gateway.test/status"
"""


REST = """
[audit]
directory = "audit"
origin = "gateway.test/node-1"
signer = "file:audit.key.pem"

[handles]
folder = "handles"

[replay]
redis = "replay.url"
redis_key = "replay.secret"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A gateway's folder after a while."""
    (tmp_path / "hcgw.toml").write_text(MINIMAL + STATUS)
    for name in ("receipts", "status"):
        generate_dev_key(tmp_path / f"{name}.key.pem")
    status = tmp_path / "status"
    ListFiles(status / "lists").close()
    for name in ("log.sqlite", "log.sqlite-wal", "snapshot-1.raw", "keeper.sock"):
        (status / name).write_bytes(b"x")
    (tmp_path / "audit").mkdir()
    make_log(tmp_path / "audit" / "decisions", 10)
    (tmp_path / "handles").mkdir()
    (tmp_path / "handles" / "epoch-1-2.key").write_bytes(bytes(32))
    return tmp_path


@pytest.fixture
def with_audit(home: Path) -> Path:
    """The same, whose configuration names all of it."""
    (home / "hcgw.toml").write_text(MINIMAL + STATUS + REST)
    return home


def purge(home: Path, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["purge", "--config", str(home / "hcgw.toml"), *arguments], input=stdin)


def test_everything_goes_and_what_it_was_set_up_with_stays(with_audit: Path) -> None:
    done = purge(with_audit, "--everything", "--yes-delete-everything")
    assert done.exit_code == 0, done.output
    left = {str(path.relative_to(with_audit)) for path in with_audit.rglob("*")}
    assert left == {"hcgw.toml", "receipts.key.pem", "status.key.pem"}
    assert "all that this gateway kept here is gone" in done.output
    assert "SSD" in done.output
    again = purge(with_audit, "--everything")
    assert (again.exit_code, "there is nothing" in again.output) == (0, True)


def test_the_secret_of_the_replay_memory_goes_with_the_keys(with_audit: Path) -> None:
    (with_audit / "replay.secret").write_bytes(bytes(32))
    assert "replay.redis_key" not in purge(with_audit, "--everything", stdin="\n").output
    done = purge(with_audit, "--everything", "--keys-too", "--yes-delete-everything")
    assert done.exit_code == 0, done.output
    assert not (with_audit / "replay.secret").exists()


def test_signing_keys_go_if_that_is_asked_for(home: Path) -> None:
    done = purge(home, "--everything", "--keys-too", "--yes-delete-everything")
    assert done.exit_code == 0
    assert {path.name for path in home.iterdir()} == {"hcgw.toml", "audit", "handles"}


@pytest.mark.parametrize(("typed", "status"), [("delete everything\n", 0), ("yes\n", 2), ("\n", 2), ("", 1)])
def test_somebody_must_mean_it(home: Path, typed: str, status: int) -> None:
    done = purge(home, "--everything", stdin=typed)
    assert done.exit_code == status
    assert (home / "status").exists() is (status != 0)
    assert "log.sqlite" not in done.output
    assert f"{home / 'status'}  6 files" in done.output


def test_less_than_everything_is_refused(home: Path) -> None:
    assert purge(home, "--yes-delete-everything").exit_code == 2
    assert (home / "status").exists()


def test_a_gateway_that_runs_is_left_alone(with_audit: Path) -> None:
    for held in (ListFiles(with_audit / "status" / "lists"), open_log(with_audit / "audit" / "decisions")):
        done = purge(with_audit, "--everything", "--yes-delete-everything")
        assert (done.exit_code, "a gateway that runs" in done.output) == (2, True)
        held.close()
    assert (with_audit / "status" / "log.sqlite").exists()
    log = open_log(with_audit / "audit" / "decisions")
    assert log.append([entry(10)]) == 10
    log.close()


def test_somebody_elses_files_are_left_alone(home: Path) -> None:
    (home / "status" / "thesis.odt").write_bytes(b"x")
    done = purge(home, "--everything", "--yes-delete-everything")
    assert (done.exit_code, "'thesis.odt'" in done.output) == (2, True)
    assert (home / "status" / "log.sqlite").exists()
    with pytest.raises(PurgeRefused):
        check([Kept("live status", Path("/var"), ".*")])


@pytest.mark.parametrize("linked", ["status", "status/lists", "status/log.sqlite", "status/lists/lock"])
def test_what_a_link_points_to_would_be_thought_gone(home: Path, linked: str) -> None:
    (home / "elsewhere").mkdir()
    (home / linked).rename(home / "elsewhere" / "it")
    (home / linked).symlink_to(home / "elsewhere" / "it")
    done = purge(home, "--everything", "--yes-delete-everything")
    assert (done.exit_code, f"{home / linked}: is a link" in done.output) == (2, True)
    assert (home / linked).is_symlink()
    assert (home / "elsewhere" / "it").exists()


def test_a_store_elsewhere_goes_too(home: Path) -> None:
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "my.sqlite").write_bytes(b"x")
    done = purge(
        home, "--everything", "--yes-delete-everything", "--set", f"status.store=sqlite:{home / 'elsewhere/my.sqlite'}",
    )  # fmt: skip
    assert done.exit_code == 2  # log.sqlite is none of this configuration's
    for name in ("log.sqlite", "log.sqlite-wal"):
        (home / "status" / name).unlink()
    done = purge(
        home, "--everything", "--yes-delete-everything", "--set", f"status.store=sqlite:{home / 'elsewhere/my.sqlite'}",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert list((home / "elsewhere").iterdir()) == []


def test_what_cannot_be_deleted_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(one: Kept) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(command, "delete", fails)
    done = purge(home, "--everything", "--yes-delete-everything")
    assert (done.exit_code, "not everything is gone" in done.output) == (1, True)


def test_what_is_still_there_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr("shutil.rmtree", lambda _: None)
    with pytest.raises(PurgeRefused):
        delete(Kept("x", tmp_path / "folder", ""))


def test_a_gateway_that_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "hcgw.toml").write_text(MINIMAL)
    assert plan(load(tmp_path / "hcgw.toml"), keys_too=False).kept == ()
    assert purge(tmp_path, "--everything").exit_code == 0


def test_a_configuration_that_is_refused_deletes_nothing(home: Path) -> None:
    (home / "hcgw.toml").write_text("[status]\n")
    assert purge(home, "--everything", "--yes-delete-everything").exit_code == 2
    (home / "hcgw.toml").write_text(MINIMAL + STATUS + 'store = "postgresql:nowhere.dsn"\n')
    assert purge(home, "--everything", "--yes-delete-everything").exit_code == 2
    (home / "hcgw.toml").write_text(MINIMAL + STATUS + 'store = "sqlite://x"\n')
    assert purge(home, "--everything", "--yes-delete-everything").exit_code == 2
    assert (home / "status" / "log.sqlite").exists()
