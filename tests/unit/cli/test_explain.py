"""`hcgw explain`: the way of a code room by room agrees with its verdict, and tells nothing of the holder."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.demo.home import DemoHome
from gateway.demo.provinces import make_issuers, trust_document
from gateway.demo.samples import Sample, own_samples
from gateway.errors import REASONS, Step
from gateway.formats.native_encode import NativeClaims, encode_jws
from gateway.instants import format_instant, parse_instant
from gateway.values import Algorithm, Measure
from tests.simulators.hcert_issuer import HcertIssuer, lab_result, vaccination
from tests.unit.codes import AT
from tests.unit.keys.making import certificate, ec_key
from tests.unit.policy.test_rule_sets import rule

ROOT = Path(__file__).resolve().parent.parent.parent.parent
WHEN = ["--at", format_instant(AT)]
HERE = ["--division", "330000"]
ZHEJIANG_CODE = "https://codes.wallet.invalid/qr?qrCode=V2" + "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = DemoHome(tmp_path_factory.mktemp("demo"))
    issuers = make_issuers(home)
    home.trust_list.write_bytes(trust_document(tuple(issuer.listed for issuer in issuers.all()), AT))
    return home.trust_list


@pytest.fixture(scope="module")
def samples(trust: Path) -> list[Sample]:
    return own_samples(make_issuers(DemoHome(trust.parent)), AT)


NOON = parse_instant("2022-06-01T12:00:00Z")


@cache
def dsc() -> bytes:
    """Return the one certificate of this run: each is signed anew, and so has another id."""
    return certificate()


@pytest.fixture(scope="module")
def country() -> HcertIssuer:
    """A country that issues EU DCCs."""
    key_id = hashlib.sha256(dsc()).digest()[:8]

    def sign(message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(ec_key().sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return HcertIssuer(sign, key_id, Algorithm.ES256)


def issued(country: HcertIssuer, payload: dict[str, object]) -> bytes:
    return country.issue(payload, issued=NOON - 60, expires=NOON + 86_400)


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, list[str], str]:
    result = CliRunner().invoke(app, ["explain", *arguments], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout.splitlines(), result.stderr


def steps(lines: list[str]) -> dict[str, str]:
    """Return the outcome of each step."""
    known = {step.value: step for step in Step}
    outcomes = ("ok", "refused", "undetermined", "not_reached")
    told = [line.split() for line in lines if line.split()[0] in known]
    assert [words[0] for words in told] == list(known)
    assert all(words[1] in outcomes for words in told)
    return {words[0]: words[1] for words in told}


def test_every_sample_ends_where_its_verdict_says(trust: Path, samples: list[Sample]) -> None:
    native = [sample for sample in samples if "certificate" not in sample.title and "seal" not in sample.title]
    assert len({sample.reason for sample in native}) > 10
    for sample in native:
        status, lines, _ = run("--trust", str(trust), *WHEN, *HERE, "-", stdin=sample.code)
        assert status == (0 if sample.measure is Measure.PASS else 1)
        verdict = next(place for place, line in enumerate(lines) if line.startswith(f"{sample.measure.name} at "))
        assert lines[verdict + 1].startswith(f"  {sample.reason.name}: ")
        outcomes = list(steps(lines).values())
        stopped = next((place for place, outcome in enumerate(outcomes) if outcome != "ok"), None)
        if stopped is None:
            assert sample.measure in {Measure.PASS, Measure.LIMITED}
            continue
        assert set(outcomes[stopped + 1 :]) <= {"not_reached"}
        assert list(Step)[stopped] is REASONS[sample.reason].step


TABLE = """
division = "330000"
version = "v7"
[[rule]]
from = ["*"]
states = ["GREEN"]
measure = "PASS"
source = "first"
[[rule]]
from = ["*"]
formats = ["hcert"]
states = ["UNCONFIRMED"]
measure = "LIMITED"
conditions = ["register_on_arrival"]
rule_set = "entry"
otherwise = "DENY"
source = "second"
[[rule]]
from = ["*"]
states = ["UNCONFIRMED"]
measure = "MANUAL"
source = "third"
"""

FULL = {">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]}
BREAKS = {"plusTime": [{"var": "payload.v.0.nothing"}, 0, "day"]}


@pytest.fixture
def rooms(tmp_path: Path) -> list[str]:
    """A certificate to trust, and rules of Zhejiang with a CertLogic set."""
    (tmp_path / "dsc.der").write_bytes(dsc())
    (tmp_path / "330000.toml").write_text(TABLE)
    (tmp_path / "certlogic" / "entry").mkdir(parents=True)
    rules = [
        rule("VR-330000-0001", FULL),
        rule("TR-330000-0001", True),
        rule("VR-330000-0001", BREAKS, Version="2.0.0", ValidFrom="2022-06-01T13:00:00Z"),
    ]
    for place, one in enumerate(rules):
        (tmp_path / "certlogic" / "entry" / f"{place}.json").write_text(json.dumps(one))
    return ["--trust", str(tmp_path / "dsc.der"), "--policies", str(tmp_path), *HERE, "-"]


@pytest.mark.parametrize(("dose", "outcome", "measure"), [(2, "met", "LIMITED"), (1, "not_met", "DENY")])
def test_each_rule_is_told_with_its_outcome(
    rooms: list[str], country: HcertIssuer, dose: int, outcome: str, measure: str
) -> None:
    code = issued(country, vaccination(dose=dose))
    status, lines, _ = run("--at", format_instant(NOON), *rooms, stdin=code)
    assert status == 1
    assert "  rule[0]  does not fit: states  (first)" in lines
    assert "  rule[1]  decides  (second)" in lines
    assert "  rule[2]  fits, after the one that decided  (third)" in lines
    assert f"    set of rules: {outcome}" in lines
    assert f"      VR-330000-0001 1.0.0: {outcome}" in lines
    assert not any("TR-330000-0001" in line for line in lines)
    assert f"{measure} at {format_instant(NOON)}" in lines


def test_a_rule_dated_ahead_is_told_from_its_instant(rooms: list[str], country: HcertIssuer) -> None:
    code = issued(country, vaccination())
    told = {at: run("--at", at, *rooms, stdin=code)[1] for at in ("2022-06-01T12:59:59Z", "2022-06-01T13:00:00Z")}
    assert ["      VR-330000-0001 2.0.0: undetermined" in lines for lines in told.values()] == [False, True]
    assert [any(line.startswith("LIMITED at ") for line in lines) for lines in told.values()] == [True, False]
    assert [any(line.startswith("MANUAL at ") for line in lines) for lines in told.values()] == [False, True]


CANARIES = ("Beispiel", "BEISPIEL", "Probe", "PROBE", "1990", "UVCI", "2021-05", "EU/1/", "LP6464", "2604", "2603")


@pytest.mark.parametrize(
    "payload", [vaccination(), vaccination(dose=1), lab_result(), lab_result(detected=True), vaccination(dt="Beispiel")]
)
def test_nothing_of_the_holder_is_told(rooms: list[str], country: HcertIssuer, payload: dict[str, object]) -> None:
    code = issued(country, payload)
    _, lines, stderr = run("--at", format_instant(NOON), *rooms, stdin=code)
    told = "\n".join(lines) + stderr
    assert "UNCONFIRMED" in told or "RED" in told
    assert [canary for canary in CANARIES if canary in told] == []
    assert code.decode() not in told


def test_an_issuer_is_not_named_before_its_signature_is_proven(country: HcertIssuer) -> None:
    _, lines, _ = run("--at", format_instant(NOON), *HERE, "-", stdin=issued(country, vaccination()))
    assert steps(lines)["signature"] == "undetermined"
    assert country.country not in "\n".join(lines)


OPAQUE = ["--provinces", str(ROOT / "deploy" / "provinces"), *WHEN, *HERE]


def test_an_opaque_code_is_recognised_and_nobody_is_asked() -> None:
    status, lines, _ = run(*OPAQUE, ZHEJIANG_CODE)
    assert status == 1
    assert "looks like" in lines[0]
    assert list(steps(lines).values())[:2] == ["ok", "undetermined"]
    assert any("ISSUER_NOT_CONNECTED" in line for line in lines)
    assert not any("0123456789abcdef" in line for line in lines)


@pytest.mark.parametrize(
    ("said", "told"), [("green", "GREEN"), ("yellow", "YELLOW"), ("red", "RED"), ("secret", "UNKNOWN")]
)
def test_what_an_issuer_would_answer_can_be_supposed(said: str, told: str) -> None:
    _, lines, _ = run(*OPAQUE, "--said", said, ZHEJIANG_CODE)
    policy = next(line for line in lines if line.startswith("policy"))
    assert f" {told};" in policy
    assert "secret" not in "\n".join(lines)


def test_a_code_of_nobody() -> None:
    status, lines, _ = run(*OPAQUE, "not a code")
    assert (status, steps(lines)["decode"]) == (1, "refused")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--at", "soon", "code"],
        ["--division", "33", "code"],
        ["--policies", "nowhere", "code"],
        ["--provinces", "nowhere", "code"],
        ["--trust", "nowhere", "code"],
        ["--listed", "amber", "code"],
        ["--listed", "red", "--list-age", "nan", "code"],
    ],
)
def test_wrong_usage_ends_with_two(arguments: list[str]) -> None:
    status, lines, stderr = run(*arguments)
    assert (status, lines) == (2, [])
    assert stderr.startswith("hcgw explain: ")


def test_a_trust_list_that_has_expired_explains_nothing(trust: Path, tmp_path: Path) -> None:
    ended = tmp_path / "ended.json"
    listed = json.loads(trust.read_text())
    ended.write_text(json.dumps(listed | {"issued": format_instant(AT), "expires": format_instant(AT)}))
    status, lines, _ = run("--trust", str(ended), "--at", "2023-12-01T00:00:00Z", "code")
    assert (status, lines) == (2, [])


@pytest.fixture(scope="module")
def pointing(trust: Path) -> bytes:
    """A green code of Guizhou's, an hour old, that points to a list."""
    guizhou = make_issuers(DemoHome(trust.parent)).guizhou
    claims = NativeClaims(
        guizhou.issuer,
        "520100",
        "green",
        int(AT) - 3_600,
        int(AT) + 3_600,
        "code-1",
        status_uri="https://status.gz.example/1",
        status_index=7,
    )
    return encode_jws(claims, key_id=guizhou.key_id, algorithm=guizhou.algorithm, sign=guizhou.sign).encode()


