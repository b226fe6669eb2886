"""Any set of provinces, simulated on loopback: their people, their systems, and the profiles that lead there.

    world = ProvinceWorld(folder, ["zhejiang", "guangdong", "national"])
    await world.start()             # folder/provinces holds profiles and secrets now
    code = world.code("zhejiang", 7)
    world.fault("zhejiang", Fault(FaultKind.HANG))
    world.truth("zhejiang", 7)      # what a right answer says

A province that serves healthcode.province.v1 signs its answers; `answer_issuers` is what a trust list needs for that.
If the national platform is among them it knows each code that carries its id.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

from gateway.values import CodeState

from .alipay_system import AlipaySystem
from .faults import Fault, FaultSwitch
from .http_system import HttpSystem, Settings
from .jiangsu_system import JiangsuSystem
from .national_system import NationalSystem
from .native_system import WORDS as NATIVE_WORDS
from .native_system import NativeSystem
from .population import CODE_LIFE_S, Clock, Population
from .profiles import Tree, shipped, write_profile
from .screens import Screens
from .tencent_system import TencentSystem
from .zhejiang_system import ZhejiangSystem

NATIONAL: Final = "national"

HTTP_SYSTEMS: Final[Mapping[str, type[HttpSystem]]] = {
    "alipay": AlipaySystem,
    "tencent": TencentSystem,
    "jiangsu": JiangsuSystem,
    "zhejiang": ZhejiangSystem,
    "national": NationalSystem,
}

OWN_WORDS: Final[Mapping[str, Mapping[CodeState, str]]] = {
    "hainan": {CodeState.STALE_DECLARATION: "gray"},
    "chongqing": {CodeState.UNCONFIRMED: "gray"},
    "hubei": {CodeState.UNCONFIRMED: "gray"},
}
"""What provinces say beside the words of their dialect, by the public record and not by their profiles."""

ONLY_WORDS: Final[Mapping[str, Mapping[CodeState, str]]] = {
    "beijing": {
        CodeState.GREEN: "green",
        CodeState.YELLOW: "yellow",
        CodeState.RED: "red",
        CodeState.UNCONFIRMED: "popup",
    },
    "gansu": {CodeState.GREEN: "pass", CodeState.RED: "no-pass"},
    "jilin": {CodeState.GREEN: "green", CodeState.YELLOW: "yellow", CodeState.RED: "red"},
}
"""The whole vocabulary of provinces that speak the native dialect in words of their own."""

DECLARES_DAILY: Final = frozenset({"hainan"})


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code on somebody's screen, with who it is."""

    province: str
    number: int
    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Province:
    """One simulated province."""

    name: str
    profile: Tree = field(repr=False)
    screens: Screens = field(repr=False)
    system: HttpSystem | NativeSystem = field(repr=False)

    @property
    def switch(self) -> FaultSwitch:
        """Return its switch of faults."""
        return self.system.switch


class ProvinceWorld:
    """The simulated provinces. Start and stop it in one event loop."""

    def __init__(
        self,
        home: Path,
        names: Iterable[str],
        *,
        clock: Clock = time.time,
        people: int = 1000,
        seed: int = 0,
        code_life_s: float = CODE_LIFE_S,
        budget: Mapping[str, object] | None = None,
    ) -> None:
        """Make provinces of `people` each. `budget` overrides members of the shipped budgets."""
        self.directory = home / "provinces"
        self._clock = clock
        self._seed = seed
        self._budget = budget or {}
        self.provinces = {name: self._make(name, people, code_life_s) for name in names}

    async def start(self) -> None:
        """Start every system and write every profile."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for province in self.provinces.values():
            await province.system.start()
            self._write(province)

    async def stop(self) -> None:
        """Stop every system."""
        for province in self.provinces.values():
            await province.system.stop()

    def code(self, name: str, number: int, *, age_s: float = 0.0) -> ShownCode:
        """Return the code that person `number` showed `age_s` seconds ago.

        It carries the national platform's id, if its form has room for one and the platform is simulated too.
        """
        screens = self.provinces[name].screens
        platform = self.provinces[NATIONAL].system if NATIONAL in self.provinces else None
        national = ""
        if isinstance(platform, NationalSystem) and name != NATIONAL:
            shown = screens.population.show(number, age_s=age_s)
            national = blake2b(f"{name}/{shown.identifier}".encode(), digest_size=16).hexdigest()
            platform.know(national, screens.population, shown, str(self.provinces[name].profile["division"]))
        return ShownCode(name, number, screens.draw(number, national=national, age_s=age_s).text.encode())

    def people(self, name: str) -> Population:
        """Return the people of a province."""
        return self.provinces[name].screens.population

    def truth(self, name: str, number: int, at: float | None = None) -> CodeState:
        """Return what the province says of person `number` at `at` (None: now)."""
        return self.people(name).colour(number, at).state

    def fault(self, name: str, fault: Fault) -> None:
        """Turn a province's switch."""
        self.provinces[name].switch.turn(fault)

    def answer_issuers(self) -> list[dict[str, object]]:
        """Return the issuers that a trust list must name, so that native answers can be checked."""
        return [
            _answer_issuer(province.profile, province.system)
            for province in self.provinces.values()
            if isinstance(province.system, NativeSystem)
        ]

    def _make(self, name: str, people: int, code_life_s: float) -> Province:
        profile = shipped(name)
        dialect, division = profile["dialect"], profile["division"]
        known = NATIVE_WORDS if dialect == "native" else HTTP_SYSTEMS[dialect].WORDS
        words = ONLY_WORDS.get(name) or {**known, **OWN_WORDS.get(name, {})}
        population = Population(
            name,
            people,
            self._clock,
            seed=self._seed,
            states=words,
            declares_daily=name in DECLARES_DAILY,
            code_life_s=code_life_s,
        )
        # The newest form of its codes stands last.
        screens = Screens(population, division, profile["recognise"][-1])
        settings = Settings(
            division, words, _texts(profile.get("parameters", {})), _texts(profile.get("registered_as", {})), self._seed
        )
        system: HttpSystem | NativeSystem
        if dialect == "native":
            system = NativeSystem(screens, self._clock, settings, issuer=profile["issuer"])
        else:
            system = HTTP_SYSTEMS[dialect](screens, self._clock, settings)
        return Province(name, profile, screens, system)

    def _write(self, province: Province) -> None:
        system = province.system
        credentials: Mapping[str, bytes] = {}
        parameters: Mapping[str, str] = {}
        if isinstance(system, HttpSystem):
            credentials, parameters = system.credentials(), system.parameters
        write_profile(
            self.directory,
            province.profile,
            url=system.endpoint,
            credentials=credentials,
            parameters=parameters,
            budget=self._budget,
        )


def _texts(section: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in section.items() if name != "source"}


def _answer_issuer(profile: Tree, system: NativeSystem) -> dict[str, object]:
    key_id = urlsafe_b64encode(system.key_id.encode()).rstrip(b"=").decode()
    return {
        "issuer": profile["issuer"],
        "name": profile["title"],
        "division": profile["division"],
        "formats": ["native"],
        "keys": [{"algorithm": "Ed25519", "key_id": key_id, "jwk": system.public_jwk()}],
    }
