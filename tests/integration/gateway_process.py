"""A real gateway in a process of its own, and what it needs on disk, for the tests of operation and privacy."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from healthcode.interop.v1 import verdict_pb2, verification_service_pb2, verification_service_pb2_grpc

from gateway.formats.native_encode import NativeClaims, encode_jws
from gateway.policy.book import SHIPPED
from keys.signer import generate_dev_key
from keys.values import Algorithm, KeyId

ROOT = Path(__file__).parents[2]

PATIENCE_S = 60.0
"""How long a test waits for something that must happen. Reached only if it does not."""

INSTANCE = "under-test"
GUIZHOU = "https://health.guizhou.test"


@dataclass
class Site:
    """A folder with everything that a gateway needs: one trusted province, the shipped rules, a fresh receipt key."""

    folder: Path
    province: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    signs_with: Algorithm = Algorithm.ED25519

    def __post_init__(self) -> None:
        self.trust = self.folder / "trust.json"
        self.policy = self.folder / "policy"
        self.config = self.folder / "hcgw.toml"
        self.policy.mkdir()
        for rules in SHIPPED.glob("*.toml"):
            (self.policy / rules.name).write_bytes(rules.read_bytes())
        generate_dev_key(self.folder / "receipts.key.pem", self.signs_with)
        self.write_trust(sequence=1)
        self.config.write_text(
            """
            service = { environment = "test", instance = "INSTANCE" }
            http = { listen = "127.0.0.1:0" }
            trust = { lists = ["trust.json"] }
            policy = { directory = "policy" }
            callers = { insecure_everyone_may_ask = true }
            disclosure = { max_profile = "STAFF" }
            receipts = { signer = "file:receipts.key.pem", issuer = "https://gateway.test" }
            log = { level = "debug" }
            [grpc]
            listen = "127.0.0.1:0"
            insecure_plaintext_on_loopback = true
            lame_duck_s = 0.2
            grace_s = 5
            """.replace("INSTANCE", INSTANCE)
        )

    def write_trust(self, *, sequence: int, expires_in_s: float = 86_400.0, **overrides: object) -> None:
        """Write a trust list with the province on it."""
        public = urlsafe_b64encode(self.province.public_key().public_bytes_raw()).rstrip(b"=").decode()
        now = time.time()
        document: dict[str, object] = {
            "format_version": 1,
            "sequence": sequence,
            "environment": "test",
            "issued": _rfc3339(now - 3_600),
            "expires": _rfc3339(now + expires_in_s),
            "issuers": [
                {
                    "issuer": GUIZHOU,
                    "name": "Guizhou test authority",
                    "division": "520000",
                    "formats": ["native"],
                    "states": {"green": "GREEN", "yellow": "YELLOW", "red": "RED"},
                    "keys": [
                        {
                            "algorithm": "Ed25519",
                            "key_id": "Z3otMQ",
                            "jwk": {"kty": "OKP", "crv": "Ed25519", "x": public},
                            "not_after": _rfc3339(now + 30 * 86_400),
                        }
                    ],
                }
            ],
        }
        self.trust.write_text(json.dumps(document | overrides))

    def code(self, state: str = "green", **overrides: Any) -> bytes:
        """Return a code that the province has signed just now."""
        now = int(time.time())
        members: dict[str, Any] = {
            "issuer": GUIZHOU,
            "division": "520000",
            "state": state,
            "issue_time": now - 60,
            "expire_time": now + 3_600,
            "code_id": "0123456789abcdef",
        }
        claims = NativeClaims(**(members | overrides))
        return encode_jws(claims, key_id=KeyId(b"gz-1"), algorithm=Algorithm.ED25519, sign=self.province.sign).encode()


def _rfc3339(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


@dataclass
class Edges:
    """The two addresses of a gateway, and how to ask there."""

    grpc: str = ""
    http: str = ""

    def get(self, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and headers of a page."""
        request = urllib.request.Request(f"http://{self.http}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read(), dict(refused.headers)

    def verify(self, code: bytes, *, timeout: float = PATIENCE_S) -> verification_service_pb2.VerifyCodeResponse:
        """Ask about one code over gRPC."""
        with grpc.insecure_channel(self.grpc) as channel:
            answer: verification_service_pb2.VerifyCodeResponse = stub_of(channel).VerifyCode(
                question(code), timeout=timeout
            )
            return answer


class Gateway(Edges):
    """A running gateway process. Its output is read as it comes; it is ended by its id."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__()
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.stdout = b""
        self.stderr = b""
        self._fresh: queue.Queue[dict[str, Any] | None] = queue.Queue()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read_stdout, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._read_stderr, args=(process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_stdout(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.stdout += line
            self._fresh.put(json.loads(line))
        self._fresh.put(None)

    def _read_stderr(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.stderr += line

    def wait_for(self, name: str, **its: object) -> dict[str, Any]:
        """Return the next event of this name and fields; fails if it does not come in time or the output ends."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                found = self._fresh.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {name} in {PATIENCE_S:.0f} s: {self.stdout!r} {self.stderr!r}") from None
            assert found is not None, f"the gateway ended before {name}: {self.stdout!r} {self.stderr!r}"
            self.events.append(found)
            if found["event"] == name and its.items() <= found.items():
                return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process and no other."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Return the exit status of a process that is about to end, with all of its output read."""
        status = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        while not self._fresh.empty():
            found = self._fresh.get_nowait()
            if found is not None:
                self.events.append(found)
        return status

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def stub_of(channel: grpc.Channel) -> verification_service_pb2_grpc.VerificationServiceStub:
    """Return the generated client, which has no types of its own."""
    return verification_service_pb2_grpc.VerificationServiceStub(channel)  # type: ignore[no-untyped-call]


def question(code: bytes) -> verification_service_pb2.VerifyCodeRequest:
    """Return a sound request about `code`."""
    return verification_service_pb2.VerifyCodeRequest(
        context=verification_service_pb2.VerificationContext(
            purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
            receiving_division="330000",
            disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
        ),
        code=code,
        request_id="q-1",
        receipt_requested=True,
    )


def start(site: Site, *settings: str, **environment: str) -> Gateway:
    """Start `python -m gateway serve` on the site; do not wait for it."""
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(site.config)]
    for setting in settings:
        command += ["--set", setting]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("HCGW")} | environment,
    )
    return Gateway(process)


@contextmanager
def running(site: Site, *settings: str, **environment: str) -> Iterator[Gateway]:
    """Give a gateway that serves; end it afterwards, whatever happened."""
    gateway = start(site, *settings, **environment)
    try:
        serving = gateway.wait_for("serving", instance=INSTANCE)  # of several processes: the supervisor's word
        gateway.grpc, gateway.http = serving["grpc"], serving["http"]
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.process.kill()
        gateway.process.wait(PATIENCE_S)
        gateway.close()


def hcgw(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Return exit status, output and errors of a command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HCGW")}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 2,
        cwd=ROOT,
        env=clean | {"COLUMNS": "200"} | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
