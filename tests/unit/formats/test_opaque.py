"""Opaque codes: whose they look like, whose they do not, and shapes that cannot be used."""

from __future__ import annotations

import contextlib
import random
import string
from typing import Any

import pytest

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import MAX_CODE_BYTES
from gateway.formats.opaque import MAX_OPAQUE_BYTES, CodeShape, OpaqueShapes, ShapeInvalid
from gateway.formats.opaque_template import TemplateInvalid, compile_template
from gateway.values import DivisionCode, IssuerId, OpaqueCode

HEX = "0123456789abcdef0123456789ABCDEF"
NATIONAL_ID = "fedcba9876543210fedcba9876543210"
PAGE = "qr.code.invalid/show"


def shape(name: str, division: str, template: str, **members: Any) -> CodeShape:
    return CodeShape(IssuerId(f"https://{name}.invalid"), DivisionCode(division), template, **members)


def on_page(name: str, division: str, template: str, **members: Any) -> CodeShape:
    return shape(name, division, template, page=PAGE, parameter="qrCode", **members)


ZHEJIANG = on_page("zhejiang", "330000", "V0ding{hex:32}", national_parameter="stateCouncilBarCode")
ZHEJIANG_OLD = on_page("zhejiang", "330000", "V2<{hex:32}>")
JIANGSU = on_page("jiangsu", "320000", "V5{hex:32}{division}")
SHANGHAI = shape("shanghai", "310000", "https://s.code.invalid/<{token:8-32}>")
GUANGDONG = shape("guangdong", "440000", "GD{division}:<{base64:24}>")
SHENZHEN = shape("shenzhen", "440300", "GD{division}:<{base64:24}>")
SICHUAN = shape("sichuan", "510000", "{digits:20}")
NATIONAL = shape("national", "100000", "N{division}{token:16}")

SHAPES = OpaqueShapes([ZHEJIANG, ZHEJIANG_OLD, JIANGSU, SHANGHAI, GUANGDONG, SHENZHEN, SICHUAN, NATIONAL])
BASE64 = "AAAABBBBCCCCDDDDEEEE++/="


def url(query: str, *, page: str = PAGE, scheme: str = "https") -> str:
    return f"{scheme}://{page}?{query}"


