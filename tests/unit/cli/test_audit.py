"""`hcgw audit`: its words and exit statuses on whole logs, altered ones, and questions that make no sense."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.faults import LogFault
from gateway.audit.proofs import ProofFault
from gateway.audit.tiles import pack
from gateway.cli.audit import SENTENCES
from gateway.cli.audit_proof import PROOF_SENTENCES, RELATION_SENTENCES
from gateway.cli.main import app
from keys.signer import generate_dev_key
from tests.unit.audit.logs import AT, ORIGIN, contents, entries, entry, make_log, note_signer, open_log

SIZE = 600


@dataclass(frozen=True)
class Site:
    """A log and its key."""

    log: Path
    vkey: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "log"
    make_log(folder, SIZE, groups=400)
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Site:
    folder = tmp_path / "log"
    shutil.copytree(made, folder)
    return Site(folder, note_signer().verifier.vkey)


def run(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)], input=stdin)


def alter(folder: Path, index: int) -> None:
    """Alter an entry."""
    bundle = folder / f"tile/entries/{index // 256:03d}"
    found = entries(index // 256 * 256, index // 256 * 256 + 256)
    found[index % 256] = b"{}"
    bundle.write_bytes(pack(found))


def test_every_fault_has_a_sentence() -> None:
    assert set(SENTENCES) == set(LogFault)
    assert set(PROOF_SENTENCES) == set(ProofFault)
    assert {one.value for one in RELATION_SENTENCES} == {"same", "consistent", "forked", "other_log", "unproven"}


def test_a_whole_log_is_told_as_whole(site: Site) -> None:
    done = run("verify", site.log, "--vkey", site.vkey)
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "WHOLE")
    assert f"{SIZE} entries" in done.output
    found = json.loads(run("verify", site.log, "--vkey", site.vkey, "--json").output)
    assert (found["whole"], found["size"], found["checked"], found["origin"]) == (True, SIZE, SIZE, ORIGIN)
    assert found["findings"] == []


def test_what_is_wrong_is_told_with_its_place(site: Site) -> None:
    alter(site.log, 300)
    done = run("verify", site.log, "--vkey", site.vkey)
    assert done.exit_code == 1
    assert done.output.splitlines()[0] == "NOT WHOLE"
    assert "ENTRY_ALTERED tile/entries/001, entry 300" in done.output
    found = json.loads(run("verify", site.log, "--vkey", site.vkey, "--json").output)
    assert found["findings"] == [
        {"fault": "entry_altered", "file": "tile/entries/001", "first": 300, "end": 301, "offset": None}
    ]


def test_what_was_forgotten_and_what_waits_is_told(site: Site) -> None:
    log = open_log(site.log)
    log.forget(256, AT)
    log.append([entry(SIZE)])
    log.append([entry(SIZE + 1)])
    log.close()
    journal = site.log / "journal"
    journal.write_bytes(journal.read_bytes()[:-3])
    done = run("verify", site.log, "--vkey", site.vkey)
    assert done.exit_code == 0
    assert "256 entries, by a signed statement of 2020-09-13T12:26:40Z" in done.output
    assert "1 entries behind the head" in done.output
    assert "never acknowledged" in done.output
    assert json.loads(run("verify", site.log, "--vkey", site.vkey, "--json").output)["forgotten"] == 256


def test_without_the_right_key_nothing_is_told(site: Site, tmp_path: Path) -> None:
    other = note_signer(which=3).verifier.vkey
    done = run("verify", site.log, "--vkey", other)
    assert (done.exit_code, "CHECKPOINT_KEY" in done.output) == (3, True)
    assert run("verify", site.log, "--vkey", site.vkey, "--origin", "other").exit_code == 3
    assert run("verify", site.log, "--vkey", "a+b+c").exit_code == 2
    assert run("verify", site.log, "--vkey", tmp_path / "nowhere").exit_code == 3
    (tmp_path / "empty").touch()
    assert run("verify", site.log, "--vkey", tmp_path / "empty").exit_code == 2
    (tmp_path / "keys").write_text(f"{other}\n{site.vkey}\n")
    assert run("verify", site.log, "--vkey", tmp_path / "keys").exit_code == 0
    assert run("verify", tmp_path / "nothing", "--vkey", site.vkey).exit_code == 1


def test_a_head_that_is_remembered_tells_of_a_log_that_was_put_back(site: Site, tmp_path: Path) -> None:
    before = contents(site.log)
    log = open_log(site.log)
    log.append(entries(SIZE, SIZE + 10))
    log.publish(AT)
    log.close()
    head = tmp_path / "heads" / "decisions"
    assert run("verify", site.log, "--vkey", site.vkey, "--remember", head).exit_code == 0
    assert head.read_bytes() == (site.log / "checkpoint").read_bytes()
    shutil.rmtree(site.log / "tile")
    for name, data in before.items():
        (site.log / name).parent.mkdir(parents=True, exist_ok=True)
        (site.log / name).write_bytes(data)
    assert run("verify", site.log, "--vkey", site.vkey).exit_code == 0
    for option in ("--remember", "--earlier"):
        done = run("verify", site.log, "--vkey", site.vkey, option, head)
        assert (done.exit_code, "ROLLED_BACK" in done.output) == (1, True)
    assert b"\n610\n" in head.read_bytes()
    assert run("verify", site.log, "--vkey", site.vkey, "--earlier", tmp_path / "nowhere").exit_code == 3
    done = run("verify", site.log, "--vkey", site.vkey, "--remember", site.log / "lock" / "x")
    assert (done.exit_code, "cannot be kept" in done.output) == (3, True)


def test_keys_of_both_logs_are_printed(tmp_path: Path) -> None:
    generate_dev_key(tmp_path / "key.pem")
    done = run("key", "--signer", f"file:{tmp_path / 'key.pem'}", "--origin", "gateway.example")
    lines = done.output.splitlines()
    assert (done.exit_code, [line.split("+")[0] for line in lines]) == (
        0,
        ["gateway.example/decisions", "gateway.example/changes"],
    )
    assert run("key", "--signer", f"file:{tmp_path / 'nokey.pem'}", "--origin", "x").exit_code == 2
    assert run("key", "--signer", f"file:{tmp_path / 'key.pem'}", "--origin", "x y").exit_code == 2


def test_entries_are_shown_and_filtered(site: Site) -> None:
    done = run("show", site.log, "--from", 5, "--to", 7)
    assert done.output.splitlines() == [f"{at}\t{json.dumps(json.loads(entry(at)))}" for at in (5, 6)]
    last = run("show", site.log, "--last", 2, "--json").output.splitlines()
    assert [json.loads(line) for line in last] == [
        {"index": at, "entry": json.loads(entry(at))} for at in (SIZE - 2, SIZE - 1)
    ]
    assert len(run("show", site.log, "--kind", "decision", "--limit", 3).output.splitlines()) == 3
    assert run("show", site.log, "--kind", "edition").output == ""
    assert run("show", site.log, "--where", "index=17", "--json").output.startswith('{"index": 17,')
    assert run("show", site.log, "--where", "index=17", "--where", "kind=edition").output == ""


def test_times_and_members_of_every_form_are_filtered(tmp_path: Path) -> None:
    told = [
        b'{"at":1600000000000,"kind":"colours","orders":[{"authority":"A"},{"authority":"B"}]}',
        b'{"bucket":1600000600,"kind":"decision","reasons":["EXPIRED","REVOKED"],"ok":true}',
        b'{"kind":"decision_gap","since":1600001200}',
        b'{"kind":"timeless"}',
        b"not json",
        b"\xff",
    ]
    log = open_log(tmp_path)
    log.append(told)
    log.publish(AT)
    log.close()

    def shown(*arguments: str) -> list[int]:
        return [json.loads(line)["index"] for line in run("show", tmp_path, "--json", *arguments).output.splitlines()]

    assert shown() == [0, 1, 2, 3, 4, 5]
    assert shown("--since", "2020-09-13T12:30:00Z") == [1, 2]
    assert shown("--until", "2020-09-13T12:36:40Z") == [0]
    assert shown("--where", "orders.authority=B") == [0]
    assert shown("--where", "reasons=REVOKED") == [1]
    assert shown("--where", "ok=true") == [1]
    assert shown("--where", "orders=A") == []
    assert shown("--where", "kind.x=A") == []
    assert '"unreadable": "/w=="' in run("show", tmp_path).output


def test_what_cannot_be_shown_is_told(site: Site, tmp_path: Path) -> None:
    assert run("show", site.log, "--where", "x").exit_code == 2
    assert run("show", site.log, "--since", "yesterday").exit_code == 2
    assert run("show", tmp_path).exit_code == 1
    (tmp_path / "checkpoint").symlink_to(site.log / "checkpoint")
    assert run("show", tmp_path).exit_code == 1
    log = open_log(site.log)
    log.forget(256, AT)
    log.close()
    done = run("show", site.log, "--limit", 1, "--json")
    assert '"index": 256' in done.output
    assert "entries up to 255 are not there any more" in done.output
    assert "entries up to 255" in run("show", site.log, "--to", 10).output
    (site.log / "tile/entries/001").write_bytes(b"x")
    assert run("show", site.log).exit_code == 1
    (site.log / "forgotten").unlink()
    assert run("show", site.log, "--to", 10).exit_code == 1


def test_an_entry_is_proved_to_somebody_else(site: Site, tmp_path: Path) -> None:
    done = run("prove", site.log, 300, "--vkey", site.vkey)
    assert done.exit_code == 0
    (tmp_path / "proof").write_text(done.output)
    shutil.rmtree(site.log)
    checked = run("check-proof", tmp_path / "proof", "--vkey", site.vkey)
    assert (checked.exit_code, checked.output.splitlines()[0]) == (0, "INCLUDED")
    found = json.loads(run("check-proof", "-", "--vkey", site.vkey, "--json", stdin=done.output).output)
    assert (found["included"], found["index"], found["size"]) == (True, 300, SIZE)
    (tmp_path / "entry").write_bytes(entry(301))
    other = run("check-proof", tmp_path / "proof", "--vkey", site.vkey, "--entry", tmp_path / "entry")
    assert (other.exit_code, other.output.splitlines()[0]) == (1, "NOT_INCLUDED")
    (tmp_path / "entry").write_bytes(entry(300))
    assert run("check-proof", tmp_path / "proof", "--vkey", site.vkey, "--entry", tmp_path / "entry").exit_code == 0
    unknown = run("check-proof", tmp_path / "proof", "--vkey", note_signer("x").verifier.vkey, "--json")
    assert (unknown.exit_code, json.loads(unknown.output)) == (3, {"included": False, "fault": "unknown_key"})


def test_a_proof_without_its_entry(site: Site, tmp_path: Path) -> None:
    bare = run("prove", site.log, 3, "--vkey", site.vkey, "--without-entry")
    assert "extra" not in bare.output
    assert run("check-proof", "-", "--vkey", site.vkey, stdin=bare.output).exit_code == 3
    log = open_log(site.log)
    log.forget(256, AT)
    log.close()
    gone = CliRunner().invoke(app, ["audit", "prove", str(site.log), "3", "--vkey", site.vkey])
    assert gone.exit_code == 0
    assert gone.stdout == bare.stdout
    assert "not there any more" in gone.stderr


def test_nothing_is_proved_of_a_log_that_is_not_whole_there(site: Site) -> None:
    assert run("prove", site.log, SIZE, "--vkey", site.vkey).exit_code == 2
    assert run("prove", site.log, 0, "--vkey", note_signer("x").verifier.vkey).exit_code == 3
    alter(site.log, 3)
    done = run("prove", site.log, 3, "--vkey", site.vkey)
    assert (done.exit_code, "not what was signed for" in done.output) == (1, True)
    tile = site.log / "tile/0/000"
    tile.write_bytes(bytes(8_192))
    assert run("prove", site.log, 3, "--vkey", site.vkey).exit_code == 1
    (site.log / "tile/0/002.p/88").unlink()
    assert run("prove", site.log, 599, "--vkey", site.vkey).exit_code == 1


def test_heads_are_compared(site: Site, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    earlier.write_bytes((site.log / "checkpoint").read_bytes())
    same = run("compare", earlier, site.log, "--vkey", site.vkey)
    assert (same.exit_code, same.output.splitlines()[0]) == (0, "SAME")
    log = open_log(site.log)
    log.append(entries(SIZE, SIZE + 100))
    log.publish(AT)
    log.close()
    later = tmp_path / "later"
    later.write_bytes((site.log / "checkpoint").read_bytes())
    goes_on = run("compare", earlier, site.log, "--vkey", site.vkey, "--json")
    assert (goes_on.exit_code, json.loads(goes_on.output)["relation"]) == (0, "consistent")
    assert json.loads(goes_on.output)["proof"] != []
    assert run("compare", later, earlier, "--vkey", site.vkey, "--log", site.log).exit_code == 0
    unproven = run("compare", later, earlier, "--vkey", site.vkey)
    assert (unproven.exit_code, unproven.output.splitlines()[0]) == (3, "UNPROVEN")
    (site.log / "tile/0/002.p/188").write_bytes(bytes(10))
    assert run("compare", later, earlier, "--vkey", site.vkey, "--log", site.log).exit_code == 1
    assert run("compare", later, tmp_path / "nowhere", "--vkey", site.vkey).exit_code == 3
    earlier.write_bytes(b"x")
    assert run("compare", later, earlier, "--vkey", site.vkey).exit_code == 1


def test_an_altered_tile_is_no_fork(site: Site, tmp_path: Path) -> None:
    log = open_log(tmp_path / "third")
    log.append(entries(0, 100))
    (tmp_path / "earlier").write_bytes(log.publish(AT).note)
    log.append(entries(100, 300))
    log.publish(AT)
    log.close()
    tile = tmp_path / "third/tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    done = run("compare", tmp_path / "earlier", tmp_path / "third", "--vkey", site.vkey)
    assert (done.exit_code, "tile_altered" in done.output) == (1, True)


def test_two_histories_are_told(site: Site, tmp_path: Path) -> None:
    other = open_log(tmp_path / "other")
    other.append(entries(0, SIZE, "other"))
    other.publish(AT)
    other.close()
    done = run("compare", tmp_path / "other", site.log, "--vkey", site.vkey)
    assert (done.exit_code, done.output.splitlines()[0]) == (1, "FORKED")
