"""The national platform: apply for a call, then verify a code with what the application gave (docs/dialects.md, 6).

Modelled on the pair of calls of GB/T 38963, whose tables are not public: names and signing are this project's
assumption, and no conformance is claimed.

- The serial number and the challenge are good for one question; the answer must carry both, and so is bound to it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import partial
from typing import Final

from gateway.values import DivisionCode, Instant, OpaqueCode

from .answers import Envelope, read_state, read_texts
from .credentials import read_secret
from .dialect import Stated
from .http import JSON, HttpUpstream, within
from .needs import Needs, http_parameters, record_of, sent
from .profile import ProvinceProfile

_CARRIED: Final = ("serialNumber", "challenge")

NEEDS: Final = Needs(
    credentials=("secret_key",),
    registered_as=("app_id",),
    parameters=http_parameters(
        apply_path="/apply",
        path="/verify",
        state_member="state",
        reason_member="reason",
        stated_time_member="statedTime",
        expire_time_member="expireTime",
        division_member="division",
    ),
    success=("0",),
)


class National:
    """Asks the national platform. See `Dialect`."""

    def __init__(self, profile: ProvinceProfile) -> None:
        """Read the secret. Raises: CredentialsUnavailable."""
        self._given = given = NEEDS.parameters_of(profile)
        self._app_id = profile.registered_as["app_id"]
        self._secret = read_secret(profile.credentials["secret_key"])
        self._issuer = profile.issuer
        self._record = record_of(profile, given, ("data",))
        self._envelope = Envelope(("resultCode",), NEEDS.success, NEEDS.codes_of(profile))
        self._upstream = HttpUpstream(profile, use_connections_once=False)

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:
        """See `Dialect`."""
        # In another's place it must say whose code it is: else a green of one province would be judged as another's.
        about = None if code.issuer == self._issuer else code.division
        return await within(time_left, self._apply_and_verify(sent(code, self._given), about, at))

    async def close(self) -> None:
        """See `Dialect`."""
        await self._upstream.close()

    async def _apply_and_verify(self, asked: str, about: DivisionCode | None, at: Instant) -> Stated:
        apply = partial(read_texts, envelope=self._envelope, paths=tuple((name,) for name in _CARRIED))
        given_out = await self._upstream.post(self._given["apply_path"], self._signed(at), JSON, apply)
        carried = dict(zip(_CARRIED, given_out, strict=True))
        verify = partial(
            read_state, envelope=self._envelope, record=self._record, asked=asked, carried=carried, about=about
        )
        body = self._signed(at, codeContent=asked, **carried)
        return await self._upstream.post(self._given["path"], body, JSON, verify)

    def _signed(self, at: Instant, **question: str) -> bytes:
        fields: Mapping[str, str] = {"appId": self._app_id, "timestamp": str(int(at * 1000)), **question}
        covered = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        sign = hmac.new(self._secret, covered.encode(), hashlib.sha256).hexdigest()
        return json.dumps({**fields, "sign": sign}, ensure_ascii=False).encode()