def reason(text: str | bytes, shapes: OpaqueShapes = SHAPES) -> Reason:
    with pytest.raises(CodeUnreadable) as caught:
        shapes.read(text.encode() if isinstance(text, str) else text)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "issuer", "division", "identifier", "national"),
    [
        (url(f"qrCode=V0ding{HEX}"), "zhejiang", "330000", f"V0ding{HEX}", None),
        (url(f"qrCode=V0ding{HEX}", scheme="http"), "zhejiang", "330000", f"V0ding{HEX}", None),
        (f"HTTPS://QR.Code.INVALID/show?qrCode=V2{HEX}", "zhejiang", "330000", HEX, None),
        (url(f"a=1&qrCode=V2{HEX}&b"), "zhejiang", "330000", HEX, None),
        (
            url(f"qrCode=V0ding{HEX}&stateCouncilBarCode={NATIONAL_ID}&cityCode=330100"),
            "zhejiang", "330000", f"V0ding{HEX}", NATIONAL_ID,
        ),
        (url(f"qrCode=V0ding{HEX}&stateCouncilBarCode=short"), "zhejiang", "330000", f"V0ding{HEX}", None),
        (url(f"qrCode=V0ding{HEX}&stateCouncilBarCode={'a' * 65}"), "zhejiang", "330000", f"V0ding{HEX}", None),
        (url(f"qrCode=V0ding{HEX}&stateCouncilBarCode={HEX}%2D"), "zhejiang", "330000", f"V0ding{HEX}", None),
        (
            url(f"qrCode=V0ding{HEX}&stateCouncilBarCode={HEX}&stateCouncilBarCode={HEX}"),
            "zhejiang", "330000", f"V0ding{HEX}", None,
        ),
        (url(f"qrCode=V2{HEX}&stateCouncilBarCode={NATIONAL_ID}"), "zhejiang", "330000", HEX, None),
        (url(f"qrCode=V5{HEX}320500&b={BASE64}"), "jiangsu", "320500", f"V5{HEX}320500", None),
        (url(f"qr%43ode=%565{HEX}320500"), "jiangsu", "320500", f"V5{HEX}320500", None),
        ("https://s.code.invalid/aB3_-aB3", "shanghai", "310000", "aB3_-aB3", None),
        (f"GD440100:{BASE64}", "guangdong", "440100", BASE64, None),
        (f"GD440000:{BASE64}", "guangdong", "440000", BASE64, None),
        (f"GD440305:{BASE64}", "shenzhen", "440305", BASE64, None),
        (f"GD440300:{BASE64}", "shenzhen", "440300", BASE64, None),
        ("01234567890123456789", "sichuan", "510000", "01234567890123456789", None),
        ("N650100aaaabbbbccccdddd", "national", "650100", "N650100aaaabbbbccccdddd", None),
    ],
)  # fmt: skip
def test_a_code_is_read_as_its_issuers(
    text: str, issuer: str, division: str, identifier: str, national: str | None
) -> None:
    assert SHAPES.read(text.encode()) == OpaqueCode(
        IssuerId(f"https://{issuer}.invalid"), DivisionCode(division), text, identifier, national
    )


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "HC1:not opaque",
        url(f"qrCode=V3{HEX}"),
        url(f"qrCode=V2{HEX}0"),
        url(f"qrCode=V2{HEX[:-1]}"),
        url(f"qrCode=V2{HEX[:-1]}g"),
        url(f"qrCode=v2{HEX}"),
        url(f"QRCODE=V2{HEX}"),
        url(f"other=V2{HEX}"),
        url(f"qrCode=V2{HEX}&qrCode=V2{HEX}"),
        url(f"qrCode=V2{HEX}&qrCode=V0ding{HEX}"),
        url(f"qrCode=V2{HEX}&qr%43ode=V0ding{HEX}"),
        url(f"qrCode=V2{HEX}&qrCode"),
        url(f"qrCode=V2{HEX}&%=1"),
        url(f"qrCode=V2{HEX}&qrCod%6=1"),
        url(f"qrCode=%5{HEX}"),
        url(f"qrCode=V2{HEX}%"),
        url(f"qrCode=V2{HEX}%0A"),
        url(f"qrCode=V2{HEX}%00"),
        url(f"qrCode=V2{HEX}%E4%BD%A0"),
        url(f"qrCode=V2{HEX}#there"),
        url(f"qrCode=V2{HEX}", page="qr.code.invalid/show/"),
        url(f"qrCode=V2{HEX}", page="qr.code.invalid/Show"),
        url(f"qrCode=V2{HEX}", page="qr.code.invalid:443/show"),
        url(f"qrCode=V2{HEX}", page="user:password@qr.code.invalid/show"),
        url(f"qrCode=V2{HEX}", page="qr.code.invalid.evil.invalid/show"),
        url(f"qrCode=V2{HEX}", page="evil.invalid/qr.code.invalid/show"),
        url(f"qrCode=V2{HEX}", page="qr.code.invalid/x/../show"),
        url(f"qrCode=V2{HEX}", page="qr.code.invalid/%73how"),
        url(f"qrCode=V2{HEX}", page="qr.code.invalid\\show"),
        url(f"qrCode=V2{HEX}", scheme="ftp"),
        f"{PAGE}?qrCode=V2{HEX}",
        f"//{PAGE}?qrCode=V2{HEX}",
        f"https:/{PAGE}?qrCode=V2{HEX}",
        f"https://{PAGE}",
        url(f"qrCode=V5{HEX}330500"),  # not its division
        url(f"qrCode=V5{HEX}020500"),  # no division at all
        url(f"qrCode=V5{HEX}100000"),
        f"GD450000:{BASE64}",
        "https://s.code.invalid/short",
        "https://s.code.invalid/" + "a" * 33,
        "https://s.code.invalid/aB3_-aB3\n",
        " 01234567890123456789",
        "01234567890123456789 ",
        "0123456789012345678\uff19",
        "0123456789012345678\x7f",
    ],
)
def test_what_is_nobodys(text: str) -> None:
    assert reason(text) is Reason.UNRECOGNISED


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (b"", Reason.EMPTY_CODE),
        (b"\xff\xfe", Reason.UNRECOGNISED),
        (b"1" * (MAX_OPAQUE_BYTES + 1), Reason.UNRECOGNISED),
        (b"1" * MAX_CODE_BYTES, Reason.UNRECOGNISED),
        (b"1" * (MAX_CODE_BYTES + 1), Reason.TOO_LARGE),
    ],
)
def test_sizes_and_letters(code: bytes, expected: Reason) -> None:
    assert reason(code) is expected
    assert reason(code, OpaqueShapes()) is expected


