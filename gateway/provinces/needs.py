"""What a dialect needs of a profile: which credentials, registered names and parameters, and what they may be.

- A name that the dialect does not know is a fault, so that a misspelt one is never silently without effect.
- Each parameter has a default. What has none is a credential or a registered name.
- All HTTP dialects share the parameters for result codes and members (docs/dialects.md, 1).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.errors import Reason
from gateway.values import OpaqueCode

from .answers import Path, Record, Verdict
from .dialect import UpstreamFailure
from .profile import ProvinceProfile

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

_CODE_LISTS: Final[Mapping[str, Verdict]] = {
    "expired_codes": Reason.EXPIRED,
    "not_found_codes": Reason.CODE_NOT_FOUND,
    "not_mine_codes": Reason.NOT_ITS_ISSUERS,
    "refused_codes": UpstreamFailure.REFUSED,
    "overloaded_codes": UpstreamFailure.OVERLOADED,
}
_HTTP: Final[Mapping[str, str]] = {
    **dict.fromkeys(_CODE_LISTS, ""),
    "reason_member": "",
    "echo_member": "",
    "expired_member": "",
    "stated_time_member": "",
    "expire_time_member": "",
    "send": "identifier",
}
_MAX_CHARACTERS: Final = 512
_path_form = re.compile(r"/[A-Za-z0-9._~/-]*").fullmatch


class Fault(NamedTuple):
    """What is wrong with a profile, and where: a section and a member of it."""

    section: str
    member: str
    why: str


@dataclass(frozen=True, slots=True)
class Needs:
    """What one dialect needs."""

    credentials: Collection[str] = ()
    optional_credentials: Collection[str] = ()
    pair: Collection[str] = ()
    """Credentials of which all are given, or none."""
    registered_as: Collection[str] = ()
    parameters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Name -> default."""
    success: Collection[str] = ()
    """Result codes of success."""
    codes: Mapping[str, Verdict] = field(default_factory=lambda: MappingProxyType({}))
    """Result codes that the dialect itself knows."""
    bound: bool = False
    """The dialect has an echo: a profile may rename it, not do without."""

    def faults(self, profile: ProvinceProfile) -> tuple[Fault, ...]:
        """Return all that keeps `profile` from speaking this dialect. Credential files are not opened."""
        return (
            *_names("credentials", profile.credentials, self.credentials, (*self.optional_credentials, *self.pair)),
            *self._halves(profile),
            *_names("registered_as", profile.registered_as, self.registered_as, ()),
            *_texts("registered_as", profile.registered_as),
            *_names("parameters", profile.parameters, (), self.parameters),
            *_texts("parameters", profile.parameters),
            *self._values(profile),
            *self._codes(profile),
        )

    def parameters_of(self, profile: ProvinceProfile) -> Mapping[str, str]:
        """Return what `profile` chose, and the defaults of what it did not."""
        return MappingProxyType({**self.parameters, **profile.parameters})

    def codes_of(self, profile: ProvinceProfile) -> Mapping[str, Verdict]:
        """Return what the result codes mean: the dialect's own, and over them the profile's."""
        given = self.parameters_of(profile)
        lists = {code: verdict for name, verdict in _CODE_LISTS.items() for code in given.get(name, "").split()}
        return MappingProxyType({**self.codes, **lists})

    def _halves(self, profile: ProvinceProfile) -> list[Fault]:
        missing = [name for name in self.pair if name not in profile.credentials]
        if len(missing) == len(self.pair):
            return []
        return [Fault("credentials", name, "missing beside the other half") for name in missing]

    def _values(self, profile: ProvinceProfile) -> list[Fault]:
        faults = []
        for name, value in self.parameters_of(profile).items():
            if (name == "path" or name.endswith("_path")) and not _path_form(value):
                faults.append(Fault("parameters", name, "must begin with / and be a plain path"))
            elif name == "send" and value not in ("identifier", "text"):
                faults.append(Fault("parameters", name, "must be identifier or text"))
            elif name == "send_secret" and value not in ("true", "false"):
                faults.append(Fault("parameters", name, "must be true or false"))
            elif (name == "state_member" or (name == "echo_member" and self.bound)) and not value:
                faults.append(Fault("parameters", name, "must not be empty"))
        return faults

    def _codes(self, profile: ProvinceProfile) -> list[Fault]:
        faults, seen = [], set(self.success)
        for name in _CODE_LISTS:
            for code in profile.parameters.get(name, "").split():
                if code in seen:
                    faults.append(Fault("parameters", name, f"the code {code} has another meaning already"))
                seen.add(code)
        return faults


def http_parameters(**own: str) -> Mapping[str, str]:
    """Return the parameters of an HTTP dialect: those of all, and its own or its own defaults of them."""
    return MappingProxyType({**_HTTP, **own})


def record_of(profile: ProvinceProfile, given: Mapping[str, str], path: Path, *, lapsed: str = "") -> Record:
    """Return where a successful answer's few words stand, by the parameters `given`."""
    return Record(
        path,
        frozenset(profile.states),
        given["state_member"],
        profile.reasons,
        given["reason_member"],
        given["echo_member"],
        given["expired_member"],
        lapsed,
        given["stated_time_member"],
        given["expire_time_member"],
        given.get("division_member", ""),
    )


def sent(code: OpaqueCode, given: Mapping[str, str]) -> str:
    """Return which reading of the code this province takes."""
    return code.text if given["send"] == "text" else code.identifier


def _names(section: str, given: Mapping[str, object], needed: Collection[str], allowed: Collection[str]) -> list[Fault]:
    missing = [Fault(section, name, "missing") for name in needed if name not in given]
    unknown = [Fault(section, name, "unknown to the dialect") for name in given if name not in (*needed, *allowed)]
    return missing + unknown


def _texts(section: str, given: Mapping[str, str]) -> list[Fault]:
    return [
        Fault(section, name, "must be printable and at most 512 characters long")
        for name, value in given.items()
        if len(value) > _MAX_CHARACTERS or not value.isprintable() or (section == "registered_as" and not value.strip())
    ]
