"""From a profile to a connector: what is missing, unknown or badly kept is told by name before anything is asked."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.provinces import dialects
from gateway.provinces.credentials import read_public, read_secret, read_secret_text
from gateway.provinces.profile import DialectName, ProvinceProfile

from .dialect_servers import certificate, keep, no_keys, profile_of

SECRET = "s3cret-CANARY"


def whole(dialect: DialectName, folder: Path) -> ProvinceProfile:
    """Return a profile with all that its dialect needs; text credentials only."""
    needs = dialects.NEEDS[dialect]
    return profile_of(
        dialect,
        "localhost:9" if dialect is DialectName.NATIVE else "http://localhost:9",
        credentials={name: keep(folder / name, SECRET) for name in needs.credentials},
        registered_as=dict.fromkeys(needs.registered_as, "gateway"),
        parameters=dict(needs.parameters),
    )


def faults(profile: ProvinceProfile) -> set[tuple[str, str]]:
    return {(fault.section, fault.member) for fault in dialects.faults(profile)}


TEXT_DIALECTS = [DialectName.TENCENT, DialectName.JIANGSU, DialectName.ZHEJIANG, DialectName.NATIONAL]


@pytest.mark.parametrize("dialect", DialectName)
def test_a_whole_profile_has_no_faults(tmp_path: Path, dialect: DialectName) -> None:
    assert dialects.faults(whole(dialect, tmp_path)) == ()


@pytest.mark.parametrize("dialect", [*TEXT_DIALECTS, DialectName.NATIVE])
def test_and_connects(tmp_path: Path, dialect: DialectName) -> None:
    dialects.connect(whole(dialect, tmp_path), keys=no_keys)


@pytest.mark.parametrize("dialect", DialectName)
def test_everything_needed_is_missed_by_name(tmp_path: Path, dialect: DialectName) -> None:
    profile, needs = whole(dialect, tmp_path), dialects.NEEDS[dialect]
    bare = replace(profile, credentials={}, registered_as={}, parameters={})
    expected = {("credentials", name) for name in needs.credentials}
    expected |= {("registered_as", name) for name in needs.registered_as}
    assert faults(bare) == expected
    if expected:
        with pytest.raises(dialects.CredentialsUnavailable) as refused:
            dialects.connect(bare, keys=no_keys)
        assert refused.value.file == "someprovince.toml"


@pytest.mark.parametrize("dialect", DialectName)
def test_what_the_dialect_does_not_know_is_a_fault(tmp_path: Path, dialect: DialectName) -> None:
    profile = whole(dialect, tmp_path)
    more = replace(
        profile,
        credentials={**profile.credentials, "pasword": tmp_path},
        registered_as={**profile.registered_as, "checkpoint": "Gate 7"},
        parameters={**profile.parameters, "expired_code": "1"},
    )
    assert faults(more) == {("credentials", "pasword"), ("registered_as", "checkpoint"), ("parameters", "expired_code")}


@pytest.mark.parametrize(
    ("dialect", "parameters", "fault"),
    [
        (DialectName.TENCENT, {"path": "decode"}, "path"),
        (DialectName.TENCENT, {"path": "/decode?x=1"}, "path"),
        (DialectName.TENCENT, {"path": "//" + "a" * 600}, "path"),
        (DialectName.NATIONAL, {"apply_path": "https://elsewhere.invalid/"}, "apply_path"),
        (DialectName.ZHEJIANG, {"secret_path": ""}, "secret_path"),
        (DialectName.JIANGSU, {"send": "everything"}, "send"),
        (DialectName.TENCENT, {"send_secret": "yes"}, "send_secret"),
        (DialectName.TENCENT, {"state_member": ""}, "state_member"),
        (DialectName.ALIPAY, {"echo_member": ""}, "echo_member"),
        (DialectName.ZHEJIANG, {"echo_member": ""}, "echo_member"),
        (DialectName.TENCENT, {"expired_codes": "1 0"}, "expired_codes"),
        (DialectName.TENCENT, {"expired_codes": "7", "refused_codes": "8 7"}, "refused_codes"),
        (DialectName.TENCENT, {"overloaded_codes": "9 9"}, "overloaded_codes"),
        (DialectName.ALIPAY, {"not_found_codes": "10000"}, "not_found_codes"),
        (DialectName.ZHEJIANG, {"additional": "{\n}"}, "additional"),
    ],
)
def test_values(tmp_path: Path, dialect: DialectName, parameters: Mapping[str, str], fault: str) -> None:
    profile = replace(whole(dialect, tmp_path), parameters=parameters)
    assert ("parameters", fault) in faults(profile)
    with pytest.raises(dialects.CredentialsUnavailable):
        dialects.connect(profile, keys=no_keys)


@pytest.mark.parametrize("value", ["", "  ", "two\nlines", "a" * 513])
def test_registered_names(tmp_path: Path, value: str) -> None:
    profile = whole(DialectName.JIANGSU, tmp_path)
    wrong = replace(profile, registered_as={**profile.registered_as, "verifierDept": value})
    assert faults(wrong) == {("registered_as", "verifierDept")}


def test_a_profile_may_say_again_what_the_dialect_knows_or_otherwise(tmp_path: Path) -> None:
    profile = replace(whole(DialectName.JIANGSU, tmp_path), parameters={"not_found_codes": "112"})
    assert dialects.faults(profile) == ()


def test_half_a_certificate_is_none(tmp_path: Path) -> None:
    private, public = certificate(tmp_path, "gateway")
    profile = whole(DialectName.NATIVE, tmp_path)
    assert faults(replace(profile, credentials={"client_key": private})) == {("credentials", "client_certificate")}
    assert faults(replace(profile, credentials={"client_certificate": public})) == {("credentials", "client_key")}


# files


@pytest.mark.parametrize("dialect", TEXT_DIALECTS)
@pytest.mark.parametrize(
    ("content", "mode"),
    [(SECRET, 0o640), (SECRET, 0o604), (SECRET, 0o602), (SECRET, 0o610), ("", 0o600), (" \n", 0o600), (None, 0o600)],
)
def test_a_secret_badly_kept(tmp_path: Path, dialect: DialectName, content: str | None, mode: int) -> None:
    profile = whole(dialect, tmp_path)
    for file in profile.credentials.values():
        if content is None:
            file.unlink()
        else:
            keep(file, content, mode)
    with pytest.raises(dialects.CredentialsUnavailable) as refused:
        dialects.connect(profile, keys=no_keys)
    assert refused.value.file in profile.credentials.values()
    assert SECRET not in f"{refused.value} {refused.value.why} {refused.value.args}"


def test_a_secret_is_one_line_of_visible_letters(tmp_path: Path) -> None:
    for ending in ("", "\n", "\r\n"):
        assert read_secret_text(keep(tmp_path / "good", SECRET + ending)) == SECRET
    for content in (b"two\nlines", b"two words", b"tab\t", b"\xe7\x8e\x8b", b"\xff\xfe", b"nul\0"):
        with pytest.raises(dialects.CredentialsUnavailable) as refused:
            read_secret_text(keep(tmp_path / "bad", content))
        assert refused.value.__cause__ is None


def test_a_secret_may_be_mounted_by_a_link_and_only_read(tmp_path: Path) -> None:
    keep(tmp_path / "behind", SECRET, 0o400)
    (tmp_path / "link").symlink_to(tmp_path / "behind")
    assert read_secret(tmp_path / "link") == SECRET.encode()
    (tmp_path / "behind").chmod(0o444)
    with pytest.raises(dialects.CredentialsUnavailable):
        read_secret(tmp_path / "link")


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none" / "such"):
        for read in (read_secret, read_public):
            with pytest.raises(dialects.CredentialsUnavailable) as refused:
                read(path)
            assert refused.value.file == path


def test_sizes(tmp_path: Path) -> None:
    assert len(read_secret(keep(tmp_path / "secret", b"a" * 16_384))) == 16_384
    with pytest.raises(dialects.CredentialsUnavailable):
        read_secret(keep(tmp_path / "secret", b"a" * 16_385))
    with pytest.raises(dialects.CredentialsUnavailable):
        read_public(keep(tmp_path / "public", b"a" * (1024 * 1024 + 1)))


def test_what_is_public_may_be_read_by_all_and_changed_by_nobody_else(tmp_path: Path) -> None:
    assert read_public(keep(tmp_path / "public", "x", 0o644)) == b"x"
    for mode in (0o664, 0o646, 0o666):
        with pytest.raises(dialects.CredentialsUnavailable):
            read_public(keep(tmp_path / "public", "x", mode))
    with pytest.raises(dialects.CredentialsUnavailable):
        read_public(keep(tmp_path / "public", " ", 0o644))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file(tmp_path: Path) -> None:
    file = keep(tmp_path / "secret", SECRET)
    os.chown(file, 12_345, -1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for read in (read_secret, read_public):
        with pytest.raises(dialects.CredentialsUnavailable):
            read(file)


@pytest.mark.parametrize("dialect", [*TEXT_DIALECTS, DialectName.NATIVE])
def test_no_connector_shows_a_secret(tmp_path: Path, dialect: DialectName) -> None:
    assert SECRET not in repr(dialects.connect(whole(dialect, tmp_path), keys=no_keys))
