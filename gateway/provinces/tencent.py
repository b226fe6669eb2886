"""The decode call of the Tencent family (docs/dialects.md, 3).

- Expired codes come back as a success with a flag: the flag wins over the colour.
- The answer says nothing of the code that it is about, unless a profile names a member that does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Final

from gateway.values import Instant, OpaqueCode

from .answers import Envelope, read_state
from .credentials import read_secret_text
from .dialect import Stated
from .http import JSON, HttpUpstream, within
from .needs import Needs, http_parameters, record_of, sent
from .profile import ProvinceProfile

NEEDS: Final = Needs(
    credentials=("secret_key",),
    registered_as=("app_id",),
    parameters=http_parameters(
        path="/decode",
        send_secret="false",  # noqa: S106 a switch
        state_member="risk_assessment_grade",
        reason_member="reason",
        expired_member="qrcode_expired",
    ),
    success=("0",),
)


class Tencent:
    """Asks one province of the Tencent family. See `Dialect`."""

    def __init__(self, profile: ProvinceProfile) -> None:
        """Read the secret. Raises: CredentialsUnavailable."""
        self._given = given = NEEDS.parameters_of(profile)
        self._app_id = profile.registered_as["app_id"]
        self._secret = read_secret_text(profile.credentials["secret_key"])
        self._in_the_clear = given["send_secret"] == "true"  # noqa: S105 a switch
        self._record = record_of(profile, given, ("data",), lapsed="report_expired")
        self._envelope = Envelope(("errcode",), NEEDS.success, NEEDS.codes_of(profile))
        self._upstream = HttpUpstream(profile, use_connections_once=not self._record.echo)

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:
        """See `Dialect`."""
        asked = sent(code, self._given)
        body = json.dumps(self._signed(asked, at), ensure_ascii=False).encode()
        read = partial(read_state, envelope=self._envelope, record=self._record, asked=asked)
        return await within(time_left, self._upstream.post(self._given["path"], body, JSON, read))

    async def close(self) -> None:
        """See `Dialect`."""
        await self._upstream.close()

    def _signed(self, asked: str, at: Instant) -> Mapping[str, str]:
        fields = {
            "appId": self._app_id,
            "code_content": asked,
            "secretKey": self._secret,
            "timestamp": str(int(at)),
        }
        covered = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        if not self._in_the_clear:
            del fields["secretKey"]
        return {**fields, "sign": hashlib.sha256(covered.encode()).hexdigest()}
