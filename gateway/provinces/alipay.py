"""Alipay's verify call for government health codes (docs/dialects.md, 2).

- The request is signed as Alipay's open API does it: RSA2 over the sorted parameters.
- The answer is bound by the code that it repeats, and signed by the platform where a profile holds its key.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from typing import Final

from gateway.values import Instant, OpaqueCode

from .answers import Envelope, Verdict, read_state, wall_time
from .credentials import open_rsa_signer, open_rsa_verifier
from .dialect import Stated, UpstreamFailure
from .http import FORM, HttpUpstream, form_of, within
from .needs import Needs, http_parameters, record_of, sent
from .profile import ProvinceProfile

METHOD: Final = "alipay.ebpp.industry.gov.healthcode.verify"
_NODES: Final = (METHOD.replace(".", "_") + "_response", "error_response")

_REFUSED: Final = (
    "20001",
    "40001",
    "40002",
    "40003",
    "40006",
)
_CODES: Final[Mapping[str, Verdict]] = {
    **dict.fromkeys(_REFUSED, UpstreamFailure.REFUSED),
    "40005": UpstreamFailure.OVERLOADED,
    "isv.app-call-limited": UpstreamFailure.OVERLOADED,
}

NEEDS: Final = Needs(
    credentials=("private_key",),
    optional_credentials=("platform_public_key",),
    registered_as=("app_id",),
    parameters=http_parameters(
        path="/gateway.do",
        city_code="",
        industry_type="HEALTH_CODE",
        state_member="code_color",
        echo_member="qr_code",
    ),
    success=("10000",),
    codes=_CODES,
    bound=True,
)


class Alipay:
    """Asks one province through Alipay's open API. See `Dialect`."""

    def __init__(self, profile: ProvinceProfile) -> None:
        """Read the keys. Raises: CredentialsUnavailable."""
        self._given = given = NEEDS.parameters_of(profile)
        self._app_id = profile.registered_as["app_id"]
        self._city = given["city_code"] or profile.division
        self._sign = open_rsa_signer(profile.credentials["private_key"])
        platform = profile.credentials.get("platform_public_key")
        self._record = record_of(profile, given, ())
        self._envelope = Envelope(
            ("code",),
            NEEDS.success,
            NEEDS.codes_of(profile),
            detail=("sub_code",),
            nodes=_NODES,
            verifier=None if platform is None else open_rsa_verifier(platform),
        )
        self._upstream = HttpUpstream(profile, use_connections_once=False)

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:
        """See `Dialect`."""
        asked = sent(code, self._given)
        body = form_of(self._signed(asked, at))
        read = partial(read_state, envelope=self._envelope, record=self._record, asked=asked)
        return await within(time_left, self._upstream.post(self._given["path"], body, FORM, read))

    async def close(self) -> None:
        """See `Dialect`."""
        await self._upstream.close()

    def _signed(self, asked: str, at: Instant) -> Mapping[str, str]:
        question = {
            "city_code": self._city,
            "code_content": asked,
            "industry_type": self._given["industry_type"],
        }
        fields = {
            "app_id": self._app_id,
            "biz_content": json.dumps(question, ensure_ascii=False, separators=(",", ":")),
            "charset": "utf-8",
            "format": "JSON",
            "method": METHOD,
            "sign_type": "RSA2",
            "timestamp": wall_time(at),
            "version": "1.0",
        }
        covered = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        return {**fields, "sign": b64encode(self._sign(covered.encode())).decode("ascii")}
