"""Whether the files that profiles name can be used, told as faults of the profiles that name them."""

from __future__ import annotations

from pathlib import Path

from gateway.lines import Path as MemberPath
from gateway.lines import line_of_toml, told
from gateway.provinces.dialects import CredentialsUnavailable, connect
from gateway.provinces.directory import ProvinceDirectory
from gateway.provinces.profile import ProvinceProfile
from gateway.provinces.profile_model import written
from gateway.provinces.toml_file import FileFault


def not_ready(folder: Path, directory: ProvinceDirectory) -> list[FileFault]:
    """Return each file of the profiles in `folder` that cannot be used, as whoever connects would find.

    All files that are not there are told; of those that are, the first of each profile that its connector refuses.
    """
    return [fault for profile in directory.profiles for fault in _faults(folder / f"{profile.name}.toml", profile)]


def _faults(file: Path, profile: ProvinceProfile) -> list[FileFault]:
    named: dict[MemberPath, Path] = {}
    if profile.ca_file is not None:
        named["endpoint", "ca_file"] = profile.ca_file
    named |= {("credentials", written(name)): found for name, found in profile.credentials.items()}
    missing = [
        (path, "there is no such file, or none that may be seen") for path, one in named.items() if not _is_there(one)
    ]
    if missing:
        return [_fault(file, path, why) for path, why in missing]
    try:
        connect(profile, keys=lambda _issuer, _key_id: ())
    except CredentialsUnavailable as unavailable:
        at_fault = (path for path, one in named.items() if one == unavailable.file)
        return [_fault(file, next(at_fault, ()), unavailable.why)]
    return []


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:
        return False


def _fault(file: Path, path: MemberPath, why: str) -> FileFault:
    return FileFault(str(file), line_of_toml(file.read_text(encoding="utf-8"), path), told(path), why)
