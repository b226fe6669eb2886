"""Jiangsu's scan service: a token lets the caller in, who must be registered by name; error numbers tell the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from aiohttp import web

from gateway.values import CodeState

from .faults import Fault, FaultKind
from .http_system import Answers, HttpSystem, Reply

REGISTERED = ("position", "verifierDept", "verifierName", "verifierPhone")


class JiangsuSystem(HttpSystem):
    """The scan service."""

    WORDS: ClassVar = {CodeState.GREEN: "green", CodeState.YELLOW: "yellow", CodeState.RED: "red"}

    def routes(self) -> Mapping[str, Answers]:
        """See HttpSystem."""
        return {self.parameters.get("path", "/scan"): self._scan}

    def credentials(self) -> Mapping[str, bytes]:
        """See HttpSystem."""
        return {"token": self.secret("token").encode()}

    async def _scan(self, request: web.Request, body: bytes, fault: Fault) -> Reply:
        asked = json.loads(body)
        finding = self.find(asked["url"], fault)
        about = finding.about
        if asked["token"] != self.secret("token") or fault.kind is FaultKind.WRONG_SIGNATURE:
            number = 116
        elif not asked.get("source") or any(
            asked[name] != self.settings.registered_as.get(name) for name in REGISTERED
        ):
            number = 119
        elif fault.kind is FaultKind.OVERLOAD:
            return Reply({"resCode": 1, "resMsg": about.story}, about, status=503)
        elif finding.colour is None:
            number = 112
        elif finding.expired:
            number = 111
        else:
            number = 0
        said: dict[str, object] = {"resCode": number, "resMsg": about.story}
        if number == 0:
            record: dict[str, object] = {
                "name": about.name,
                "phone": about.phone,
                "idcardNo": about.id_number,
                "address": about.address,
                self.parameters.get("state_member", "level"): self.word(finding),
            }
            if "echo_member" in self.parameters:
                record[self.parameters["echo_member"]] = finding.echo
            said["res"] = record
        return Reply(said, about)
