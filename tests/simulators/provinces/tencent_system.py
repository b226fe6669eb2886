"""A province of the Tencent family: a shared secret signs the request, nothing signs or binds the answer.

An expired code is a *success* whose `qrcode_expired` is true, with a colour beside it that must not be believed; only
Shanghai, which has a number for a stale id, says so with that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import ClassVar

from aiohttp import web

from gateway.values import CodeState

from .faults import Fault, FaultKind
from .http_system import Answers, HttpSystem, Reply


class TencentSystem(HttpSystem):
    """One province's decode API."""

    WORDS: ClassVar = {CodeState.GREEN: "00", CodeState.YELLOW: "01", CodeState.RED: "10"}
    PARAMETERS: ClassVar = {"not_found_codes": "1404", "refused_codes": "1401", "overloaded_codes": "1429"}

    def routes(self) -> Mapping[str, Answers]:
        """See HttpSystem."""
        return {self.parameters.get("path", "/decode"): self._decode}

    def credentials(self) -> Mapping[str, bytes]:
        """See HttpSystem."""
        return {"secret_key": self.secret("secret_key").encode()}

    async def _decode(self, request: web.Request, body: bytes, fault: Fault) -> Reply:
        asked = json.loads(body)
        finding = self.find(asked["code_content"], fault)
        about = finding.about
        if not self._may_ask(asked) or fault.kind is FaultKind.WRONG_SIGNATURE:
            return Reply({"errcode": "1401", "errmsg": f"bad sign for {about.story}", "data": {}}, about)
        if fault.kind is FaultKind.OVERLOAD:
            return Reply({"errcode": "1429", "errmsg": about.story}, about, status=429)
        if finding.colour is None:
            return Reply({"errcode": "1404", "errmsg": about.story, "data": {}}, about)
        if finding.expired and "expired_codes" in self.parameters:
            return Reply({"errcode": self.parameters["expired_codes"], "errmsg": about.story, "data": {}}, about)
        record: dict[str, object] = {
            self.parameters.get("state_member", "risk_assessment_grade"): self.words[finding.colour.state],
            "reason": finding.colour.reason or about.story,
            "guide": about.address,
            "qrcode_expired": finding.expired or finding.lies_expired,
            "report_expired": False,
            "name": about.name,
            "phone": about.phone,
            "certificate_id": about.id_number,
            "certificate_type": "10",
            "certificate_token": sha256(about.id_number.encode()).hexdigest(),
        }
        if "echo_member" in self.parameters:
            record[self.parameters["echo_member"]] = finding.echo
        return Reply({"errcode": "0", "errmsg": "SUCCESS", "requestId": about.phone, "data": record}, about)

    def _may_ask(self, asked: Mapping[str, str]) -> bool:
        secret = self.secret("secret_key")
        allowed = {"appId", "timestamp", "code_content", "sign"}
        if self.parameters.get("send_secret", "false") == "true":
            allowed.add("secretKey")
        if set(asked) != allowed or asked.get("secretKey", secret) != secret:
            return False
        parts = {**asked, "secretKey": secret}
        signed = "&".join(f"{name}={parts[name]}" for name in sorted(parts) if name != "sign")
        return (
            asked["appId"] == self.settings.registered_as.get("app_id")
            and asked["sign"] == sha256(signed.encode()).hexdigest()
            and self.recent(float(asked["timestamp"]))
        )