def test_a_code_of_512_bytes_is_still_read() -> None:
    shapes = OpaqueShapes([shape("long", "330000", "{token:1-512}")])
    assert len(shapes.read(b"a" * MAX_OPAQUE_BYTES).identifier) == MAX_OPAQUE_BYTES


def test_two_issuers_that_claim_a_code_are_ambiguous() -> None:
    both = OpaqueShapes([shape("a", "330000", "{token:1-40}"), shape("b", "320000", "{hex:32}")])
    assert reason(HEX, both) is Reason.ISSUER_AMBIGUOUS
    assert both.read(b"xyz").issuer == "https://a.invalid"


def test_a_page_and_a_text_may_claim_the_same_code() -> None:
    both = OpaqueShapes([ZHEJIANG_OLD, shape("b", "320000", f"https://{PAGE}?qrCode=V2{{hex:32}}")])
    assert reason(url(f"qrCode=V2{HEX}"), both) is Reason.ISSUER_AMBIGUOUS
    assert both.read(url(f"qrCode=V2{HEX}&x=1").encode()).issuer == ZHEJIANG_OLD.issuer


def test_of_two_shapes_of_one_issuer_the_first_counts() -> None:
    first, second = on_page("a", "330000", "A<{hex:32}>"), shape("a", "330000", f"https://{PAGE}?qrCode=<A{{hex:32}}>")
    text = url(f"qrCode=A{HEX}").encode()
    assert OpaqueShapes([first, second]).read(text).identifier == HEX
    assert OpaqueShapes([second, first]).read(text).identifier == f"A{HEX}"


@pytest.mark.parametrize(
    ("shapes", "text", "expected"),
    [
        # nested, and a division inside: the narrowest issuer that contains it
        ([("gd", "440000", "GD{division}{hex:4}"), ("sz", "440300", "GD{division}{hex:4}")], "GD440305abcd", "sz"),
        ([("sz", "440300", "GD{division}{hex:4}"), ("gd", "440000", "GD{division}{hex:4}")], "GD440305abcd", "sz"),
        ([("gd", "440000", "GD{division}{hex:4}"), ("sz", "440300", "{token:12}")], "GD440305abcd", "sz"),
        ([("gd", "440000", "GD{division}{hex:4}"), ("sz", "440300", "{token:12}")], "GD440100abcd", "gd"),
        (
            [("cn", "100000", "{token:12}"), ("gd", "440000", "GD{division}{hex:4}"), ("sz", "440300", "{token:12}")],
            "GD440305abcd",
            "sz",
        ),
        ([("cn", "100000", "GD{division}{hex:4}"), ("gd", "440000", "{token:12}")], "GD330100abcd", "cn"),
        # nested, but no division inside
        ([("gd", "440000", "{token:12}"), ("sz", "440300", "{token:12}")], "GD440305abcd", None),
        # not nested
        ([("sz", "440300", "GD{division}{hex:4}"), ("gz", "440100", "{token:12}")], "GD440305abcd", None),
        ([("cn", "100000", "GD{division}{hex:4}"), ("gz", "440100", "{token:12}"), ("zj", "330000", "{token:12}")],
         "GD440305abcd", None),
        # the same division twice
        ([("a", "440000", "GD{division}{hex:4}"), ("b", "440000", "GD{division}{hex:4}")], "GD440305abcd", None),
        # two different divisions inside
        ([("gd", "440000", "GD{division}{hex:4}"), ("sz", "440300", "GD44{division}{hex:2}")], "GD44440301ab", None),
    ],
)  # fmt: skip
def test_a_division_inside_decides_between_a_province_and_its_city(
    shapes: list[tuple[str, str, str]], text: str, expected: str | None
) -> None:
    held = OpaqueShapes([shape(*one) for one in shapes])
    if expected is None:
        assert reason(text, held) is Reason.ISSUER_AMBIGUOUS
    else:
        assert held.read(text.encode()).issuer == f"https://{expected}.invalid"


