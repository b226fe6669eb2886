"""A gateway's folder with live status: a province that publishes lists, and whom the gateway follows."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from gateway.changes import SignedBatch
from gateway.conversion.converter import BriefSigner
from gateway.rpc.status_client import connected_status
from gateway.values import Instant
from keys.signer import generate_dev_key, open_signer
from keys.values import Algorithm, IssuerId
from tests.integration.gateway_process import GUIZHOU, Gateway, Site
from tests.simulators.signing import SigningKey, make_key
from tests.simulators.status_issuer import StatusIssuer

URI = "https://status.guizhou.test/2026-11-27"
CONVERTER = "https://gateway.test/conversion"
RELAY = IssuerId("https://gateway.test/status")
"""What the gateway of a site is called as a source of lists."""


def now() -> Instant:
    """Return the instant, as an issuer reads it."""
    return Instant(time.time())


def listed_key(key: SigningKey) -> dict[str, object]:
    """Return an Ed25519 key as a trust list has it."""
    point = urlsafe_b64encode(key.public.public_bytes_raw()).rstrip(b"=").decode()  # type: ignore[union-attr]
    kid = urlsafe_b64encode(key.key_id).rstrip(b"=").decode()
    return {"algorithm": "Ed25519", "key_id": kid, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": point}}


class StatusSite(Site):
    """A site whose province publishes live status."""

    def __init__(self, folder: Path, *, keys: tuple[SigningKey, ...] = (), relays: tuple[Path, ...] = ()) -> None:
        """`keys`: the province's, of another site of the same province; `relays`: folders of gateways to be trusted."""
        self.keys = keys or tuple(make_key(Algorithm.ED25519, f"gz-{number}") for number in (1, 2))
        self.relays = relays
        super().__init__(folder, self.keys[0].private)  # type: ignore[arg-type]  # an Ed25519 key
        generate_dev_key(folder / "status.key.pem")
        self.config.write_text(
            self.config.read_text()
            + """
            [status]
            directory = "status"
            listen = "127.0.0.1:0"
            signer = "file:status.key.pem"
            issuer = "https://gateway.test/status"
            checkpoint_s = 0.5
            """
        )

    def write_trust(self, *, sequence: int, expires_in_s: float = 86_400.0, **overrides: object) -> None:
        """Write a trust list with the province and the relays on it."""
        issuers: list[dict[str, object]] = [
            {
                "issuer": GUIZHOU,
                "name": "Guizhou test authority",
                "division": "520000",
                "formats": ["native"],
                "states": {"green": "GREEN", "yellow": "YELLOW", "red": "RED"},
                "keys": [listed_key(key) for key in self.keys],
            }
        ]
        for number, relay in enumerate(self.relays):
            signer = open_signer(f"file:{relay / 'status.key.pem'}")
            kid = urlsafe_b64encode(signer.key_id).rstrip(b"=").decode()
            converting = relay / "conversion.key.pem"
            if converting.exists():
                brief = BriefSigner(open_signer(f"file:{converting}"))
                kid8 = urlsafe_b64encode(brief.key_id).rstrip(b"=").decode()
                issuers.append(
                    {
                        "issuer": CONVERTER,
                        "name": "Conversion",
                        "formats": ["native"],
                        "converts": True,
                        "keys": [{"algorithm": "Ed25519", "key_id": kid8, "jwk": dict(brief.public_jwk)}],
                    }
                )
            issuers.append(
                {
                    "issuer": f"{RELAY}/{number}" if number else RELAY,
                    "name": "Gateway",
                    "formats": ["native"],
                    "keys": [{"algorithm": "Ed25519", "key_id": kid, "jwk": dict(signer.public_jwk)}],
                }
            )
        super().write_trust(sequence=sequence, expires_in_s=expires_in_s, issuers=issuers, **overrides)

    def convert(self) -> None:
        """Let this gateway convert codes."""
        generate_dev_key(self.folder / "conversion.key.pem")
        self.config.write_text(
            self.config.read_text()
            + f"""
            [conversion]
            signer = "file:conversion.key.pem"
            issuer = "{CONVERTER}"
            status_uri = "https://gateway.test/converted"
            """
        )

    def follow(self, target: str) -> None:
        """Let this gateway follow another one."""
        self.config.write_text(
            self.config.read_text()
            + f"""
            [[status.follow]]
            gateway = "{RELAY}"
            target = "{target}"
            insecure_plaintext_to_loopback = true
            """
        )

    def issuer(self, uri: str = URI, capacity: int = 1_024) -> StatusIssuer:
        """Return a list of the province that is not opened yet."""
        return StatusIssuer.make(GUIZHOU, uri, self.keys, capacity)

    def pointing(self, index: int, state: str = "green", *, uri: str = URI, **overrides: Any) -> bytes:
        """Return a code of the province that points to a place of its list."""
        made = {"status_uri": uri, "status_index": index, "code_id": f"code-{index}"}
        return self.code(state, **made | overrides)


def status_of(gateway: Gateway) -> str:
    """Return where a gateway that serves has its StatusService."""
    told = [event for event in gateway.events if event["event"] == "serving" and event.get("status")]
    return str(told[-1]["status"])


def pid_of(gateway: Gateway, process: str) -> int:
    """Return the id of the process that has a post now, as far as its gateway has told."""
    return int(
        [one for one in gateway.events if one["event"] == "process_ready" and one["process"] == process][-1]["pid"]
    )


async def publish(target: str, *batches: SignedBatch) -> None:
    """Publish batches one after another. Raises: BatchRefused, StoreDegraded, AskingFailed."""
    async with connected_status(target) as client:
        for batch in batches:
            await client.publish(batch)
