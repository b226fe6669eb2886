"""The profiles in deploy/provinces: all that were promised; none reaches anybody, none claims another's code."""

from __future__ import annotations

import re
import string
from itertools import product
from random import Random

import pytest

from gateway.errors import CodeStopped, Reason
from gateway.formats import recognise
from gateway.formats.opaque import CodeShape, OpaqueShapes
from gateway.provinces.profile import DialectName, ProvinceProfile
from gateway.trust.online import displayed
from gateway.values import CodeState, DisplayedCode, DivisionCode, Format

from .province_words import AT, PROFILES, shipped

DIVISIONS = {
    "national": "100000",
    "zhejiang": "330000",
    "guangdong": "440000",
    "shenzhen": "440300",
    "fujian": "350000",
    "hainan": "460000",
    "guangxi": "450000",
    "yunnan": "530000",
    "sichuan": "510000",
    "jiangxi": "360000",
    "guizhou": "520000",
    "jiangsu": "320000",
    "shanghai": "310000",
    "beijing": "110000",
    "hubei": "420000",
    "tianjin": "120000",
    "chongqing": "500000",
    "jilin": "220000",
    "gansu": "620000",
}
"""GB/T 2260."""

ROTATES = ("guangdong", "shenzhen", "sichuan", "guangxi", "yunnan", "guizhou", "tianjin", "shanghai", "jiangsu")
"""Codes that are made anew within a minute or so: what was said of one is soon of no use."""

PLACEHOLDER = re.compile(r"(?:https://)?[a-z.-]+\.invalid(?::443)?(?:/[a-z]+)?")


@pytest.fixture(params=DIVISIONS)
def one(request: pytest.FixtureRequest) -> ProvinceProfile:
    """Return each shipped profile."""
    return shipped().by_name[request.param]


def test_all_that_were_promised_are_there() -> None:
    assert {one.name: one.division for one in shipped().profiles} == DIVISIONS
    assert {one.dialect for one in shipped().profiles} == set(DialectName)


def test_nobody_is_reached_by_a_shipped_profile(one: ProvinceProfile) -> None:
    places = [one.issuer, one.endpoint, *(shape.page for shape in one.shapes if shape.page is not None)]
    assert [place for place in places if not PLACEHOLDER.fullmatch(place)] == []
    assert not one.insecure_http_to_loopback


def test_no_secret_ships(one: ProvinceProfile) -> None:
    assert [path.name for path in one.credentials.values() if path.exists()] == []
    assert [
        path.name for path in PROFILES.rglob("*") if path.is_file() and path.suffix not in (".toml", ".md", ".json")
    ] == []


def test_every_value_names_its_source_or_is_assumed(one: ProvinceProfile) -> None:
    assert {"profile", "endpoint", "credentials", "budget"} <= set(one.sources)
    assert one.sources["endpoint"].startswith("assumed")
    assert [section for section, source in one.sources.items() if len(source) < len("assumed")] == []


def test_every_word_has_a_meaning_for_people(one: ProvinceProfile) -> None:
    assert [word for word, meant in one.states.items() if not meant.meaning.endswith(".")] == []
    assert CodeState.GREEN in {meant.state for meant in one.states.values()}
    assert {CodeState.GREEN, CodeState.RED} <= set(one.displayed.values())


def test_a_budget_is_sensible(one: ProvinceProfile) -> None:
    assert one.budget.fresh_for_s <= (60 if one.name in ROTATES else 300)
    assert one.budget.deadline_s <= 2
    assert one.falls_back is (one.name != "national")


def test_the_readme_lists_them() -> None:
    text = (PROFILES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([a-z]+)\]\(([a-z]+)\.toml\) \| [^|]+ \| (\d{6}) \| ([a-z]+) \|", text, re.MULTILINE)
    assert rows == [(name, name, division, dialect) for name, _, division, dialect in rows]
    assert {(name, division, dialect) for name, _, division, dialect in rows} == {
        (one.name, one.division, one.dialect.value) for one in shipped().profiles
    }


LETTERS = {
    "hex": string.digits + "abcdef",
    "digits": string.digits,
    "base64": string.ascii_letters + string.digits,
    "token": string.ascii_letters + string.digits + "_-",
}


