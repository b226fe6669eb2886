"""The same codes through rivals: dcc-utils (npm) and CovidPyLib (PyPI), each in an environment of its own.

- the codes are the public DCC test codes with an ES256 signature that every contestant accepts, its keys given offline
- the gateway does all six rooms, a rival only what lies between the text and the signature
- neither is a dependency: they are installed below build/bench when the bench runs, and never imported here
- rounds alternate between gateway and rival; CPU time of each process
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.disclosure import disclose
from gateway.formats import read_code, recognise
from gateway.instants import parse_instant
from gateway.trust.snapshot import TrustSnapshot
from gateway.values import Algorithm, Format, Instant, IssuerId, IssuerProfile, KeyId, Profile, Step, TrustedKey
from keys.algorithms import make_verifier
from keys.ring import KeyRing
from tests.vectors import WHERE_TO_GET_THEM, vectors_dir

from .codes import RECEIVING
from .rooms import cpu, pipeline_of

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "bench"
INSTALL_SECONDS = 300
LEAST = {"dcc_utils": 10.0, "covidpylib": 10.0}
"""How many times faster than a rival the gateway must be. dcc-utils by its list of keys, which goes through WebCrypto,
is shown for honesty and has no limit: how much of it is the bare signature check was not measured."""


class NotMeasured(Exception):
    """A comparison cannot be made here. The text says why, for whoever runs the bench."""


@dataclass(frozen=True, slots=True)
class Question:
    """One public code, the instant to judge it at, and its signer's key in the forms that rivals want."""

    code: str
    at: Instant
    kid: str
    spki: str
    x: str
    y: str

    def for_rivals(self) -> dict[str, str]:
        """Return what a rival gets."""
        return {"code": self.code, "kid": self.kid, "spki": self.spki, "x": self.x, "y": self.y}


@dataclass(frozen=True, slots=True)
class Compared:
    """The median CPU seconds of one code."""

    codes: int
    gateway: float
    rival: float

    @property
    def times_faster(self) -> float:
        """How many codes the gateway verifies while the rival verifies one."""
        return self.rival / self.gateway


def compare(rival: str, rounds: int) -> Compared:
    """Return what one verification costs the gateway and `rival`, one of RIVALS. Raises: NotMeasured."""
    questions, trust = _questions()
    pipeline = pipeline_of(trust)
    accepted_here = [
        at
        for at, asked in enumerate(questions)
        if pipeline.verify_offline(asked.code.encode(), at=asked.at, division=RECEIVING).stopped_at
        in (None, Step.POLICY)
    ]
    with running(RIVALS[rival]()) as ask:
        accepted_there = set(ask({"codes": [asked.for_rivals() for asked in questions]})["accepted"])
        both = [at for at in accepted_here if at in accepted_there]
        if len(both) < len(questions) // 2:
            raise NotMeasured(f"{rival} accepts only {len(accepted_there)} of {len(questions)} codes")
        work = [(questions[at].code.encode(), questions[at].at) for at in both]

        def gateway() -> None:
            for code, at in work:
                disclose(pipeline.verify_offline(code, at=at, division=RECEIVING), Profile.STAFF)

        times = [(cpu(gateway), float(ask({"round": both})["cpu"])) for _ in range(rounds)]
    return Compared(len(both), median(t for t, _ in times) / len(both), median(t for _, t in times) / len(both))


def _questions() -> tuple[list[Question], TrustSnapshot]:
    """Return the distinct public codes that carry ES256, and a trust that holds their signers."""
    folder = vectors_dir()
    if folder is None:
        raise NotMeasured(WHERE_TO_GET_THEM)
    questions: dict[str, Question] = {}
    keys: dict[tuple[IssuerId, KeyId], TrustedKey] = {}
    for line in (folder / "dcc" / "dcc-testdata.jsonl").read_text().splitlines():
        case = json.loads(line)
        if not case["EXPECTEDRESULTS"].get("EXPECTEDVERIFY"):
            continue
        code, context = str(case["PREFIX"]), case["TESTCTX"]
        found = recognise(code.encode())
        if found is not Format.HCERT:
            continue
        claimed = read_code(code.encode(), found)
        certificate = base64.b64decode(context["CERTIFICATE"])
        public = x509.load_der_x509_certificate(certificate).public_key()
        key_id = KeyId(hashlib.sha256(certificate).digest()[:8])
        if claimed.algorithm is not Algorithm.ES256 or not isinstance(public, ec.EllipticCurvePublicKey):
            continue
        if claimed.key_id != key_id or not isinstance(public.curve, ec.SECP256R1):
            continue
        numbers = public.public_numbers()
        keys[claimed.issuer, key_id] = TrustedKey(
            claimed.issuer, key_id, Algorithm.ES256, make_verifier(Algorithm.ES256, public)
        )
        questions[code] = Question(
            code,
            parse_instant(context["VALIDATIONCLOCK"]),
            base64.b64encode(key_id).decode(),
            base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode(),
            f"{numbers.x:064x}",
            f"{numbers.y:064x}",
        )
    issuers = {issuer: IssuerProfile(issuer, None, frozenset({Format.HCERT}), {}) for issuer, _ in keys}
    return list(questions.values()), TrustSnapshot(ring=KeyRing(keys.values()), issuers=issuers, revocations={})


@contextmanager
def running(command: Sequence[str]) -> Iterator[Any]:
    """Start a rival and give a function that asks it one line. The function raises NotMeasured if the rival ended."""
    rival = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert rival.stdin is not None
    assert rival.stdout is not None
    to_rival, from_rival = rival.stdin, rival.stdout

    def ask(question: dict[str, object]) -> dict[str, Any]:
        to_rival.write(json.dumps(question) + "\n")
        to_rival.flush()
        line = from_rival.readline()
        if not line:
            raise NotMeasured("the rival ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    try:
        yield ask
    finally:
        to_rival.close()
        rival.kill()
        rival.wait()


def _covidpylib() -> list[str]:
    python = python_packages(BUILD / "covidpylib", "CovidPyLib==0.1.4", "cbor2<5.5")
    return [python, str(HERE / "rivals" / "covidpylib_driver.py")]


def _dcc_utils(variant: str) -> list[str]:
    home = BUILD / "node"
    return [npm_package(home, "dcc-utils@0.4.0"), str(HERE / "rivals" / "dcc_utils_driver.cjs"), str(home), variant]


def python_packages(home: Path, *packages: str) -> str:
    """Return the interpreter of an environment of its own that has `packages`. Raises: NotMeasured."""
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        _install([sys.executable, "-m", "venv", str(home)])
        _install([str(python), "-m", "pip", "install", "-qq", *packages])
        (home / "installed").touch()
    return str(python)


def npm_package(home: Path, package: str) -> str:
    """Return Node, for a folder of its own that has `package`. Raises: NotMeasured."""
    tools = Path(sys.executable).parent
    node = shutil.which("node") or shutil.which("node", path=str(tools))
    npm = shutil.which("npm") or shutil.which("npm", path=str(tools))
    if node is None or npm is None:
        raise NotMeasured("Node and npm are needed")
    if not (home / "installed").exists():
        home.mkdir(parents=True, exist_ok=True)
        _install([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), package])
        (home / "installed").touch()
    return node


def _install(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as failed:
        raise NotMeasured("it cannot be installed: no registry can be reached, or it has no such package") from failed


RIVALS = {
    "dcc_utils": lambda: _dcc_utils("raw-key"),
    "dcc_utils_keys_list": lambda: _dcc_utils("keys-list"),
    "covidpylib": _covidpylib,
}
