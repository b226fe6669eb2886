"""The options of live status: what is held, who may read it, whom the gateway follows, and how old a word may be."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from .forms import Endpoint, ListenOn, Section, Signer

_URI = r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?@!$&'()*+,;=%-]*)?$"
_ISSUER = r"^[!-~]{1,128}$"


class PurposeName(StrEnum):
    """Why a caller asks, as in gateway/values."""

    TRANSPORT_DEPARTURE = "TRANSPORT_DEPARTURE"
    TRANSPORT_ARRIVAL = "TRANSPORT_ARRIVAL"
    VENUE_ENTRY = "VENUE_ENTRY"
    RESIDENCE_ENTRY = "RESIDENCE_ENTRY"
    WORK_RESUMPTION = "WORK_RESUMPTION"
    MEDICAL_CARE = "MEDICAL_CARE"
    SELF_CHECK = "SELF_CHECK"


class BudgetSection(Section):
    """How old the word of one issuer, or for one purpose, may be."""

    issuer: str | None = Field(default=None, pattern=_ISSUER, description="Whose lists; absent: anybody's.")
    purpose: PurposeName | None = Field(default=None, description="For which purpose; absent: for any.")
    fresh_s: float = Field(gt=0, le=86_400, allow_inf_nan=False, description="Seconds for which it is fresh.")
    budget_s: float = Field(
        gt=0, le=7 * 86_400, allow_inf_nan=False, description="Seconds after which nothing is decided by it: MANUAL."
    )

    @model_validator(mode="after")
    def _fresh_is_within_the_budget(self) -> Self:
        if self.fresh_s > self.budget_s:
            raise ValueError("fresh_s must not be more than budget_s")
        if self.issuer is None and self.purpose is None:
            raise ValueError(
                "a budget names an issuer, a purpose, or both; for all others there are fresh_s and budget_s"
            )
        return self


class FollowSection(Section):
    """One gateway whose lists are taken over."""

    gateway: str = Field(pattern=_ISSUER, description="Its name on the trust lists: whose snapshots are believed.")
    target: ListenOn = Field(description="host:port of its StatusService.")
    issuers: tuple[str, ...] = Field(default=(), description="Only lists of these issuers; none named: all.")
    ca_file: Path | None = Field(default=None, description="PEM authorities of its certificate.")
    certificate_file: Path | None = Field(default=None, description="PEM chain of this gateway as its client.")
    key_file: Path | None = Field(default=None, description="PEM private key of that certificate.")
    insecure_plaintext_to_loopback: bool = Field(
        default=False, description="Without TLS, to this machine only; test environment only."
    )

    @model_validator(mode="after")
    def _one_way_of_being_known(self) -> Self:
        files = (self.ca_file, self.certificate_file, self.key_file)
        if self.insecure_plaintext_to_loopback:
            if any(file is not None for file in files) or not self.target.is_loopback:
                raise ValueError("insecure_plaintext_to_loopback needs a loopback target and no files")
        elif any(file is None for file in files):
            raise ValueError("ca_file, certificate_file and key_file are required")
        return self


class TokenListSection(Section):
    """One Token Status List of an issuer that publishes by plain HTTPS."""

    issuer: str = Field(pattern=_ISSUER, description="The issuer, as in its codes and on the trust lists.")
    uri: str = Field(pattern=_URI, max_length=256, description="The list's address, as in the issuer's codes.")
    address: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        max_length=512,
        description="Where it is fetched, if not at its own address.",
    )
    signed_by: str | None = Field(
        default=None, pattern=_ISSUER, description="Who signs it on the issuer's behalf; absent: the issuer."
    )
    ca_file: Path | None = Field(default=None, description="PEM authorities of its server; absent: the system's.")
    certificate_file: Path | None = Field(default=None, description="PEM chain of this gateway, if the server asks.")
    key_file: Path | None = Field(default=None, description="PEM private key of that certificate.")
    words: dict[str, str] = Field(
        default_factory=dict, description="What the numbers of the list mean: number -> state."
    )


class StatusSection(Section):
    """Lists of live status: held, followed and handed on."""

    directory: Path = Field(description="Folder of the lists, the log and the local socket; on a disk that keeps it.")
    listen: ListenOn = Field(default=Endpoint("127.0.0.1", 8444), description="host:port of the StatusService.")
    http_listen: ListenOn | None = Field(
        default=None, description="host:port of plain Token Status Lists for enrolled readers; absent: not served."
    )
    http_base: str = Field(
        default="",
        pattern=r"^(https://[^\s/]+)?$",
        max_length=256,
        description="How clients reach http_listen, as https://host:port; empty: by its own address.",
    )
    signer: Signer = Field(description="URI of the private key that signs snapshots and list tokens.")
    issuer: str = Field(pattern=_ISSUER, description="Name of this gateway as a source of lists, as on trust lists.")
    enrolled: tuple[str, ...] = Field(
        default=(), max_length=4_096, description="Certificate names of the gateways and clients that may read lists."
    )
    store: str = Field(
        default="sqlite:log.sqlite",
        pattern=r"^(sqlite|postgresql):.+$",
        description="Where the log is: sqlite:FILE (in directory), or postgresql:FILE that holds the address.",
    )
    bulk_size: int = Field(
        default=1_000, ge=1, le=1 << 28, description="Places that one person's signature may change in a batch."
    )
    max_lists: int = Field(default=256, ge=1, le=4_096, description="Lists that are held at one time.")
    max_bytes: int = Field(
        default=2 << 30, ge=1 << 20, le=1 << 40, description="Bytes that all lists together may take on disk."
    )
    keep_days: float = Field(default=14, gt=0, le=3_650, description="Days that signed batches are kept.")
    checkpoint_s: float = Field(
        default=30, ge=0.1, le=3_600, allow_inf_nan=False, description="Seconds between two checkpoints of the lists."
    )
    fresh_s: float = Field(default=60, gt=0, le=86_400, description="Seconds for which a list's word is fresh.")
    budget_s: float = Field(
        default=900, gt=0, le=7 * 86_400, description="Seconds after which nothing is decided by a list: MANUAL."
    )
    budgets: tuple[BudgetSection, ...] = Field(default=(), description="Other ages, by issuer and purpose.")
    follow: tuple[FollowSection, ...] = Field(default=(), description="Gateways whose lists are taken over.")
    token_lists: tuple[TokenListSection, ...] = Field(default=(), description="Plain Token Status Lists that are read.")

    @property
    def http_is_loopback(self) -> bool:
        """Whether only this machine can read plain lists."""
        return self.http_listen is None or self.http_listen.is_loopback

    @property
    def follows_in_plaintext(self) -> bool:
        """Whether any followed gateway is asked without TLS."""
        return any(one.insecure_plaintext_to_loopback for one in self.follow)

    @model_validator(mode="after")
    def _fresh_is_within_the_budget(self) -> Self:
        if self.fresh_s > self.budget_s:
            raise ValueError("fresh_s must not be more than budget_s")
        return self