def sample(shape: CodeShape, draw: Random) -> bytes:
    """Return a code of this shape."""

    def part(found: re.Match[str]) -> str:
        if found[0] == "{division}":
            return shape.division[:2] + "0102"
        kind, least, most = found[1], int(found[2]), int(found[3] or found[2])
        return "".join(draw.choices(LETTERS[kind], k=draw.randint(least, most)))

    text = re.sub(r"\{(?:(\w+):(\d+)(?:-(\d+))?|division)\}", part, re.sub("[<>]", "", shape.template))
    if shape.page is None:
        return text.encode()
    rest = f"&{shape.national_parameter}={draw.randbytes(16).hex()}" if shape.national_parameter else ""
    return f"https://{shape.page}?cityCode=000000&{shape.parameter}={text}{rest}&b=0".encode()


def test_a_code_of_a_province_is_read_as_its_own_and_nobody_elses(one: ProvinceProfile) -> None:
    draw = Random(one.name)
    assert one.shapes
    for shape in one.shapes * 50:
        code = sample(shape, draw)
        assert recognise(code) is Format.UNKNOWN
        found = shipped().shapes.read(code)
        assert found.issuer == shape.issuer
        assert (found.national is not None) is (shape.national_parameter is not None)
        for other in shipped().profiles:
            if other.issuer != shape.issuer:
                with pytest.raises(CodeStopped) as stopped:
                    OpaqueShapes(other.shapes).read(code)
                assert stopped.value.reason is Reason.UNRECOGNISED


def test_zhejiang_and_jiangsu_share_a_page_and_part_by_the_code() -> None:
    pages = {str(one.name): {shape.page for shape in one.shapes} for one in shipped().profiles}
    assert pages["zhejiang"] == pages["jiangsu"] != {None}
    page = next(iter(pages["zhejiang"]))
    for value, issuer in {
        "V2" + "0a" * 16: "https://zhejiang.code.invalid",
        "V0ding" + "0a" * 16: "https://zhejiang.code.invalid",
        "V5" + "0a" * 16 + "320200": "https://jiangsu.code.invalid",
    }.items():
        assert shipped().shapes.read(f"https://{page}?qrCode={value}".encode()).issuer == issuer
    for value in ("V5" + "0a" * 16, "V5" + "0a" * 16 + "330100", "V3" + "0a" * 16, "V2" + "0a" * 15):
        with pytest.raises(CodeStopped) as stopped:
            shipped().shapes.read(f"https://{page}?qrCode={value}".encode())
        assert stopped.value.reason is Reason.UNRECOGNISED


def test_the_national_code_is_its_id_alone() -> None:
    assert shipped().shapes.read(b"0a" * 16).issuer == "https://national.code.invalid"


@pytest.mark.parametrize("division", DIVISIONS.values())
def test_a_screen_of_every_division_is_explained(division: str) -> None:
    found = displayed(DisplayedCode(DivisionCode(division), "red", AT), shipped().online)
    assert found.issuer.division == division


def test_every_code_word_is_a_dialects_own() -> None:
    """Words travel as the dialect writes them: numbers over Tencent's, colours over Alipay's."""
    forms = {
        DialectName.TENCENT: r"[01]{2}",
        DialectName.NATIONAL: r"[01]{2}",
        DialectName.ALIPAY: r"[a-z]+",
        DialectName.NATIVE: r"[a-z][a-z0-9_]{0,31}",
        DialectName.JIANGSU: r"[a-z]+",
        DialectName.ZHEJIANG: r"[a-z]+|#[0-9A-F]{6}",
    }
    wrong = [
        (one.name, word)
        for one, word in ((one, word) for one in shipped().profiles for word in one.states)
        if not re.fullmatch(forms[one.dialect], word)
    ]
    assert wrong == []


def test_no_two_provinces_are_one_issuer() -> None:
    pairs = [(a, b) for a, b in product(shipped().profiles, repeat=2) if a.name < b.name]
    assert [(a.name, b.name) for a, b in pairs if a.issuer == b.issuer or a.division == b.division] == []
