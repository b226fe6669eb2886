"""Zhejiang's data bus: a request secret is fetched first and signs the question; the calling department is named.

A request secret lasts fifteen minutes. `forget_secrets` takes all of them back before their end, as a restart would.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5
from typing import ClassVar
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from gateway.values import CodeState

from .faults import Fault, FaultKind
from .http_system import Answers, HttpSystem, Reply

SECRET_LIFE_S = 900.0


class ZhejiangSystem(HttpSystem):
    """The bus and the code service behind it."""

    WORDS: ClassVar = {CodeState.GREEN: "green", CodeState.YELLOW: "yellow", CodeState.RED: "red"}
    PARAMETERS: ClassVar = {
        "expired_codes": "QRCODE_EXPIRED",
        "not_found_codes": "QRCODE_UNKNOWN",
        "refused_codes": "SIGN_WRONG SECRET_STALE",
    }

    _secrets: dict[str, float]
    _made = 0

    def routes(self) -> Mapping[str, Answers]:
        """See HttpSystem."""
        self._secrets = {}
        return {
            self.parameters.get("secret_path", "/secret"): self._give_secret,
            self.parameters.get("path", "/query"): self._query,
        }

    def credentials(self) -> Mapping[str, bytes]:
        """See HttpSystem."""
        return {"app_key": self.secret("app_key").encode(), "app_secret": self.secret("app_secret").encode()}

    def forget_secrets(self) -> None:
        """Accept no request secret that was given out."""
        self._secrets = {}

    async def _give_secret(self, request: web.Request, body: bytes, fault: Fault) -> Reply:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        nobody = self.screens.population.somebody_else(0)
        if not self._signed(request, form, self.secret("app_secret")) or fault.kind is FaultKind.WRONG_SIGNATURE:
            return Reply(_failed("SIGN_WRONG", nobody.story), nobody)
        if fault.kind is FaultKind.OVERLOAD:
            return Reply(_failed("BUSY", nobody.story), nobody, status=429)
        self._made += 1
        secret, ends = self.secret(f"request/{self._made}"), self.clock() + SECRET_LIFE_S
        self._secrets[secret] = ends
        data = {"requestSecret": secret, "requestSecretEndTime": int(ends * 1000), "contact": nobody.story}
        return Reply({"success": True, "errCode": "0", "errMsg": "", "data": data}, nobody)

    async def _query(self, request: web.Request, body: bytes, fault: Fault) -> Reply:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        finding = self.find(form["qrCode"], fault)
        about = finding.about
        now = self.clock()
        if fault.kind is FaultKind.WRONG_SIGNATURE:
            return Reply(_failed("SIGN_WRONG", about.story), about)
        if not any(ends > now and self._signed(request, form, secret) for secret, ends in self._secrets.items()):
            return Reply(_failed("SECRET_STALE", about.story), about)
        if fault.kind is FaultKind.OVERLOAD:
            return Reply(_failed("BUSY", about.story), about, status=429)
        if finding.colour is None:
            return Reply(_failed("QRCODE_UNKNOWN", about.story), about)
        if finding.expired:
            return Reply(_failed("QRCODE_EXPIRED", about.story), about)
        record: dict[str, object] = {
            "cityNo": self.settings.division,
            "idcardNo": about.id_number,
            "idcardType": "IDENTITY_CARD",
            self.parameters.get("state_member", "level"): self.word(finding),
            "name": about.name,
            "phone": about.phone,
            self.parameters.get("echo_member", "qrCode"): finding.echo,
            "qrCodeText": about.story,
            "temperature": {"currentHealth": about.story},
            "extInfo": {"address": about.address},
        }
        return Reply({"success": True, "errCode": "0", "errMsg": "", "wrapped": False, "data": record}, about)

    def _signed(self, request: web.Request, form: Mapping[str, str], secret: str) -> bool:
        """Tell whether a call is that of the registered department, signed with `secret` just now."""
        key, stamp = self.secret("app_key"), form.get("requestTime", "")
        named = self.settings.registered_as
        return (
            form.get("appKey") == key
            and form.get("sign") == md5(f"{key}{secret}{stamp}".encode()).hexdigest()
            and self.recent(int(stamp) / 1000)
            and unquote(request.headers.get("Calling-Department", "")) == named.get("department")
            and unquote(request.headers.get("Calling-Area", "")) == named.get("area")
        )


def _failed(code: str, message: str) -> dict[str, object]:
    return {"success": False, "errCode": code, "errMsg": message, "data": None}
