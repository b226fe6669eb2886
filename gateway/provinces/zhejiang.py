"""Zhejiang's data bus: fetch a request secret, then ask with it (docs/dialects.md, 5).

- Requests are signed with MD5 because the system has it; answers not at all: TLS alone says whose they are.
- The request secret is kept until shortly before its end. One asker fetches it while the others wait; a fetch goes on
  when its asker goes away.
- A secret that was accepted before and is refused now is fetched anew, and the question put once more. One that was
  never accepted is forgotten, and the refusal stands: a gateway without rights does not knock twice.
- The answer is bound by the code that it repeats.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import quote

from gateway.errors import CodeStopped
from gateway.values import Instant, OpaqueCode

from .answers import Envelope, read_state, read_texts, read_time
from .credentials import read_secret_text
from .dialect import Stated, UpstreamFailed, UpstreamFailure
from .http import FORM, HttpUpstream, form_of, within
from .needs import Needs, http_parameters, record_of, sent
from .profile import ProvinceProfile

SPARE_S: Final = 30.0
"""Seconds before its end that a request secret is no longer used."""

_SECRET: Final = (("data", "requestSecret"), ("data", "requestSecretEndTime"))

NEEDS: Final = Needs(
    credentials=("app_key", "app_secret"),
    registered_as=("department", "area"),
    parameters=http_parameters(
        secret_path="/secret",  # noqa: S106 a path
        path="/query",
        additional="{}",
        state_member="level",
        echo_member="qrCode",
    ),
    success=("0", "00", ""),
    bound=True,
)


@dataclass(slots=True)
class _RequestSecret:
    text: str = field(repr=False)
    end: Instant
    accepted: bool = False


class Zhejiang:
    """Asks Zhejiang's data bus. See `Dialect`."""

    def __init__(self, profile: ProvinceProfile) -> None:
        """Read key and secret. Raises: CredentialsUnavailable."""
        self._given = given = NEEDS.parameters_of(profile)
        self._app_key = read_secret_text(profile.credentials["app_key"])
        self._app_secret = read_secret_text(profile.credentials["app_secret"])
        self._headers = {
            "Calling-Department": quote(profile.registered_as["department"]),
            "Calling-Area": quote(profile.registered_as["area"]),
        }
        self._record = record_of(profile, given, ("data",))
        self._envelope = Envelope(("errCode",), NEEDS.success, NEEDS.codes_of(profile), success_flag=("success",))
        self._fetch_within = profile.budget.deadline_s
        self._upstream = HttpUpstream(profile, use_connections_once=False)
        self._held: _RequestSecret | None = None
        self._fetching: asyncio.Task[_RequestSecret] | None = None

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:
        """See `Dialect`."""
        return await within(time_left, self._ask(sent(code, self._given), at))

    async def close(self) -> None:
        """See `Dialect`."""
        await self._upstream.close()
        if self._fetching is not None:
            await asyncio.wait((self._fetching,))

    async def _ask(self, asked: str, at: Instant) -> Stated:
        secret = await self._request_secret(at)
        try:
            return await self._query(asked, secret, at)
        except UpstreamFailed as failed:
            if failed.failure is not UpstreamFailure.REFUSED:
                raise
            if self._held is secret:
                self._held = None
            if not secret.accepted:
                raise
        return await self._query(asked, await self._request_secret(at), at)

    async def _query(self, asked: str, secret: _RequestSecret, at: Instant) -> Stated:
        fields = {**self._signed(secret.text, at), "qrCode": asked, "additional": self._given["additional"]}
        read = partial(read_state, envelope=self._envelope, record=self._record, asked=asked)
        try:
            stated = await self._upstream.post(self._given["path"], form_of(fields), FORM, read, self._headers)
        except CodeStopped:
            secret.accepted = True
            raise
        secret.accepted = True
        return stated

    async def _request_secret(self, at: Instant) -> _RequestSecret:
        held = self._held
        if held is not None and at < held.end - SPARE_S:
            return held
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch(at))
            self._fetching.add_done_callback(_take_note)
        return await asyncio.shield(self._fetching)

    async def _fetch(self, at: Instant) -> _RequestSecret:
        fields = self._signed(self._app_secret, at)
        read = partial(read_texts, envelope=self._envelope, paths=_SECRET)
        text, end_text = await within(
            self._fetch_within,
            self._upstream.post(self._given["secret_path"], form_of(fields), FORM, read, self._headers),
        )
        end = read_time(end_text)
        if end is None:
            raise UpstreamFailed(UpstreamFailure.GARBAGE, "requestSecretEndTime")
        self._held = _RequestSecret(text, end)
        return self._held

    def _signed(self, secret: str, at: Instant) -> dict[str, str]:
        moment = str(int(at * 1000))
        sign = hashlib.md5(f"{self._app_key}{secret}{moment}".encode(), usedforsecurity=False).hexdigest()
        return {"appKey": self._app_key, "requestTime": moment, "sign": sign}


def _take_note(fetching: asyncio.Task[_RequestSecret]) -> None:
    """Look at how a fetch ended, for when everybody who waited for it has gone."""
    if not fetching.cancelled():
        fetching.exception()