def test_neither_text_nor_ids_are_shown() -> None:
    shown = repr(SHAPES.read(url(f"qrCode=V0ding{HEX}&stateCouncilBarCode={NATIONAL_ID}").encode()))
    assert HEX not in shown
    assert NATIONAL_ID not in shown


@pytest.mark.parametrize(
    ("broken", "member"),
    [
        (shape("a", "330000", ""), "template"),
        (shape("a", "330000", "fixed"), "template"),
        (shape("a", "330000", "{division}"), "template"),
        (shape("a", "330000", "A<B>{hex:4}"), "template"),
        (shape("a", "330000", "<{division}>{hex:4}"), "template"),
        (shape("a", "330000", "<>{hex:4}"), "template"),
        (shape("a", "330000", "<{hex:4}"), "template"),
        (shape("a", "330000", "{hex:4}>"), "template"),
        (shape("a", "330000", ">{hex:4}<"), "template"),
        (shape("a", "330000", "<{hex:4}><{hex:4}>"), "template"),
        (shape("a", "330000", "<<{hex:4}>>"), "template"),
        (shape("a", "330000", "{division}{division}{hex:4}"), "template"),
        (shape("a", "330000", "{hex}"), "template"),
        (shape("a", "330000", "{hex:}"), "template"),
        (shape("a", "330000", "{hex:0}"), "template"),
        (shape("a", "330000", "{hex:8-4}"), "template"),
        (shape("a", "330000", "{hex:513}"), "template"),
        (shape("a", "330000", "{hex:4-}"), "template"),
        (shape("a", "330000", "{hex:-4}"), "template"),
        (shape("a", "330000", "{HEX:4}"), "template"),
        (shape("a", "330000", "{word:4}"), "template"),
        (shape("a", "330000", "{hex:4"), "template"),
        (shape("a", "330000", "hex:4}"), "template"),
        (shape("a", "330000", "{{hex:4}}"), "template"),
        (shape("a", "330000", "a b{hex:4}"), "template"),
        (shape("a", "330000", "码{hex:4}"), "template"),
        (shape("a", "330000", "{hex:4}\n"), "template"),
        (shape("a", "330000", "{hex:1-4}a"), "template"),
        (shape("a", "330000", "{hex:1-4}{hex:1-4}"), "template"),
        (shape("a", "330000", "{token:1-4}{division}"), "template"),
        (shape("a", "330000", "<{token:1-4}>-x"), "template"),
        (shape("a", "330000", "a" * 510 + "{hex:4}"), "template"),
        (shape("a", "33000", "{hex:4}"), "division"),
        (shape("a", "3300000", "{hex:4}"), "division"),
        (shape("a", "CN", "{hex:4}"), "division"),
        (shape("a", "330000\n", "{hex:4}"), "division"),
        (shape("a", "330000", "{hex:4}", page=PAGE), "parameter"),
        (shape("a", "330000", "{hex:4}", parameter="qrCode"), "parameter"),
        (shape("a", "330000", "{hex:4}", page=PAGE, parameter=""), "parameter"),
        (shape("a", "330000", "{hex:4}", page=PAGE, parameter="a=b"), "parameter"),
        (shape("a", "330000", "{hex:4}", national_parameter="n"), "national_parameter"),
        (on_page("a", "330000", "{hex:4}", national_parameter="qrCode"), "national_parameter"),
        (on_page("a", "330000", "{hex:4}", national_parameter="a&b"), "national_parameter"),
        (shape("a", "330000", "{hex:4}", page="", parameter="a"), "page"),
        (shape("a", "330000", "{hex:4}", page="/qr", parameter="a"), "page"),
        (shape("a", "330000", "{hex:4}", page="https://a.invalid/qr", parameter="a"), "page"),
        (shape("a", "330000", "{hex:4}", page="u@a.invalid/qr", parameter="a"), "page"),
        (shape("a", "330000", "{hex:4}", page="A.invalid/qr", parameter="a"), "page"),
        (shape("a", "330000", "{hex:4}", page="a.invalid/qr?x", parameter="a"), "page"),
        (shape("a", "330000", "{hex:4}", page="a.invalid/qr#x", parameter="a"), "page"),
        (shape("a", "330000", "{hex:4}", page="a.invalid/q r", parameter="a"), "page"),
    ],
)  # fmt: skip
def test_a_shape_that_cannot_be_used(broken: CodeShape, member: str) -> None:
    with pytest.raises(ShapeInvalid) as caught:
        OpaqueShapes([ZHEJIANG, broken])
    assert caught.value.member == member
    assert caught.value.why


