"""One question to a province, through the connector that the gateway uses, and what an operator is told of it.

Rules:

- What comes out is a word of the profile's own, a verdict or a kind of failure: nothing of the code and nothing of its
  holder, whatever the province answers.
- Asked once: no second attempt, no fall-back, no memory. What is probed is the province and not the gateway.
- Without a code nothing is asked: only whether there is a connection.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from gateway.errors import CodeStopped, CodeUnreadable
from gateway.formats.opaque import OpaqueShapes
from gateway.provinces import dialects
from gateway.provinces.credentials import CredentialsUnavailable
from gateway.provinces.dialect import FindsKeys, Stated, UpstreamFailed, UpstreamFailure
from gateway.provinces.directory import ProvinceDirectory
from gateway.provinces.http import tls_of
from gateway.provinces.profile import DialectName, ProvinceName, ProvinceProfile
from gateway.values import Instant, OpaqueCode

CLOSE_S: Final = 2.0
"""Seconds that a connector has to give up its connections."""


class Outcome(StrEnum):
    """How a probe ended."""

    ANSWERED = "answered"
    """With a state."""
    VERDICT = "verdict"
    """With what an issuer may say instead of one: expired, not found, not its own."""
    REACHABLE = "reachable"
    """There is a connection; nothing was asked."""
    FAILED = "failed"
    NOT_READY = "not_ready"
    """A file that the profile names cannot be used."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found."""

    name: ProvinceName
    outcome: Outcome
    seconds: float = 0.0
    said: str | None = None
    """The issuer's word, if it is one that its profile explains."""
    state: str | None = None
    bound: bool | None = None
    """Whether the answer says which code it is about."""
    detail: str | None = None
    """The verdict, the kind of failure, or the file at fault."""

    @property
    def good(self) -> bool:
        """Whether the province works."""
        return self.outcome in (Outcome.ANSWERED, Outcome.VERDICT, Outcome.REACHABLE)

    def __str__(self) -> str:
        told = [f"{self.name}: {self.outcome}"]
        told += [part for part in (self.said, self.state, self.detail) if part]
        if self.bound is False:
            told.append("(not bound to the code)")
        return " ".join(told) + ("" if self.outcome is Outcome.NOT_READY else f" in {self.seconds:.3f} s")


def question(
    directory: ProvinceDirectory, profile: ProvinceProfile | None, code: bytes
) -> tuple[ProvinceProfile, OpaqueCode]:
    """Return whom to ask what about `code`.

    Of a province that was chosen only the shapes of its own codes count. The national platform is also asked about
    another's code, by the national id in it, as it is in that province's place.

    Raises: CodeUnreadable.
    """
    if profile is None:
        read = directory.shapes.read(code)
        return directory.by_issuer[read.issuer], read
    try:
        return profile, OpaqueShapes(profile.shapes).read(code)
    except CodeUnreadable:
        if profile is not directory.national:
            raise
    read = directory.shapes.read(code)
    return profile, replace(read, issuer=profile.issuer, identifier=read.national or read.text)


async def ask(profile: ProvinceProfile, code: OpaqueCode, *, at: Instant, keys: FindsKeys) -> Probed:
    """Put the question once, within the profile's deadline."""
    try:
        dialect = dialects.connect(profile, keys=keys)
    except CredentialsUnavailable as unavailable:
        return Probed(profile.name, Outcome.NOT_READY, detail=str(unavailable))
    begun = time.monotonic()
    found: Stated | CodeStopped | UpstreamFailed
    try:
        async with asyncio.timeout(profile.budget.deadline_s + CLOSE_S):
            found = await dialect.ask(code, at=at, time_left=profile.budget.deadline_s)
    except (CodeStopped, UpstreamFailed) as said:
        found = said
    except TimeoutError:
        found = UpstreamFailed(UpstreamFailure.TIMEOUT)
    seconds = time.monotonic() - begun
    with suppress(Exception):  # what a dying connection has to say helps nobody
        async with asyncio.timeout(CLOSE_S):
            await dialect.close()
    if isinstance(found, CodeStopped):
        return Probed(profile.name, Outcome.VERDICT, seconds, detail=found.reason.name)
    if isinstance(found, UpstreamFailed):
        return Probed(profile.name, Outcome.FAILED, seconds, detail=found.failure.value)
    meant = profile.states.get(found.statement)
    return Probed(
        profile.name,
        Outcome.ANSWERED,
        seconds,
        None if meant is None else found.statement,
        "UNKNOWN" if meant is None else meant.state.name,
        found.bound,
    )


async def knock(profile: ProvinceProfile) -> Probed:
    """Tell whether a connection can be made within the profile's deadline: TCP, and TLS unless it is plaintext."""
    try:
        host, port, encrypted = _address(profile)
        tls = tls_of(profile) if encrypted else None
    except CredentialsUnavailable as unavailable:
        return Probed(profile.name, Outcome.NOT_READY, detail=str(unavailable))
    begun = time.monotonic()
    failure: UpstreamFailure | None = None
    try:
        async with asyncio.timeout(profile.budget.deadline_s):
            _, writer = await asyncio.open_connection(host, port, ssl=tls)
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
    except TimeoutError:
        failure = UpstreamFailure.TIMEOUT
    except OSError:  # also of TLS: a certificate that is not the endpoint's
        failure = UpstreamFailure.UNREACHABLE
    seconds = time.monotonic() - begun
    if failure is None:
        return Probed(profile.name, Outcome.REACHABLE, seconds)
    return Probed(profile.name, Outcome.FAILED, seconds, detail=failure.value)


def _address(profile: ProvinceProfile) -> tuple[str, int, bool]:
    """Return host, port, and whether the connection is encrypted."""
    if profile.dialect is DialectName.NATIVE:
        host, _, port = profile.endpoint.rpartition(":")
        return host.strip("[]"), int(port), not profile.insecure_http_to_loopback
    url = urlsplit(profile.endpoint)
    encrypted = url.scheme == "https"
    return url.hostname or "", url.port or (443 if encrypted else 80), encrypted
