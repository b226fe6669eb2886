"""Jiangsu's scan call (docs/dialects.md, 4).

- It wants to know who scans and where. It is told the gateway's own registered names, the same for every question.
- The answer says nothing of the code that it is about.
"""

from __future__ import annotations

import json
from functools import partial
from types import MappingProxyType
from typing import Final

from gateway.errors import Reason
from gateway.values import Instant, OpaqueCode

from .answers import Envelope, read_state
from .credentials import read_secret_text
from .dialect import Stated, UpstreamFailure
from .http import JSON, HttpUpstream, within
from .needs import Needs, http_parameters, record_of, sent
from .profile import ProvinceProfile

_REGISTERED: Final = ("source", "position", "verifierDept", "verifierName", "verifierPhone")

NEEDS: Final = Needs(
    credentials=("token",),
    registered_as=_REGISTERED,
    parameters=http_parameters(path="/scan", send="text", state_member="level"),
    success=("0",),
    codes=MappingProxyType(
        {
            "111": Reason.EXPIRED,
            "112": Reason.NOT_ITS_ISSUERS,
            "116": UpstreamFailure.REFUSED,
            "118": UpstreamFailure.REFUSED,
            "119": UpstreamFailure.REFUSED,  # the caller must update its registration
        }
    ),
)


class Jiangsu:
    """Asks Jiangsu's system. See `Dialect`."""

    def __init__(self, profile: ProvinceProfile) -> None:
        """Read the token. Raises: CredentialsUnavailable."""
        self._given = given = NEEDS.parameters_of(profile)
        self._registered = {name: profile.registered_as[name] for name in _REGISTERED}
        self._token = read_secret_text(profile.credentials["token"])
        self._record = record_of(profile, given, ("res",))
        self._envelope = Envelope(("resCode",), NEEDS.success, NEEDS.codes_of(profile))
        self._upstream = HttpUpstream(profile, use_connections_once=not self._record.echo)

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:  # noqa: ARG002 it sends no time
        """See `Dialect`."""
        asked = sent(code, self._given)
        fields = {"url": asked, **self._registered, "token": self._token}
        body = json.dumps(fields, ensure_ascii=False).encode()
        read = partial(read_state, envelope=self._envelope, record=self._record, asked=asked)
        return await within(time_left, self._upstream.post(self._given["path"], body, JSON, read))

    async def close(self) -> None:
        """See `Dialect`."""
        await self._upstream.close()
