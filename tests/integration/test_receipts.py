"""Receipts of a real gateway, alone, in batches and in streams, checked by those who have nothing but its key set:
our own command, PyJWT, `jose` of npm, and the example of docs/receipts.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import jwt
import pytest
from healthcode.interop.v1 import verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb
from typer.testing import CliRunner, Result

from gateway.cli.main import app as command
from gateway.receipts.receipt import RECEIPT_TYPE, ROOT_TYPE, joined
from keys.signer import generate_dev_key
from keys.values import Algorithm
from tests.integration.gateway_process import Gateway, Site, running, stub_of
from tests.integration.node_programs import ROOT, installed_packages, program
from tests.integration.test_operation import not_started
from tests.unit.receipts.pyjwt_sm2 import pyjwt_claims

CALLER, GATEWAY = "dev-loopback", "https://gateway.test"
EXAMPLE = ROOT / "docs" / "receipts" / "verify.mjs"
GATE = pb.VerificationContext(purpose=verdict_pb2.PURPOSE_VENUE_ENTRY, receiving_division="330000")


@dataclass(frozen=True)
class Given:
    """A receipt as its asker keeps it."""

    text: str
    salt: str
    code: str
    verdict: pb.Verdict


@dataclass(frozen=True)
class Told:
    """What a gateway gave, and its key set."""

    jwks: Path
    alone: Given
    batch: list[Given]
    stream: list[Given]
    bundles: list[pb.ReceiptBundle]
    trust: str
    metrics: str

    @property
    def every(self) -> list[Given]:
        return [self.alone, *self.batch, *self.stream]


def salt_of(verdict: pb.Verdict) -> str:
    return urlsafe_b64encode(verdict.receipt_salt).rstrip(b"=").decode()


def ask_batch(gateway: Gateway, codes: list[bytes]) -> list[Given]:
    items = [pb.CodeItem(code=code, request_id=f"b-{number}") for number, code in enumerate(codes)]
    with grpc.insecure_channel(gateway.grpc) as channel:
        answer = stub_of(channel).VerifyCodes(
            pb.VerifyCodesRequest(context=GATE, items=items, receipts_requested=True), timeout=20
        )
    return [
        Given(
            joined(answer.receipt_root, verdict.receipt_proof.payload, number, verdict.receipt_proof.path),
            salt_of(verdict),
            code.decode(),
            verdict,
        )
        for number, (verdict, code) in enumerate(zip(answer.verdicts, codes, strict=True))
    ]


def ask_stream(gateway: Gateway, codes: list[bytes]) -> tuple[list[Given], list[pb.ReceiptBundle]]:
    """Wait for the signature of the first item, then send the rest at once. Every third wants no receipt."""
    verdicts: list[pb.Verdict] = []
    bundles: list[pb.ReceiptBundle] = []

    def requests() -> Iterator[pb.StreamVerificationsRequest]:
        for number, code in enumerate(codes):
            yield pb.StreamVerificationsRequest(
                context=GATE if number == 0 else None,
                item=pb.CodeItem(code=code, request_id=f"s-{number}"),
                receipt_requested=number % 3 != 2,
            )
            while number == 0 and not bundles:
                time.sleep(0.005)

    with grpc.insecure_channel(gateway.grpc) as channel:
        for message in stub_of(channel).StreamVerifications(requests(), timeout=20):
            if message.HasField("receipts"):
                assert not message.HasField("verdict")
                bundles.append(message.receipts)
            else:
                verdicts.append(message.verdict)
    assert [verdict.core.request_id for verdict in verdicts] == [f"s-{number}" for number in range(len(codes))]
    proven = [(root, index, path) for root in bundles for index, path in enumerate(root.paths)]
    asked = [
        (verdict, code) for verdict, code in zip(verdicts, codes, strict=True) if verdict.HasField("receipt_proof")
    ]
    return [
        Given(joined(root.root, verdict.receipt_proof.payload, index, path), salt_of(verdict), code.decode(), verdict)
        for (verdict, code), (root, index, path) in zip(asked, proven, strict=True)
    ], bundles


@pytest.fixture(scope="module", params=[Algorithm.ED25519, Algorithm.SM2])
def told(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Told:
    site = Site(tmp_path_factory.mktemp("site"), signs_with=request.param)
    codes = [site.code(state, code_id=f"code-{number}") for number, state in enumerate(("green", "red", "yellow"))]
    with running(site) as gateway:
        verdict = gateway.verify(codes[0]).verdict
        batch = ask_batch(gateway, [*codes, b"no code"])
        stream, bundles = ask_stream(gateway, [site.code(code_id=f"stream-{number}") for number in range(9)])
        jwks = site.folder / "jwks.json"
        jwks.write_bytes(gateway.get("/.well-known/jwks.json")[1])
        metrics = gateway.get("/metrics")[1].decode()
    alone = Given(verdict.receipt, salt_of(verdict), codes[0].decode(), verdict)
    trust = hashlib.sha256(site.trust.read_bytes()).hexdigest()
    return Told(jwks, alone, batch, stream, bundles, trust, metrics)


def verify(jwks: Path, given: Given, *arguments: str) -> Result:
    call = ["receipt", "verify", "--jwks", str(jwks), "--caller", CALLER, "--issuer", GATEWAY, *arguments, given.text]
    return CliRunner().invoke(command, call)


def test_each_is_valid_and_about_its_code_and_says_what_the_verdict_said(told: Told) -> None:
    assert len(told.every) == 1 + 4 + 6
    for given in told.every:
        done = verify(told.jwks, given, "--code", given.code, "--salt", given.salt, "--json")
        assert done.exit_code == 0, done.output
        said = json.loads(done.output)
        claims, core = said["claims"], given.verdict.core
        assert claims["measure"] == verdict_pb2.Measure.Name(core.measure).removeprefix("MEASURE_")
        assert len(claims["reasons"]) == len(core.reasons)
        assert claims["request_id"] == core.request_id
        assert claims["iat"] == core.decided_time.seconds
        assert claims["trust"] == [f"1:{told.trust}"]
        assert ("issuer" in claims) == given.verdict.HasField("staff")
        assert given.code not in given.text


def test_none_is_about_the_code_of_another(told: Told) -> None:
    first, second = told.batch[:2]
    for code, salt in ((second.code, first.salt), (first.code, second.salt)):
        assert verify(told.jwks, first, "--code", code, "--salt", salt).exit_code == 1


def test_a_batch_has_one_signature_and_a_stream_one_for_what_came_together(told: Told) -> None:
    assert len({given.text.partition("~")[0] for given in told.batch}) == 1
    assert len(told.bundles[0].paths) == 1  # by the clock, while the stream was quiet
    assert sum(len(bundle.paths) for bundle in told.bundles) == 6
    assert len({bundle.root for bundle in told.bundles}) == len(told.bundles) <= 6
    signatures = 2 + len(told.bundles)
    assert f"hcgw_receipts_total {len(told.every)}.0" in told.metrics
    assert f"hcgw_receipt_signatures_total {signatures}.0" in told.metrics


def test_pyjwt_takes_them_too(told: Told) -> None:
    keys = {jwk["kid"]: jwk for jwk in json.loads(told.jwks.read_text())["keys"]}
    for given in (told.alone, told.batch[0], told.stream[-1]):
        token = given.text.partition("~")[0]
        header = jwt.get_unverified_header(token)
        claims = pyjwt_claims(token, keys[header["kid"]], audience=CALLER, issuer=GATEWAY)
        assert header["typ"] == (ROOT_TYPE if "root" in claims else RECEIPT_TYPE)


@pytest.mark.parametrize("told", [Algorithm.ED25519], indirect=True)  # it knows no SM2, and takes none
def test_jose_of_npm_takes_them_too(told: Told) -> None:
    modules = installed_packages()

    def jose(typ: str, *tokens: str) -> list[str]:
        script = Path(__file__).with_name("node") / "receipts.js"
        done = subprocess.run(
            [program("node"), "--no-warnings", str(script), str(told.jwks), GATEWAY, CALLER, typ, *tokens],
            env={**os.environ, "NODE_PATH": str(modules)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.splitlines()

    token = told.alone.text
    taken, bent, root = jose(RECEIPT_TYPE, token, token[:-3] + "AAA", told.batch[0].text.partition("~")[0])
    assert json.loads(taken)["measure"] == "PASS"
    assert bent == "refused ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    assert root == "refused ERR_JWT_CLAIM_VALIDATION_FAILED"
    roots = {given.text.partition("~")[0] for given in (*told.batch, *told.stream)}
    assert {json.loads(one)["tree"] for one in jose(ROOT_TYPE, *roots)} == {"rfc9162-sha256"}


def example(told: Told, text: str, caller: str = CALLER, *code: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [program("node"), str(EXAMPLE), text, str(told.jwks), caller, *code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_the_example_in_another_language_says_the_same(told: Told) -> None:
    for given in (told.alone, told.batch[0], told.batch[3], told.stream[0], told.stream[-1]):
        status, out, _ = example(told, given.text, CALLER, given.code, given.salt)
        ours = json.loads(verify(told.jwks, given, "--json").output)["claims"]
        assert (status, json.loads(out)) == (0, ours)
    one, other = told.batch[:2]
    bent = one.text.split("~")
    bent[1] = other.text.split("~")[1]
    for text, caller, code, why in (
        ("~".join(bent), CALLER, (), "proof"),
        (told.alone.text[:-3] + "AAA", CALLER, (), "signature"),
        (one.text.partition("~")[0], CALLER, (), "typ"),
        (one.text, "another", (), "claims"),
        (one.text, CALLER, (other.code, one.salt), "code"),
    ):
        assert example(told, text, caller, *code) == (1, "", why)


@pytest.mark.parametrize(("before_", "after_"), [(Algorithm.ED25519, Algorithm.SM2), (Algorithm.SM2, Algorithm.ES256)])
def test_old_and_new_key_stand_side_by_side(tmp_path: Path, before_: Algorithm, after_: Algorithm) -> None:
    site = Site(tmp_path, signs_with=before_)
    with running(site) as gateway:
        before = gateway.verify(site.code()).verdict
        (tmp_path / "old.jwk").write_text(json.dumps(json.loads(gateway.get("/.well-known/jwks.json")[1])["keys"][0]))
    generate_dev_key(tmp_path / "new.pem", after_)
    changed = ("receipts.signer=file:new.pem", 'receipts.other_keys=["old.jwk"]', "receipts.lifetime_s=3600")
    with running(site, *changed) as gateway:
        after = gateway.verify(site.code()).verdict
        (tmp_path / "jwks.json").write_bytes(gateway.get("/.well-known/jwks.json")[1])
        site.write_trust(sequence=2)
        gateway.signal(signal.SIGHUP)
        gateway.wait_for("reload_done")
        reloaded = gateway.verify(site.code()).verdict
    claims = []
    for verdict in (before, after, reloaded):
        done = verify(tmp_path / "jwks.json", Given(verdict.receipt, "", "", verdict), "--json")
        assert done.exit_code == 0, done.output
        claims.append(json.loads(done.output))
    assert claims[0]["kid"] != claims[1]["kid"]
    assert claims[1]["claims"]["exp"] - claims[1]["claims"]["iat"] == 3600
    assert [one["claims"]["trust"][0].partition(":")[0] for one in claims] == ["1", "1", "2"]


def test_an_sm2_key_that_libcrypto_does_not_take_stops_the_start(tmp_path: Path) -> None:
    site = Site(tmp_path, signs_with=Algorithm.SM2)
    key = tmp_path / "receipts.key.pem"
    lines = key.read_text().splitlines(keepends=True)
    key.write_text("".join([lines[0], lines[1][:-5] + "\n", *lines[2:]]))
    status, (refused,) = not_started(site)
    assert (status, refused["part"]) == (78, "signer")
    assert lines[1][10:40] not in json.dumps(refused)


def test_what_is_no_public_key_stops_the_start(tmp_path: Path) -> None:
    site = Site(tmp_path)
    status, (refused,) = not_started(site, 'receipts.other_keys=["receipts.key.pem"]')
    assert (status, refused["part"]) == (78, "signer")
    assert "PRIVATE" not in json.dumps(refused)
