"""All provinces of one folder, as the gateway uses them. Immutable: a reload makes another and swaps it whole.

Rules:

- One broken file refuses the whole folder: a province that vanishes because of a typing error would be "nobody's code".
- No two profiles share a name, an issuer or a division; a code that two of them claim is a verdict, not a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.divisions import NATION
from gateway.formats.opaque import OpaqueShapes
from gateway.trust.online import OnlineIssuers
from gateway.values import Format, IssuerId, IssuerProfile

from .encodings import Encoding, load_encodings
from .profile import ProvinceName, ProvinceProfile
from .profile_file import profile_of
from .profile_model import ProfileFile
from .toml_file import FileFault, TomlFile, TomlRefused, read_toml

MOST_PROFILES: Final = 1_000

_OPAQUE: Final = frozenset({Format.OPAQUE})


class ProfilesUnavailable(Exception):
    """The profiles of a folder cannot be loaded. `faults` is not empty; `where` and `why` tell the first."""

    def __init__(self, faults: Iterable[FileFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))
        self.where = self.faults[0].where
        self.why = self.faults[0].why


class ProvinceDirectory:
    """The profiles in force, found by name and issuer, and what the rooms take of them."""

    __slots__ = ("by_issuer", "by_name", "national", "online", "profiles", "shapes")

    profiles: tuple[ProvinceProfile, ...]
    by_name: Mapping[ProvinceName, ProvinceProfile]
    by_issuer: Mapping[IssuerId, ProvinceProfile]
    national: ProvinceProfile | None
    """The one of division 100000."""
    shapes: OpaqueShapes
    """How the codes of all of them look."""
    online: OnlineIssuers
    """What the trust room knows of them."""

    def __init__(self, profiles: Iterable[ProvinceProfile] = ()) -> None:
        """Take profiles. Raises: ValueError if two share a name, an issuer or a division, or a shape is no shape."""
        self.profiles = tuple(profiles)
        self.by_name = MappingProxyType({one.name: one for one in self.profiles})
        self.by_issuer = MappingProxyType({one.issuer: one for one in self.profiles})
        by_division = {one.division: one for one in self.profiles}
        if not len(self.by_name) == len(self.by_issuer) == len(by_division) == len(self.profiles):
            raise ValueError("two profiles share a name, an issuer or a division")
        self.national = by_division.get(NATION)
        self.shapes = OpaqueShapes(shape for one in self.profiles for shape in one.shapes)
        self.online = OnlineIssuers(
            MappingProxyType({one.issuer: _asked(one) for one in self.profiles}),
            MappingProxyType({one.division: _seen(one) for one in self.profiles if one.displayed}),
        )

    @classmethod
    def load(cls, folder: Path) -> ProvinceDirectory:
        """Return the profiles of all *.toml in `folder`.

        1. The encodings that they may name.
        2. Each file.
        3. What they are together.

        Does not check that a credential exists, nor that a province can be reached.

        Raises: ProfilesUnavailable if there are none or one is broken; then none of them may be used.
        """
        # 1
        try:
            encodings = load_encodings()
        except TomlRefused as refused:
            raise ProfilesUnavailable(refused.faults) from None
        # 2
        files = sorted(file for file in folder.glob("*.toml") if not file.name.startswith("."))
        if not 0 < len(files) <= MOST_PROFILES:
            why = f"1 to {MOST_PROFILES} profiles (*.toml) are required"
            raise ProfilesUnavailable([FileFault(str(folder), None, "", why)])
        read, faults = _read_all(files, encodings)
        # 3
        faults += _shared(text for text, _ in read)
        if faults:
            raise ProfilesUnavailable(faults)
        return cls(profile for _, profile in read)


NO_PROVINCES: Final = ProvinceDirectory()
"""Knows nobody."""


def _read_all(
    files: Iterable[Path], encodings: Mapping[str, Encoding]
) -> tuple[list[tuple[TomlFile[ProfileFile], ProvinceProfile]], list[FileFault]]:
    read: list[tuple[TomlFile[ProfileFile], ProvinceProfile]] = []
    faults: list[FileFault] = []
    for file in files:
        try:
            text = read_toml(file, ProfileFile)
            read.append((text, profile_of(text, encodings)))
        except TomlRefused as refused:
            faults += refused.faults
    return read, faults


def _shared(files: Iterable[TomlFile[ProfileFile]]) -> Iterator[FileFault]:
    """Tell which issuers and divisions are another's already. Names are: they are those of the files."""
    issuers: dict[str, str] = {}
    divisions: dict[str, str] = {}
    for read in files:
        said = read.model
        for member, value, taken in (("issuer", said.issuer, issuers), ("division", said.division, divisions)):
            if value in taken:
                yield read.fault((member,), f"is that of {taken[value]} already")
            taken.setdefault(value, read.file.name)


def _asked(profile: ProvinceProfile) -> IssuerProfile:
    return IssuerProfile(
        profile.issuer,
        profile.division,
        _OPAQUE,
        MappingProxyType({said: one.state for said, one in profile.states.items()}),
        MappingProxyType({said: one.meaning for said, one in profile.states.items()}),
        dynamic_s=profile.dynamic_s,
    )


def _seen(profile: ProvinceProfile) -> IssuerProfile:
    """Return what its screens mean. A word that its answers use too has their meaning, if the state is the same."""
    return IssuerProfile(
        profile.issuer,
        profile.division,
        _OPAQUE,
        profile.displayed,
        MappingProxyType(
            {
                word: profile.states[word].meaning
                for word, state in profile.displayed.items()
                if word in profile.states and profile.states[word].state is state
            }
        ),
    )
