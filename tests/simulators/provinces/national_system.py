"""The national platform: a serial number and a challenge are fetched first and come back in the answer.

It knows the codes of the provinces too, by the national id that those codes carry, and says what the province says.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import ClassVar

from aiohttp import web

from gateway.values import CodeState

from .faults import Fault, FaultKind
from .finding import Finding
from .http_system import Answers, HttpSystem, Reply
from .population import Population, Shown


class NationalSystem(HttpSystem):
    """The platform."""

    WORDS: ClassVar = {CodeState.GREEN: "00", CodeState.YELLOW: "01", CodeState.RED: "10"}
    PARAMETERS: ClassVar = {
        "expired_codes": "2111",
        "not_found_codes": "2404",
        "refused_codes": "2401",
        "overloaded_codes": "2429",
    }

    _given: dict[str, str]
    _provinces: dict[str, tuple[Population, Shown, str]]
    _calls = 0

    def routes(self) -> Mapping[str, Answers]:
        """See HttpSystem."""
        self._given = {}
        self._provinces = {}
        return {
            self.parameters.get("apply_path", "/apply"): self._apply,
            self.parameters.get("path", "/verify"): self._verify,
        }

    def credentials(self) -> Mapping[str, bytes]:
        """See HttpSystem."""
        return {"secret_key": self.secret("secret_key").encode()}

    def know(self, national_id: str, people: Population, shown: Shown, division: str) -> None:
        """Learn the national id that the code of a division carries."""
        self._provinces[national_id] = (people, shown, division)

    async def _apply(self, request: web.Request, body: bytes, fault: Fault) -> Reply:
        asked = json.loads(body)
        nobody = self.screens.population.somebody_else(0)
        if not self._signed(asked) or fault.kind is FaultKind.WRONG_SIGNATURE:
            return Reply({"resultCode": "2401", "resultMsg": nobody.story}, nobody)
        if fault.kind is FaultKind.OVERLOAD:
            return Reply({"resultCode": "2429", "resultMsg": nobody.story}, nobody)
        self._calls += 1
        serial, challenge = f"S{self._calls:012d}", self.secret(f"challenge/{self._calls}")
        self._given[serial] = challenge
        return Reply(
            {"resultCode": "0", "resultMsg": nobody.story, "serialNumber": serial, "challenge": challenge}, nobody
        )

    async def _verify(self, request: web.Request, body: bytes, fault: Fault) -> Reply:
        asked = json.loads(body)
        finding = self._found(asked["codeContent"], fault)
        about = finding.about
        serial = asked["serialNumber"]
        if not self._signed(asked) or fault.kind is FaultKind.WRONG_SIGNATURE:
            return Reply({"resultCode": "2401", "resultMsg": about.story}, about)
        if self._given.pop(serial, None) != asked["challenge"]:
            return Reply({"resultCode": "2401", "resultMsg": about.story}, about)
        if fault.kind is FaultKind.OTHER_PERSON:
            serial = f"S{self._calls + 1:012d}"  # the answer to somebody else's question
        said: dict[str, object] = {"serialNumber": serial, "challenge": asked["challenge"], "resultMsg": about.story}
        if fault.kind is FaultKind.OVERLOAD:
            return Reply({**said, "resultCode": "2429"}, about)
        if finding.colour is None or finding.shown is None:
            return Reply({**said, "resultCode": "2404"}, about)
        if finding.expired:
            return Reply({**said, "resultCode": "2111"}, about)
        now = self.clock()
        ends = now - 1 if finding.lies_expired else finding.shown.expires
        record = {
            "division": self._division(asked["codeContent"]),
            "state": self.words[finding.colour.state],
            "reason": finding.colour.reason or about.story,
            "statedTime": int((now - 60 if finding.lies_expired else now) * 1000),
            "expireTime": int(ends * 1000),
            "name": about.name,
            "idNumber": about.id_number,
            "phone": about.phone,
            "address": about.address,
        }
        return Reply({**said, "resultCode": "0", "data": record}, about)

    def _found(self, presented: str, fault: Fault) -> Finding:
        known = self._provinces.get(presented)
        if known is None:
            return self.find(presented, fault)
        people, shown, _ = known
        about = shown.person
        if fault.kind is FaultKind.OTHER_PERSON:
            about = people.somebody_else(about.number)
        return Finding(
            about,
            people.colour(about.number),
            shown,
            expired=shown.expires <= self.clock(),
            lies_expired=fault.kind is FaultKind.EXPIRED_AS_SUCCESS,
        )

    def _division(self, presented: str) -> str:
        known = self._provinces.get(presented)
        return self.settings.division if known is None else known[2]

    def _signed(self, asked: Mapping[str, str]) -> bool:
        signed = "&".join(f"{name}={asked[name]}" for name in sorted(asked) if name != "sign")
        right = hmac.new(self.secret("secret_key").encode(), signed.encode(), sha256).hexdigest()
        return (
            hmac.compare_digest(str(asked.get("sign", "")), right)
            and asked.get("appId") == self.settings.registered_as.get("app_id")
            and self.recent(int(asked["timestamp"]) / 1000)
        )
