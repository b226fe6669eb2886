"""The folder of profiles: all of them together, or none."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.provinces.directory import NO_PROVINCES, ProfilesUnavailable, ProvinceDirectory
from gateway.provinces.encodings import load_encodings
from gateway.provinces.profile import ProvinceName
from gateway.values import CodeState, DivisionCode, Format, IssuerId

from .profile_texts import FULL, NATIONAL, write

SHIPPED = Path(__file__).parents[3] / "deploy" / "provinces"

HEX = "0123456789abcdef" * 2
EXAMPLE = IssuerId("https://code.example.invalid")
PLATFORM = IssuerId("https://code.national.invalid")


def other(name: str, division: str) -> str:
    """Return a profile like FULL of another province."""
    return FULL.replace('"example"', f'"{name}"').replace("520000", division).replace("code.example", f"code.{name}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, FULL)
    write(tmp_path, NATIONAL, "national")
    return tmp_path


def refusal(folder: Path) -> ProfilesUnavailable:
    with pytest.raises(ProfilesUnavailable) as caught:
        ProvinceDirectory.load(folder)
    return caught.value


def test_a_folder_becomes_a_directory(folder: Path) -> None:
    (folder / "README.md").write_text("no profile")
    (folder / ".example.toml").write_text("an editor's own")
    (folder / "secrets").mkdir()
    directory = ProvinceDirectory.load(folder)
    assert [one.name for one in directory.profiles] == ["example", "national"]
    assert set(directory.by_name) == {"example", "national"}
    assert {issuer: one.name for issuer, one in directory.by_issuer.items()} == {
        EXAMPLE: "example",
        PLATFORM: "national",
    }
    assert directory.national is directory.by_issuer[PLATFORM]


def test_the_trust_room_is_told_of_each(folder: Path) -> None:
    online = ProvinceDirectory.load(folder).online
    issuer = online.issuers[EXAMPLE]
    assert (issuer.issuer, issuer.division, issuer.formats) == (
        EXAMPLE,
        DivisionCode("520000"),
        frozenset({Format.OPAQUE}),
    )
    assert issuer.states == {
        "00": CodeState.GREEN, "01": CodeState.UNCONFIRMED, "10": CodeState.RED, "99": CodeState.RED,
    }  # fmt: skip
    assert set(issuer.meanings) == set(issuer.states)
    assert issuer.meanings["99"] == "Another red."
    assert issuer.converts is False
    assert set(online.displayed) == {"520000", "100000"}
    seen = online.displayed[DivisionCode("520000")]
    assert seen.states == {"green": CodeState.GREEN, "01": CodeState.UNCONFIRMED}
    assert seen.meanings == {"01": "Two tests within three days."}


def test_a_province_without_screens_is_seen_by_nobody(tmp_path: Path) -> None:
    before, _, after = FULL.partition("[[displayed]]")
    write(tmp_path, before + after[after.index("[[recognise]]") :])
    assert ProvinceDirectory.load(tmp_path).online.displayed == {}


def test_its_codes_are_recognised(folder: Path) -> None:
    shapes = ProvinceDirectory.load(folder).shapes
    assert shapes.read(f"https://qr.example.invalid/show?qrCode=EX{HEX}".encode()).issuer == EXAMPLE
    assert shapes.read(b"EX520100abcdefgh").division == "520100"
    assert shapes.read(b"CN110000abcdefgh").issuer == PLATFORM
    with pytest.raises(CodeUnreadable) as caught:
        shapes.read(b"EX440100abcdefgh")
    assert caught.value.reason is Reason.UNRECOGNISED


def test_nobody_is_known_without_profiles() -> None:
    assert (NO_PROVINCES.profiles, NO_PROVINCES.national, dict(NO_PROVINCES.online.issuers)) == ((), None, {})


def test_broken_encodings_refuse_every_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "encodings.txt"
    broken.write_text('[[encoding]]\nname = "x"\n')
    monkeypatch.setattr("gateway.provinces.directory.load_encodings", partial(load_encodings, broken))
    assert {fault.file for fault in refusal(folder).faults} == {str(broken)}


def test_one_broken_profile_refuses_the_folder(folder: Path) -> None:
    write(folder, other("third", "510000").replace("fresh_for_s = 60", "fresh_for_s = 0"), "third")
    refused = refusal(folder)
    (fault,) = refused.faults
    assert (fault.file, fault.line, fault.path) == (str(folder / "third.toml"), 28, "budget.fresh_for_s")
    assert (refused.where, refused.why) == (f"{folder / 'third.toml'}:28: budget.fresh_for_s", fault.why)


def test_all_broken_profiles_are_told(folder: Path) -> None:
    write(folder, FULL.replace("attempts = 2", "attempts = 9"))
    write(folder, "x", "third")
    assert [(Path(one.file).name, one.path) for one in refusal(folder).faults] == [
        ("example.toml", "budget.attempts"),
        ("third.toml", ""),
    ]


@pytest.mark.parametrize(
    ("old", "new", "path", "line"),
    [
        ("520000", "510000", "issuer", 4),
        ("code.example.invalid", "code.other.invalid", "division", 3),
    ],
)
def test_no_two_profiles_share_issuer_or_division(folder: Path, old: str, new: str, path: str, line: int) -> None:
    write(folder, FULL.replace('"example"', '"third"').replace(old, new), "third")
    (fault,) = refusal(folder).faults
    assert (Path(fault.file).name, fault.line, fault.path) == ("third.toml", line, path)


def test_no_two_profiles_are_the_national_platforms(folder: Path) -> None:
    write(
        folder,
        NATIONAL.replace('"national"\ntitle', '"second"\ntitle').replace("code.national", "code.second"),
        "second",
    )
    assert refusal(folder).faults[0].path == "division"


def test_a_city_stands_beside_its_province(folder: Path) -> None:
    write(folder, other("city", "520300"), "city")
    shapes = ProvinceDirectory.load(folder).shapes
    assert shapes.read(b"EX520301abcdefgh").issuer == "https://code.city.invalid"
    assert shapes.read(b"EX520100abcdefgh").issuer == EXAMPLE
    with pytest.raises(CodeUnreadable) as caught:
        shapes.read(f"https://qr.example.invalid/show?qrCode=EX{HEX}".encode())
    assert caught.value.reason is Reason.ISSUER_AMBIGUOUS


@pytest.mark.parametrize("name", ["", "nobody"])
def test_a_folder_without_profiles_is_refused(tmp_path: Path, name: str) -> None:
    (fault,) = refusal(tmp_path / name).faults
    assert (fault.file, fault.line, fault.path) == (str(tmp_path / name), None, "")


def test_a_refused_folder_changes_nothing_that_was_loaded(folder: Path) -> None:
    before = ProvinceDirectory.load(folder)
    write(folder, "broken")
    refusal(folder)
    assert before.by_issuer[EXAMPLE].title == "Example province, 省"
    assert before.shapes.read(b"EX520100abcdefgh").issuer == EXAMPLE


@pytest.mark.parametrize("change", ["name", "issuer", "division"])
def test_profiles_from_elsewhere_are_as_distinct(folder: Path, change: str) -> None:
    one = ProvinceDirectory.load(folder).by_issuer[EXAMPLE]
    two = replace(one, name=ProvinceName("x"), issuer=IssuerId("x"), division=DivisionCode("510000"))
    assert len(ProvinceDirectory([one, two]).profiles) == 2
    with pytest.raises(ValueError, match="share"):
        ProvinceDirectory([one, replace(two, **{change: getattr(one, change)})])


def test_what_ships_is_sound() -> None:
    directory = ProvinceDirectory.load(SHIPPED)
    assert directory.national is not None
    assert all(one.sources["profile"] for one in directory.profiles)
