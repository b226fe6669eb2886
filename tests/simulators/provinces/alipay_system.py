"""A province on the Alipay open platform: RSA2 on the request and, where the profile pins its key, on the answer.

Expired, unknown and foreign codes are business errors (40004) with a sub code of the province's own.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import ClassVar
from urllib.parse import parse_qsl

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.values import CodeState

from .faults import Fault, FaultKind
from .http_system import Answers, HttpSystem, Reply, Settings, as_json
from .people import Person
from .population import Clock
from .screens import Screens

METHOD = "alipay.ebpp.industry.gov.healthcode.verify"
NODE = "alipay_ebpp_industry_gov_healthcode_verify_response"
CHINA = timezone(timedelta(hours=8))


class AlipaySystem(HttpSystem):
    """One city's codes behind the platform's gateway."""

    WORDS: ClassVar = {
        CodeState.GREEN: "green",
        CodeState.YELLOW: "yellow",
        CodeState.RED: "red",
        CodeState.UNDER_REVIEW: "init",
    }
    PARAMETERS: ClassVar = {
        "expired_codes": "QRCODE_EXPIRED",
        "not_found_codes": "QRCODE_NOT_EXIST",
        "not_mine_codes": "NOT_MINE",
    }

    def __init__(self, screens: Screens, clock: Clock, settings: Settings) -> None:
        super().__init__(screens, clock, settings)
        self._caller = rsa.generate_private_key(65_537, 2_048)
        self._platform = rsa.generate_private_key(65_537, 2_048)

    def routes(self) -> Mapping[str, Answers]:
        """See HttpSystem."""
        return {self.parameters.get("path", "/gateway.do"): self._verify}

    def credentials(self) -> Mapping[str, bytes]:
        """See HttpSystem."""
        private = self._caller.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = self._platform.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {"private_key": private, "platform_public_key": public}

    async def _verify(self, request: web.Request, body: bytes, fault: Fault) -> Reply:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        nobody = self.screens.population.somebody_else(0)
        wrong = self._wrong_with(form)
        if wrong is None and fault.kind is FaultKind.OVERLOAD:
            wrong = ("40005", "isv.app-call-limited")
        if wrong is not None:
            return self._said({"code": wrong[0], "msg": "refused", "sub_code": wrong[1]}, nobody, fault)
        content = json.loads(form["biz_content"])
        finding = self.find(content["code_content"], fault)
        about = finding.about
        said: dict[str, object] = {"code": "40004", "msg": "Business Failed", "sub_msg": about.story}
        if finding.colour is None:
            said["sub_code"] = "QRCODE_NOT_EXIST"
        elif finding.expired:
            said["sub_code"] = "QRCODE_EXPIRED"
        else:
            said = {
                "code": "10000",
                "msg": "Success",
                "code_color": self.word(finding),
                "qr_code": finding.echo,
                "refresh_time": "",
                "user_name": about.name,
                "cert_no": about.id_number,
                "mobile": about.phone,
                "address": about.address,
            }
        return self._said(said, about, fault)

    def _wrong_with(self, form: Mapping[str, str]) -> tuple[str, str] | None:
        """Return code and sub code of a request that must not be answered."""
        signed = "&".join(f"{name}={form[name]}" for name in sorted(form) if name != "sign" and form[name])
        try:
            self._caller.public_key().verify(
                b64decode(form.get("sign", ""), validate=True), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, NotBase64):
            return "40002", "isv.invalid-signature"
        if form.get("app_id") != self.settings.registered_as.get("app_id"):
            return "40002", "isv.invalid-app-id"
        fixed = {"method": METHOD, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2", "version": "1.0"}
        if any(form.get(name) != value for name, value in fixed.items()):
            return "40002", "isv.invalid-parameter"
        at = datetime.strptime(form["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        if not self.recent(at.timestamp()):
            return "40002", "isv.invalid-timestamp"
        content = json.loads(form["biz_content"])
        if content.get("city_code") != self.parameters.get("city_code", self.settings.division):
            return "40006", "isv.insufficient-isv-permissions"
        return None

    def _said(self, node: dict[str, object], about: Person, fault: Fault) -> Reply:
        exact = as_json(node)
        key = self._caller if fault.kind is FaultKind.WRONG_SIGNATURE else self._platform
        sign = b64encode(key.sign(exact, padding.PKCS1v15(), hashes.SHA256()))
        text = b'{"%s":%s,"sign":"%s"}' % (NODE.encode(), exact, sign)
        return Reply({NODE: node, "sign": sign.decode()}, about, text=text)
