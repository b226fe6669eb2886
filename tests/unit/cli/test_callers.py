"""hcgw callers and hcgw dev-certs: what is made fits together, what a caller may is told, nothing is written over."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import typer
from typer.testing import CliRunner

from gateway.callers.registry_file import read_registry
from gateway.callers.roots import DomainRoots
from gateway.cli.callers import app
from gateway.cli.dev_certs import CALLERS, dev_certs
from gateway.instants import now
from gateway.rpc.methods import known_calls
from keys.tls_pair import check_authorities, check_pair

made = typer.Typer()
made.command()(dev_certs)


def run(command: typer.Typer, *args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, [str(arg) for arg in args])
    return result.exit_code, result.stdout, result.stderr


def test_what_dev_certs_makes_fits_together(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    status, out, _ = run(made, folder, "--host", "gateway.example")
    assert status == 0
    told = tomllib.loads(out)
    roots = DomainRoots.load({domain: Path(file) for domain, file in told["callers"]["roots"].items()})
    grants = read_registry(Path(told["callers"]["registry"]), known_calls(), roots.domains)
    for domain, callers in CALLERS.items():
        for file, name in callers.items():
            pem, key = folder / f"{file}.pem", folder / f"{file}.key.pem"
            check_pair(pem.read_bytes(), key.read_bytes())
            assert roots.vouching(name, pem.read_bytes(), now()) == {domain}
            assert (grants.of(name, {domain}) is None) == (file == "operator-zj")
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
    tls = told["grpc"]["tls"]
    check_pair(Path(tls["certificate_file"]).read_bytes(), Path(tls["key_file"]).read_bytes())
    check_authorities(Path(tls["client_ca_file"]).read_bytes())
    assert not list(folder.glob("*-ca.key.pem"))


def test_dev_certs_writes_nothing_over(tmp_path: Path) -> None:
    (tmp_path / "callers.toml").write_text("mine")
    status, out, err = run(made, tmp_path)
    assert (status, out) == (1, "")
    assert "nothing is written over" in err
    assert [file.name for file in tmp_path.iterdir()] == ["callers.toml"]
    file = tmp_path / "file"
    file.touch()
    assert run(made, file)[0] == 1


def test_a_registry_is_checked_as_the_gateway_reads_it(tmp_path: Path) -> None:
    run(made, tmp_path / "certs")
    registry = tmp_path / "certs" / "callers.toml"
    status, out, _ = run(app, "check", registry)
    assert status == 0
    assert "version dev, 2 callers by name, 4 by description" in out
    assert run(app, "check", registry, "--domain", "zj.example", "--domain", "gz.example")[0] == 0
    status, _, err = run(app, "check", registry, "--domain", "zj.example")
    assert status == 2
    assert "line 16: caller[1].domain" in err
    assert run(app, "check", tmp_path / "none.toml")[0] == 2


def test_what_a_caller_may_is_told(tmp_path: Path) -> None:
    run(made, tmp_path / "certs")
    registry = tmp_path / "certs" / "callers.toml"
    status, out, _ = run(app, "show", registry, "--name", CALLERS["zj.example"]["hub-zj-rail"])
    told = {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1] for line in out.splitlines()}
    assert status == 0
    assert told == {
        "identity": "hub of 330100, in zj.example, checkpoints: rail",
        "row": "caller 1 of the file",
        "calls": "VerificationService/StreamVerifications, VerificationService/VerifyCode, "
        "VerificationService/VerifyCodes",
        "purposes": "TRANSPORT_DEPARTURE, TRANSPORT_ARRIVAL",
        "divisions": "330000",
        "profiles": "GATE",
        "calls/s": "100, at once 100",
        "codes/s": "500, at once 512",
    }
    status, out, _ = run(app, "show", registry, "--name", CALLERS["zj.example"]["operator-zj"])
    assert (status, "she may ask nothing" in out) == (1, True)
    assert run(app, "show", registry, "--name", "gate.example", "--domain", "zj.example")[0] == 1
    assert run(app, "show", registry, "--name", "spiffe:/nearly")[0] == 1
    assert run(app, "show", registry, "--name", "dev-loopback")[0] == 1
    registry.write_text(registry.read_text().replace('version = "dev"', ""))
    assert run(app, "show", registry, "--name", "x")[0] == 2


def test_a_name_without_structure_and_everyone_on_loopback_are_told_too(tmp_path: Path) -> None:
    registry = tmp_path / "callers.toml"
    row = 'calls = ["JourneyService/CheckJourney"]\npurposes = ["SELF_CHECK"]\ncalls_per_s = 1\n'
    rows = f'[[caller]]\nname = "dev-loopback"\n{row}[[caller]]\nname = "Gate 7"\ndomain = "zj.example"\n{row}'
    registry.write_text('version = "1"\n' + rows)
    assert "caller 1 of the file" in run(app, "show", registry, "--name", "dev-loopback")[1]
    assert "caller 2 of the file" in run(app, "show", registry, "--name", "Gate 7", "--domain", "zj.example")[1]
    assert run(app, "show", registry, "--name", "Gate 7")[0] == 1
