"""Profiles: a full one as it is read, and every way in which one is refused, with line and member."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.formats.opaque import CodeShape
from gateway.provinces.encodings import load_encodings
from gateway.provinces.profile import Budget, DialectName, ProvinceProfile, StatedMeaning
from gateway.provinces.profile_file import profile_of
from gateway.provinces.profile_model import ProfileFile
from gateway.provinces.toml_file import MAX_FAULTS, MAX_FILE_BYTES, FileFault, TomlRefused, read_toml
from gateway.values import CodeState, DivisionCode, IssuerId, ReasonClass

from .profile_texts import FULL, NATIONAL, NATIVE, Assignment, assignments, write

ENCODINGS = load_encodings()


def load(folder: Path, text: str, name: str = "example") -> ProvinceProfile:
    return load_file(write(folder, text, name))


def load_file(file: Path) -> ProvinceProfile:
    return profile_of(read_toml(file, ProfileFile), ENCODINGS)


def faults(folder: Path, text: str, name: str = "example") -> tuple[FileFault, ...]:
    with pytest.raises(TomlRefused) as caught:
        load(folder, text, name)
    assert {fault.file for fault in caught.value.faults} == {str(folder / f"{name}.toml")}
    assert all(fault.why for fault in caught.value.faults)
    return caught.value.faults


def fault(folder: Path, text: str, name: str = "example") -> FileFault:
    (found,) = faults(folder, text, name)
    return found


def changed(old: str, new: str, text: str = FULL) -> str:
    assert text.count(old) >= 1
    return text.replace(old, new, 1)


def test_a_full_profile_is_read_whole(tmp_path: Path) -> None:
    issuer, division = IssuerId("https://code.example.invalid"), DivisionCode("520000")
    tencent = ENCODINGS["tencent"].states
    profile = load(tmp_path, FULL)
    assert (profile.name, profile.title, profile.issuer) == ("example", "Example province, 省", issuer)
    assert (profile.division, profile.dialect) == (division, DialectName.TENCENT)
    assert profile.endpoint == "https://api.example.invalid:8443/gate"
    assert profile.ca_file == tmp_path / "tls/ca.pem"
    assert profile.insecure_http_to_loopback is False
    assert profile.credentials == {"secret_key": tmp_path / "secrets/example.secret-key"}
    assert profile.registered_as == {"app_id": "healthcode-interop-gateway"}
    assert profile.parameters == {"path": "/decode", "expired_codes": "7 8"}
    assert profile.budget == Budget(60, 1.5, 16, 2, 5, 5)
    assert profile.falls_back is True
    assert profile.states == {
        "00": tencent["00"],
        "01": StatedMeaning(CodeState.UNCONFIRMED, "Two tests within three days.", ReasonClass.YELLOW_OTHER),
        "10": tencent["10"],
        "99": StatedMeaning(CodeState.RED, "Another red.", ReasonClass.RED_CLOSE_CONTACT),
    }
    assert profile.reasons == {"A4": ReasonClass.RED_CLOSE_CONTACT, "B6": ReasonClass.YELLOW_OTHER}
    assert profile.displayed == {"green": CodeState.GREEN, "01": CodeState.UNCONFIRMED}
    assert profile.shapes == (
        CodeShape(issuer, division, "EX<{hex:32}>", "qr.example.invalid/show", "qrCode", "stateCouncilBarCode"),
        CodeShape(issuer, division, "EX{division}<{token:8-16}>"),
    )
    assert {"profile", "endpoint", "states", "state[1]", "reason[0]", "displayed[1]", "recognise[1]"} <= set(
        profile.sources
    )
    assert {name for name in profile.sources if name.startswith("encoding.")} == {"encoding.00", "encoding.10"}


def test_two_readings_of_one_file_are_equal_and_cannot_be_changed(tmp_path: Path) -> None:
    first, second = load(tmp_path, FULL), load(tmp_path, FULL)
    assert first == second
    for mapping in (first.states, first.credentials, first.parameters, first.reasons, first.displayed, first.sources):
        with pytest.raises(TypeError):
            mapping["x"] = "y"  # type: ignore[index]


def test_the_national_platform_needs_no_shapes(tmp_path: Path) -> None:
    assert load(tmp_path, NATIONAL, "national").dialect is DialectName.NATIONAL
    assert load(tmp_path, NATIONAL.partition("[[recognise]]")[0], "national").shapes == ()


def test_a_dialects_own_source_is_written_otherwise(tmp_path: Path) -> None:
    text = (
        FULL.replace('"tencent"\nsource = "assumed: an', '"jiangsu"\nsource = "assumed: an')
        .replace("secret_key =", "token =")
        .replace('app_id = "healthcode-interop-gateway"', "\n".join(
            f'{name} = "the gateway"'
            for name in ("source_", "position", "verifierDept", "verifierName", "verifierPhone")
        ))
        .replace('"/decode"', '"/scan"')
    )  # fmt: skip
    assert load(tmp_path, text).registered_as["source"] == "the gateway"
    found = fault(tmp_path, changed('source_ = "the gateway"\n', "", text))
    assert found.path == "registered_as.source_"


def test_members_that_may_be_left_out(tmp_path: Path) -> None:
    text = FULL
    for section in ("[parameters]", "[[reason]]", "[[displayed]]"):
        while section in text:
            before, _, after = text.partition(section)
            text = before + after[after.index("\n\n") + 2 :]
    for line in ('ca_file = "tls/ca.pem"\n', "insecure_http_to_loopback = false\n", "falls_back = true\n",
                 'reason_class = "YELLOW_OTHER"\n', 'national_parameter = "stateCouncilBarCode"\n'):  # fmt: skip
        text = changed(line, "", text)
    profile = load(tmp_path, text)
    assert (profile.ca_file, profile.falls_back, profile.reasons, profile.displayed) == (None, False, {}, {})


MEMBERS = tuple(assignments(FULL))


WRONG = ("{}", "[]", "17.5", "true", '""', "2020-02-28", "nan", "'a\tb'", "-1")
RIGHT = {
    *((f"budget.{name}", "17.5") for name in ("fresh_for_s", "deadline_s", "breaker_rest_s")),
    *((name, "true") for name in ("endpoint.insecure_http_to_loopback", "budget.falls_back")),
}


@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        pytest.param(one, wrong, id=f"{one.path} {wrong}")
        for one in MEMBERS
        for wrong in WRONG
        if (one.path, wrong) not in RIGHT
    ],
)
def test_a_member_of_a_wrong_type_is_refused_where_it_stands(tmp_path: Path, member: Assignment, wrong: str) -> None:
    lines = FULL.splitlines()
    lines[member.line - 1] = f"{member.path.rpartition('.')[2]} = {wrong}"
    found = fault(tmp_path, "\n".join(lines))
    assert (found.line, found.path) == (member.line, member.path)


OPTIONAL = {
    "endpoint.ca_file", "endpoint.insecure_http_to_loopback", "budget.falls_back", "recognise[0].national_parameter",
    "state[0].reason_class", "state[1].reason_class", "parameters.path", "parameters.expired_codes",
}  # fmt: skip


@pytest.mark.parametrize("member", MEMBERS, ids=lambda one: one.path)
def test_a_member_that_is_missing_is_told_with_its_section(tmp_path: Path, member: Assignment) -> None:
    lines = FULL.splitlines()
    del lines[member.line - 1]
    text = "\n".join(lines)
    if member.path in OPTIONAL:
        load(tmp_path, text)
        return
    found = fault(tmp_path, text)
    assert (found.line, found.path) == (member.section_line, member.path)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda one: one.path)
def test_an_unknown_member_is_refused_anywhere(tmp_path: Path, member: Assignment) -> None:
    lines = FULL.splitlines()
    lines.insert(member.line - 1, 'colour = "red"')
    found = fault(tmp_path, "\n".join(lines))
    section = member.path.rpartition(".")[0]
    assert (found.line, found.path) == (member.line, f"{section}.colour".lstrip("."))


@pytest.mark.parametrize("section", ["endpoint", "budget"])
def test_a_section_that_is_missing(tmp_path: Path, section: str) -> None:
    before, _, after = FULL.partition(f"[{section}]\n")
    found = fault(tmp_path, before + after[after.index("\n\n") + 2 :])
    assert (found.line, found.path) == (None, section)


OUT_OF_RANGE = {
    "fresh_for_s": ("0", "-1", "86400.1", "inf", "nan"),
    "deadline_s": ("0.049", "30.1", "0", "inf"),
    "in_flight": ("0", "257", "1.0"),
    "attempts": ("0", "5"),
    "breaker_failures": ("0", "101"),
    "breaker_rest_s": ("0.09", "600.5", "inf"),
}
IN_RANGE = {
    "fresh_for_s": ("0.1", "86400"),
    "deadline_s": ("0.05", "30"),
    "in_flight": ("1", "256"),
    "attempts": ("1", "4"),
    "breaker_failures": ("1", "100"),
    "breaker_rest_s": ("0.1", "600"),
}


@pytest.mark.parametrize(("member", "value"), [(name, one) for name, many in OUT_OF_RANGE.items() for one in many])
def test_budgets_out_of_range(tmp_path: Path, member: str, value: str) -> None:
    (line,) = [one for one in MEMBERS if one.path == f"budget.{member}"]
    found = fault(tmp_path, changed(f"{member} = {line.value}", f"{member} = {value}"))
    assert (found.line, found.path) == (line.line, line.path)


@pytest.mark.parametrize(("member", "value"), [(name, one) for name, many in IN_RANGE.items() for one in many])
def test_budgets_at_the_ends_of_their_ranges(tmp_path: Path, member: str, value: str) -> None:
    (line,) = [one for one in MEMBERS if one.path == f"budget.{member}"]
    profile = load(tmp_path, changed(f"{member} = {line.value}", f"{member} = {value}"))
    assert getattr(profile.budget, member) == float(value)


REFUSED = (
    # who it is
    ('name = "example"', 'name = "other"', "name"),
    ('name = "example"', 'name = "Example"', "name"),
    ('name = "example"', 'name = "ex_ample"', "name"),
    ('division = "520000"', 'division = "52000"', "division"),
    ('division = "520000"', 'division = "020000"', "division"),
    ('division = "520000"', 'division = "CN"', "division"),
    ('division = "520000"', 'division = "520000\\n"', "division"),
    ('issuer = "https://code.example.invalid"', 'issuer = "a b"', "issuer"),
    ('issuer = "https://code.example.invalid"', 'issuer = "é"', "issuer"),
    ('dialect = "tencent"', 'dialect = "Tencent"', "dialect"),
    ('dialect = "tencent"', 'dialect = "smtp"', "dialect"),
    ('title = "Example province, 省"', 'title = " x"', "title"),
    ('source = "assumed: an example"', 'source = "  "', "source"),
    ('source = "Guangxi\'s reasons"', 'source = " "', "reason[0].source"),
    # how it is asked
    *(("https://api.example.invalid:8443/gate", url, "endpoint.url") for url in (
        "http://api.example.invalid/gate", "http://127.0.0.1/gate", "http://localhost:80", "ftp://api.example.invalid",
        "api.example.invalid", "api.example.invalid:443", "//api.example.invalid/x", "https:///gate", "https://",
        "https://user@api.example.invalid", "https://user:secret@api.example.invalid", "https://@api.example.invalid",
        "https://api.example.invalid/#x", "https://api.example.invalid/#", "https://api.example.invalid/?a=b",
        "https://api.example.invalid?", "https://api.example.invalid:0", "https://api.example.invalid:65536",
        "https://api.example.invalid:x", "https://api example.invalid", "https://api.example.invalid/a b",
        "https://api.example.invalid\\\\evil.invalid", "https://[::1", "https://[example]", "https://exämple.invalid",
        "https://a_b.invalid", "https://%61.invalid", "javascript:alert(1)", "file:///etc/passwd",
    )),
    ('"secrets/example.secret-key"', '"""-----BEGIN\nKEY-----"""', "credentials.secret_key"),
    ('"secrets/example.secret-key"', '"' + "k" * 513 + '"', "credentials.secret_key"),
    ('"secrets/example.secret-key"', '"a\\u0000b"', "credentials.secret_key"),
    ('"secrets/example.secret-key"', '""', "credentials.secret_key"),
    ("secret_key =", '"secret key" =', "credentials.secret key"),
    ('app_id = "healthcode-interop-gateway"', 'app_id = "a\\nb"', "registered_as.app_id"),
    ("expired_codes = ", "expired_code = ", "parameters.expired_code"),
    ('path = "/decode"', 'path = "decode"', "parameters.path"),
    # what its answers mean
    ('encoding = "tencent"', 'encoding = "baidu"', "states.encoding"),
    ('said = "99"', 'said = "01"', "state[1].said"),
    ('said = "99"', 'said = " 99"', "state[1].said"),
    ('said = "99"', 'said = "' + "9" * 65 + '"', "state[1].said"),
    ('said = "99"', "said = 99", "state[1].said"),
    ('state = "UNCONFIRMED"', 'state = "UNKNOWN"', "state[0].state"),
    ('state = "UNCONFIRMED"', 'state = "unconfirmed"', "state[0].state"),
    ('state = "UNCONFIRMED"', 'state = "ORANGE"', "state[0].state"),
    ('reason_class = "YELLOW_OTHER"', 'reason_class = "RED_OTHER_ORDER"', "state[0].reason_class"),
    ('reason_class = "YELLOW_OTHER"', 'reason_class = "YELLOW"', "state[0].reason_class"),
    ('meaning = "Another red."', 'meaning = "two\\nlines"', "state[1].meaning"),
    ('meaning = "Another red."', 'meaning = "' + "x" * 301 + '"', "state[1].meaning"),
    ('code = "B6"', 'code = "A4"', "reason[1].code"),
    ('class = "RED_CLOSE_CONTACT"\nsource = "G', 'class = "A4"\nsource = "G', "reason[0].class"),
    ('word = "01"', 'word = "green"', "displayed[1].word"),
    ('word = "green"', 'word = "Red"', "displayed[0].state"),
    ('word = "green"', 'word = "YELLOW"', "displayed[0].state"),
    # how its codes look
    ('kind = "text"', 'kind = "regex"', "recognise[1].kind"),
    ('kind = "text"', 'kind = "url"', "recognise[1].page"),
    ('kind = "url"', 'kind = "text"', "recognise[0].page"),
    ('page = "qr.example.invalid/show"', 'page = "https://qr.example.invalid/show"', "recognise[0].page"),
    ('parameter = "qrCode"', 'parameter = "qr Code"', "recognise[0].parameter"),
    ('"stateCouncilBarCode"', '"qrCode"', "recognise[0].national_parameter"),
    ("EX<{hex:32}>", "EX<{hex:32}", "recognise[0].template"),
    ("EX<{hex:32}>", "EX(.*)*", "recognise[0].template"),
    ("{token:8-16}", "{token:16-8}", "recognise[1].template"),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_refused(tmp_path: Path, old: str, new: str, path: str) -> None:
    text = changed(old, new)
    found = next(one for one in faults(tmp_path, text) if one.path == path)
    assert found.line is not None
    line = text.splitlines()[found.line - 1]
    assert path.rpartition(".")[2] in line or line.startswith("[[")


IMPROVED = [
    ("red", "GREEN"), ("RED", "YELLOW"), ("Red", "UNCONFIRMED"), ("red", "REVOKED"), ("红码", "YELLOW"),
    ("yellow", "GREEN"), ("YELLOW", "GREEN"), ("orange", "GREEN"), ("gray", "GREEN"), ("黄码", "GREEN"),
    # of the encoding
    ("10", "GREEN"), ("10", "YELLOW"), ("10", "REVOKED"), ("10", "EXPIRED"), ("01", "GREEN"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "state"), IMPROVED)
def test_a_word_is_never_improved(tmp_path: Path, said: str, state: str) -> None:
    text = FULL.replace('reason_class = "YELLOW_OTHER"\n', "")
    text = text.replace('said = "01"\nstate = "UNCONFIRMED"', f'said = "{said}"\nstate = "{state}"')
    found = fault(tmp_path, text)
    assert found.path == "state[0].state"
    assert found.line is not None
    assert text.splitlines()[found.line - 1] == f'state = "{state}"'


@pytest.mark.parametrize(
    ("said", "state"),
    [("red", "RED"), ("yellow", "RED"), ("yellow", "YELLOW"), ("00", "RED"), ("01", "RED"), ("01", "EXPIRED")],
)
def test_a_word_may_be_made_worse(tmp_path: Path, said: str, state: str) -> None:
    text = FULL.replace('reason_class = "YELLOW_OTHER"\n', "")
    text = text.replace('said = "01"\nstate = "UNCONFIRMED"', f'said = "{said}"\nstate = "{state}"')
    assert load(tmp_path, text).states[said].state is CodeState[state]


def test_a_green_has_no_reason_for_yellow(tmp_path: Path) -> None:
    text = changed('said = "01"\nstate = "UNCONFIRMED"', 'said = "ok"\nstate = "GREEN"')
    assert fault(tmp_path, text).path == "state[0].reason_class"


def test_at_least_one_word_is_explained(tmp_path: Path) -> None:
    before, _, after = FULL.partition("[states]")
    text = before + after[after.index("[[reason]]") :]
    assert fault(tmp_path, text).path == "state"


def test_a_province_is_recognised_by_something(tmp_path: Path) -> None:
    assert fault(tmp_path, FULL.partition("[[recognise]]")[0]).path == "recognise"
    as_national = FULL.partition("[[recognise]]")[0].replace(
        '"tencent"\nsource = "assumed: an', '"national"\nsource = "assumed: an'
    )
    assert "recognise" in {one.path for one in faults(tmp_path, as_national)}


def test_division_100000_is_the_national_platforms(tmp_path: Path) -> None:
    assert [one.path for one in faults(tmp_path, FULL.replace('"520000"', '"100000"'))] == [
        "division",
        "budget.falls_back",
    ]
    text = NATIONAL.replace("falls_back = false", "falls_back = true")
    assert fault(tmp_path, text, "national").path == "budget.falls_back"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost/x", "http://[::1]:8080/", "https://a.invalid"]
)
def test_plaintext_to_this_machine_where_it_is_wanted(tmp_path: Path, url: str) -> None:
    text = FULL.replace("https://api.example.invalid:8443/gate", url)
    assert load(tmp_path, text.replace("_loopback = false", "_loopback = true")).endpoint == url


@pytest.mark.parametrize("url", ["http://api.example.invalid", "http://10.0.0.1", "http://127.0.0.1.example.invalid"])
def test_plaintext_to_nobody_else(tmp_path: Path, url: str) -> None:
    text = FULL.replace("https://api.example.invalid:8443/gate", url)
    assert fault(tmp_path, text.replace("_loopback = false", "_loopback = true")).path == "endpoint.url"


@pytest.mark.parametrize(
    ("url", "plaintext", "good"),
    [
        ("api.example.invalid:8443", "false", True),
        ("127.0.0.1:1", "true", True),
        ("[::1]:65535", "true", True),
        ("api.example.invalid:8443", "true", False),
        ("api.example.invalid", "false", False),
        ("api.example.invalid:0", "false", False),
        ("api.example.invalid:65536", "false", False),
        ("https://api.example.invalid:8443", "false", False),
        ("user@api.example.invalid:8443", "false", False),
        ("api.example.invalid:8443/x", "false", False),
        ("unix:/socket", "true", False),
    ],
)
def test_where_the_native_dialect_is_spoken(tmp_path: Path, url: str, plaintext: str, good: bool) -> None:
    text = NATIVE.replace("api.example.invalid:8443", url).replace("_loopback = false", f"_loopback = {plaintext}")
    if good:
        assert load(tmp_path, text).endpoint == url
    else:
        assert fault(tmp_path, text).path == "endpoint.url"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'name = "example"\ntitle = = \n', 2),
        (b'name = "example"\nname = "example"\n', 2),
        (FULL.encode().replace(b'title = "Example', b'title = "Exa\nmple'), 2),
        (b"\xff\xfe", None),
        (b"a = " + b"[" * 50_000, None),
        (b"a = " + b"9" * 5_000, None),
        (b"#" * (MAX_FILE_BYTES + 1), None),
    ],
    ids=["syntax", "twice", "open text", "not UTF-8", "too deep", "too long a number", "too large"],
)
def test_what_is_no_toml(tmp_path: Path, content: bytes, line: int | None) -> None:
    file = tmp_path / "example.toml"
    file.write_bytes(content)
    with pytest.raises(TomlRefused) as caught:
        load_file(file)
    (found,) = caught.value.faults
    assert (found.line, found.path) == (line, "")


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(TomlRefused):
        load_file(tmp_path / "nobody.toml")
    with pytest.raises(TomlRefused):
        load_file(tmp_path)


def test_faults_are_told_in_the_order_of_the_file_and_not_without_end(tmp_path: Path) -> None:
    text = changed('title = "Example province, 省"', "title = 1").replace('kind = "text"', 'kind = "x"')
    assert [one.path for one in faults(tmp_path, text)] == ["title", "recognise[1].kind"]
    many = FULL + "".join(f'[[reason]]\ncode = {n}\nclass = "RED_INBOUND"\nsource = "x"\n' for n in range(100))
    assert len(faults(tmp_path, many)) == MAX_FAULTS


def test_too_many_rows_are_refused(tmp_path: Path) -> None:
    many = FULL + "".join(f'[[reason]]\ncode = "c{n}"\nclass = "RED_INBOUND"\nsource = "x"\n' for n in range(600))
    assert fault(tmp_path, many).path == "reason"


SECRET = "b7f1c0ffee-canary"


@pytest.mark.parametrize("member", MEMBERS, ids=lambda one: one.path)
def test_no_fault_repeats_a_value(tmp_path: Path, member: Assignment) -> None:
    """Somebody will put the secret where the path to it belongs, or elsewhere."""
    lines = FULL.splitlines()
    lines[member.line - 1] = f'{member.path.rpartition(".")[2]} = ["{SECRET}"]'
    file = write(tmp_path, "\n".join(lines))
    with pytest.raises(TomlRefused) as caught:
        load_file(file)
    assert SECRET not in str(caught.value)
    lines[member.line - 1] = f"{member.path.rpartition('.')[2]} = '''{SECRET}\n{SECRET}'''"
    write(tmp_path, "\n".join(lines))
    with pytest.raises(TomlRefused) as caught:
        load_file(file)
    assert SECRET not in str(caught.value)