@pytest.mark.parametrize(
    ("supposed", "measure", "reason", "status"),
    [
        ([], "MANUAL", "STATUS_UNAVAILABLE", "undetermined unavailable, 3600 s old"),
        (["--listed", "green"], "PASS", "STATE_GREEN", "ok fresh, 0 s old; its list says GREEN"),
        (["--listed", "as-signed"], "PASS", "STATE_GREEN", "ok fresh, 0 s old"),
        (["--listed", "green", "--list-age", "600"], "PASS", "STATE_GREEN", "ok aging, 600 s old; its list says GREEN"),
        (
            ["--listed", "green", "--list-age", "901"],
            "MANUAL",
            "STATUS_STALE",
            "undetermined stale, 901 s old; its list says GREEN",
        ),
        (
            ["--listed", "green", "--list-age", "-60"],
            "MANUAL",
            "STATUS_STALE",
            "undetermined stale; its list says GREEN",
        ),
        (["--listed", "red"], "DENY", "STATE_RED", "ok fresh, 0 s old; its list says RED"),
        (["--listed", "cancelled"], "DENY", "REVOKED", "refused fresh, 0 s old; its list says REVOKED"),
        (["--listed", "unknown"], "MANUAL", "STATUS_UNAVAILABLE", "undetermined unavailable, 0 s old"),
    ],
)
def test_what_a_list_would_say_can_be_supposed(
    trust: Path, pointing: bytes, supposed: list[str], measure: str, reason: str, status: str
) -> None:
    code, lines, _ = run("--trust", str(trust), *WHEN, *HERE, *supposed, "-", stdin=pointing)
    assert code == (0 if measure == "PASS" else 1)
    told = next(line for line in lines if line.startswith("status "))
    assert told.split() == ["status", *status.split()]
    verdict = next(place for place, line in enumerate(lines) if line.startswith(f"{measure} at "))
    assert lines[verdict + 1].startswith(f"  {reason}: ")
    assert any("STATUS_AGING" in line for line in lines) is ("aging" in status)
    assert not any("status.gz.example" in line or "code-1" in line for line in lines)