@pytest.mark.parametrize(
    "template",
    [
        "{hex:1-4}g",
        "{digits:1-4}a{hex:2}",
        "<{token:1-4}>.{division}",
        "{base64:1-9}-{base64:1-9}",
        "|~.*+[(^$\\{hex:2}",
    ],
)
def test_literals_mean_themselves_and_varying_parts_end_somewhere(template: str) -> None:
    assert compile_template(template).begins


ALPHABETS = {"hex": string.hexdigits, "digits": string.digits, "token": string.ascii_letters + "_-"}


@pytest.mark.parametrize("seed", range(60))
def test_what_a_template_describes_is_what_it_reads(seed: int) -> None:
    """Random templates, texts made after them, and the same texts with one letter changed, lost or doubled."""
    rng = random.Random(seed)
    while True:
        template, text, identifier = "", "", ""
        inside = rng.sample(range(5), 2)
        for place in range(5):
            template += "<" if place == min(inside) else ">" if place == max(inside) else ""
            kind = rng.choice([*ALPHABETS, "literal"])
            least, most = sorted(rng.sample(range(1, 9), 2))
            if kind == "literal":
                part = written = "".join(rng.choices("!\"#$%&'()*+,./:;=?@[]^`|~\\", k=least))
            else:
                part = f"{{{kind}:{least}-{most}}}"
                written = "".join(rng.choices(ALPHABETS[kind], k=rng.randint(least, most)))
            template += part
            text += written
            identifier += written if min(inside) <= place < max(inside) else ""
        try:
            compile_template(template)
        except TemplateInvalid:
            continue
        break
    shapes = OpaqueShapes([shape("a", "330000", template)])
    assert shapes.read(text.encode()).identifier == identifier
    assert reason(text + "\x21\x21" + text, shapes) is Reason.UNRECOGNISED
    place = rng.randrange(len(text))
    assert reason(text[:place] + "{" + text[place + 1 :], shapes) is Reason.UNRECOGNISED


@pytest.mark.parametrize("seed", range(200))
def test_hostile_texts_end_in_a_reason_or_in_a_claim(seed: int) -> None:
    rng = random.Random(seed)
    good = url(f"qrCode=V0ding{HEX}&stateCouncilBarCode={NATIONAL_ID}").encode()
    code = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(code))
        code[place : place + rng.randint(0, 3)] = rng.choice(
            [b"", b"&", b"%", b"?", b"=", b"#", b"%26", bytes([rng.randrange(256)])]
        )
    claimed = None
    with contextlib.suppress(CodeUnreadable):
        claimed = SHAPES.read(bytes(code))
    if claimed is None:
        assert reason(bytes(code)) is Reason.UNRECOGNISED
    else:
        assert claimed.issuer == ZHEJIANG.issuer
        assert claimed.text.encode() == bytes(code)


@pytest.mark.parametrize(
    "text",
    [
        "https://" + "&" * 500,
        url("=" * 480),
        url("%" * 480),
        url("qrCode=" + "V2" * 230),
        "a" * 512,
        url("&qrCode=V2" * 45),
    ],
)
def test_long_hostile_texts_are_nobodys(text: str) -> None:
    assert reason(text) is Reason.UNRECOGNISED
