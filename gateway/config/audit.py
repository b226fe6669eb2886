"""The options of the audit log: where it is kept and for how long, what waits for it, and whose heads are compared."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from gateway.loopback import is_loopback

from .forms import Section, Signer


class AnswerWhen(StrEnum):
    """When an answer is sent: once its entry is durable, or before."""

    AFTER_COMMIT = "after_commit"
    AT_ONCE = "at_once"


class Unavailable(StrEnum):
    """What is done while the log cannot be written."""

    REFUSE = "refuse"
    ANSWER = "answer"


class PeerSection(Section):
    """Another gateway whose audit logs are watched."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="What it is called in events and metrics here.")
    url: str = Field(
        pattern=r"^https?://[^\s/?#@]+$",
        max_length=256,
        description="Its operators' HTTP address, as https://host:port; http to this machine only.",
    )
    vkey: str = Field(
        min_length=1, max_length=512, description="The public key of its checkpoints, as hcgw audit key prints it."
    )
    ca_file: Path | None = Field(default=None, description="PEM authorities of its server; absent: the system's.")
    certificate_file: Path | None = Field(default=None, description="PEM chain of this gateway, if the server asks.")
    key_file: Path | None = Field(default=None, description="PEM private key of that certificate.")

    @model_validator(mode="after")
    def _plaintext_stays_here(self) -> Self:
        scheme, _, where = self.url.partition("://")
        if scheme == "http" and not is_loopback(where.rpartition(":")[0].strip("[]") or where):
            raise ValueError("url: http is for an address of this machine only")
        return self

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self


class AuditSection(Section):
    """The audit log: every decision and every change, so that none can be altered later and not be noticed."""

    directory: Path = Field(description="Folder of the logs and of their socket; on a disk that keeps it.")
    origin: str = Field(
        pattern=r"^[A-Za-z0-9._~/-]{1,200}$",
        description="Name of this node's logs in their checkpoints, unique in the world: as gateway.example/node-1.",
    )
    signer: Signer = Field(description="URI of the private key (Ed25519) that signs checkpoints.")
    answer: AnswerWhen = Field(
        default=AnswerWhen.AFTER_COMMIT, description="When an answer is sent: after_commit of its entry, or at_once."
    )
    wait_ms: int = Field(
        default=250, ge=10, le=10_000, description="Milliseconds that an answer waits for its entry at most."
    )
    when_unavailable: Unavailable = Field(
        default=Unavailable.REFUSE, description="While the log cannot be written: refuse, or answer and write later."
    )
    queue: int = Field(
        default=65_536, ge=1_024, le=1 << 22, description="Entries that a process keeps while they cannot be written."
    )
    bucket_s: int = Field(
        default=600, ge=60, le=86_400, description="How finely the time of a decision is told, in seconds."
    )
    decisions_days: float = Field(default=180, gt=0, le=36_500, description="Days that decisions are kept.")
    changes_days: float = Field(default=1_825, gt=0, le=36_500, description="Days that changes are kept.")
    former_vkeys: tuple[str, ...] = Field(
        default=(), max_length=16, description="Public keys that signed these logs before the signer's."
    )
    serve_entries: bool = Field(
        default=False, description="Serve what entries say over http.listen, not only hashes and checkpoints."
    )
    peers: tuple[PeerSection, ...] = Field(
        default=(), max_length=64, description="Other gateways whose heads are compared each minute."
    )

    @model_validator(mode="after")
    def _peers_have_names_of_their_own(self) -> Self:
        names = [peer.name for peer in self.peers]
        if len(set(names)) != len(names):
            raise ValueError("peers: two have one name")
        return self
