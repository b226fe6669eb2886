"""HCERT: EU DCC, WHO DDCC, ICVP."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CodeUnreadable, Reason
from gateway.formats import base45, cbor, cose, hcert
from gateway.formats.hcert_payload import WORST_FIRST
from gateway.values import Algorithm, ClaimedCode, Format, KeyUse
from keys.values import EARLIEST, LATEST
from tests.simulators.hcert_issuer import (
    HcertIssuer,
    KeyIdPlace,
    ddcc_test,
    ddcc_vaccination,
    icvp,
    lab_result,
    recovery,
    vaccination,
)
from tests.vectors import require_vectors

ISSUED = 1_624_000_000.0
EXPIRES = 1_655_000_000.0
KEY_ID = b"\x01\x02\x03\x04\x05\x06\x07\x08"


def quick_sign(message: bytes) -> bytes:
    return b"signature of " + str(zlib.crc32(message)).encode()


ISSUER = HcertIssuer(quick_sign, KEY_ID, Algorithm.ES256)
GOOD = ISSUER.issue(vaccination(), issued=ISSUED, expires=EXPIRES)


def issued(payload: Any) -> bytes:
    return ISSUER.issue(payload, issued=ISSUED, expires=EXPIRES)


def with_claims(**changes: object) -> bytes:
    """Return a good code with claims changed: iss, iat, exp, nbf, hcert; ... as a value takes the claim away."""
    names = {"iss": 1, "exp": 4, "nbf": 5, "iat": 6, "hcert": -260}
    claims: dict[int, object] = {1: "XA", 4: EXPIRES, 6: ISSUED, -260: {1: vaccination()}}
    claims.update({names[name]: value for name, value in changes.items()})
    return ISSUER.issue_claims({claim: value for claim, value in claims.items() if value is not ...})


def reason_of(code: bytes) -> Reason:
    with pytest.raises(CodeUnreadable) as refused:
        hcert.read(code)
    return refused.value.reason


def test_what_a_code_says_of_itself() -> None:
    read = hcert.read(GOOD)
    assert read == ClaimedCode(
        format=Format.HCERT,
        issuer=read.issuer,
        key_id=read.key_id,
        algorithm=Algorithm.ES256,
        signed=read.signed,
        signature=quick_sign(read.signed),
        statement="vaccinated",
        issue_time=read.issue_time,
        expire_time=read.expire_time,
        required_use=KeyUse.VACCINATION,
    )
    assert (read.issuer, read.key_id, read.issue_time, read.expire_time) == ("XA", KEY_ID, ISSUED, EXPIRES)


def test_the_signature_of_a_real_key_is_over_signed() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = replace(ISSUER, sign=lambda message: key.sign(message, ec.ECDSA(hashes.SHA256())))
    read = hcert.read(issuer.issue(recovery(), issued=ISSUED, expires=EXPIRES))
    key.public_key().verify(read.signature, read.signed, ec.ECDSA(hashes.SHA256()))


def test_nothing_of_the_holder_is_in_repr() -> None:
    text = repr(hcert.read(GOOD))
    assert all(name not in text for name in ("Beispiel", "BEISPIEL", "Probe", "1990"))


@pytest.mark.parametrize("tags", [b"", cose.TAG_SIGN1, cose.TAG_CWT + cose.TAG_SIGN1])
@pytest.mark.parametrize("place", KeyIdPlace)
def test_envelopes_of_real_issuers(tags: bytes, place: KeyIdPlace) -> None:
    issuer = replace(ISSUER, tags=tags, key_id_place=place)
    read = hcert.read(issuer.issue(vaccination(), issued=ISSUED, expires=EXPIRES))
    assert read.key_id == (None if place is KeyIdPlace.NOWHERE else KEY_ID)
    assert read.signature == quick_sign(read.signed)


def test_a_foreign_algorithm_is_an_obstacle_and_the_rest_is_read() -> None:
    read = hcert.read(replace(ISSUER, more_protected={1: -36}).issue(vaccination(), issued=ISSUED, expires=EXPIRES))
    assert (read.algorithm, read.obstacle, read.statement) == (None, Reason.UNSUPPORTED_ALGORITHM, "vaccinated")


NOTHING: tuple[object, ...] = (None, [], cbor2.undefined)


def only(payload: Any, kind: str) -> object:
    """Return the one entry of a DCC, without its list."""
    (entry,) = payload[kind]
    return entry


@pytest.mark.parametrize(
    ("payload", "word", "use", "deviates"),
    [
        (vaccination(dose=2, doses=2), "vaccinated", KeyUse.VACCINATION, False),
        (vaccination(dose=3, doses=2), "vaccinated", KeyUse.VACCINATION, False),
        (vaccination(dose=1, doses=1), "vaccinated", KeyUse.VACCINATION, False),
        (vaccination(dose=1, doses=2), "partly-vaccinated", KeyUse.VACCINATION, False),
        (vaccination(tg="6142004"), "attested", KeyUse.VACCINATION, False),
        (vaccination(tg=840539006), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(tg=" 840539006"), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(tg=True), "attested", KeyUse.VACCINATION, True),
        (vaccination(tg=["840539006"]), "attested", KeyUse.VACCINATION, True),
        (vaccination(sd=0), "attested", KeyUse.VACCINATION, False),
        (vaccination(dn=True, sd=True), "attested", KeyUse.VACCINATION, True),
        (vaccination(dn="2"), "attested", KeyUse.VACCINATION, True),
        (vaccination(dn=2.0), "attested", KeyUse.VACCINATION, True),
        (vaccination(dn=10), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(dt="18.05.2021"), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(mp=None), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(co="austria"), "vaccinated", KeyUse.VACCINATION, True),
        (vaccination(ci="C" * 81), "vaccinated", KeyUse.VACCINATION, True),
        (lab_result(), "tested-negative", KeyUse.TEST, False),
        (lab_result(detected=True), "tested-positive", KeyUse.TEST, False),
        (lab_result(tr="something else"), "laboratory", KeyUse.TEST, False),
        (lab_result(tr=260415000), "tested-negative", KeyUse.TEST, True),
        (lab_result(tr=260373001), "tested-positive", KeyUse.TEST, True),
        (lab_result(tr="260373001 "), "tested-positive", KeyUse.TEST, True),
        (lab_result(tr=260373001.0), "laboratory", KeyUse.TEST, True),
        (lab_result(tg="6142004"), "laboratory", KeyUse.TEST, False),
        (lab_result(sc="yesterday"), "tested-negative", KeyUse.TEST, True),
        (recovery(), "recovered", KeyUse.RECOVERY, False),
        (recovery(tg=None), "attested", KeyUse.RECOVERY, True),
        (recovery(du="2021"), "recovered", KeyUse.RECOVERY, True),
        ({**vaccination(), **recovery()}, "recovered", KeyUse.RECOVERY, True),
        ({**vaccination(), **lab_result(detected=True)}, "tested-positive", KeyUse.TEST, True),
        ({**vaccination(dose=1), **lab_result(), **recovery()}, "partly-vaccinated", KeyUse.VACCINATION, True),
        ({**vaccination(), "v": []}, "attested", None, True),
        ({**vaccination(), "v": {}}, "attested", None, True),
        ({**vaccination(), "v": None}, "attested", None, True),
        ({**vaccination(), "v": [7]}, "attested", KeyUse.VACCINATION, True),
        ({**vaccination(), "v": 7}, "attested", KeyUse.VACCINATION, True),
        ({**vaccination(), "v": only(vaccination(), "v")}, "vaccinated", KeyUse.VACCINATION, True),
        ({**lab_result(), "t": only(lab_result(detected=True), "t")}, "tested-positive", KeyUse.TEST, True),
        *(
            ({"v": nothing, "t": nothing, "r": nothing, **payload}, word, use, True)
            for nothing in NOTHING
            for payload, word, use in (
                (vaccination(), "vaccinated", KeyUse.VACCINATION),
                (lab_result(), "tested-negative", KeyUse.TEST),
                (lab_result(detected=True), "tested-positive", KeyUse.TEST),
                (recovery(), "recovered", KeyUse.RECOVERY),
            )
        ),
        ({**vaccination(), "ver": "2.0.0"}, "vaccinated", KeyUse.VACCINATION, True),
        ({**vaccination(), "dob": "1.1.1990"}, "vaccinated", KeyUse.VACCINATION, True),
        ({**vaccination(), "dob": ""}, "vaccinated", KeyUse.VACCINATION, False),
        ({**vaccination(), "nam": {"fn": "B"}}, "vaccinated", KeyUse.VACCINATION, True),
        ({**vaccination(), "nam": 1}, "vaccinated", KeyUse.VACCINATION, True),
        ({}, "attested", None, True),
    ],
)
def test_dcc_words(payload: dict[str, object], word: str, use: KeyUse | None, deviates: bool) -> None:
    read = hcert.read(issued(payload))
    assert (read.statement, read.required_use) == (word, use)
    assert read.notes == ((Reason.SCHEMA_DEVIATION,) if deviates else ())


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_doses_the_worst_counts(order: int) -> None:
    doses = [vaccination(dose=1, doses=2)["v"], vaccination(dose=2, doses=2)["v"]][::order]
    entries = [entry for dose in doses if isinstance(dose, list) for entry in dose]
    assert hcert.read(issued({**vaccination(), "v": entries})).statement == "partly-vaccinated"


@pytest.mark.parametrize(
    ("claims", "word", "use"),
    [
        (ddcc_vaccination(), "vaccinated", KeyUse.VACCINATION),
        (ddcc_vaccination(dose=1), "partly-vaccinated", KeyUse.VACCINATION),
        (ddcc_vaccination(total_doses=None), "attested", KeyUse.VACCINATION),
        (ddcc_vaccination(disease=None), "attested", KeyUse.VACCINATION),
        (ddcc_vaccination(disease={"code": "1D47"}), "attested", KeyUse.VACCINATION),
        (ddcc_vaccination(disease={"code": "RA01 "}), "vaccinated", KeyUse.VACCINATION),
        (ddcc_vaccination(disease={"code": []}), "attested", KeyUse.VACCINATION),
        (ddcc_test(), "tested-negative", KeyUse.TEST),
        (ddcc_test(detected=True), "tested-positive", KeyUse.TEST),
        (ddcc_test(pathogen="XN000"), "laboratory", KeyUse.TEST),
        ({"test": "negative"}, "laboratory", KeyUse.TEST),
        *(
            ({**ddcc_test(), "vaccine": nothing, "disease": nothing}, "tested-negative", KeyUse.TEST)
            for nothing in NOTHING
        ),
        *(({**ddcc_vaccination(), "test": nothing}, "vaccinated", KeyUse.VACCINATION) for nothing in NOTHING),
        ({"vaccine": None, "test": None}, "attested", None),
        ({**ddcc_vaccination(), **ddcc_test(detected=True)}, "tested-positive", KeyUse.TEST),
        ({-260: {3: ddcc_vaccination()}}, "vaccinated", KeyUse.VACCINATION),
        ({-260: icvp()}, "attested", KeyUse.VACCINATION),
        ({-260: {5: [{"u": "shlink:/x"}]}}, "attested", None),
        ({-260: {3: ddcc_vaccination(), 4: ddcc_test(detected=True)}}, "tested-positive", KeyUse.TEST),
        ({-260: {7: {}}}, "attested", None),
    ],
)
def test_words_of_the_other_families(claims: dict[object, object], word: str, use: KeyUse | None) -> None:
    read = hcert.read(ISSUER.issue_claims(claims))
    assert (read.statement, read.required_use, read.issuer) == (word, use, "")
    assert read.statement in WORST_FIRST


DAY = 86_400.0
Y2021 = 1_609_459_200.0


@pytest.mark.parametrize(
    ("first", "last", "not_before", "expire_time"),
    [
        ("2021-01-01", "2021-01-01", Y2021, Y2021 + DAY),
        ("2021-01", "2021-01", Y2021, Y2021 + 31 * DAY),
        ("2021", "2021", Y2021, Y2021 + 365 * DAY),
        ("2021-01-01T01:00:00+01:00", "2021-01-01T00:00:10Z", Y2021, Y2021 + 10),
        ("2021-01-01T00:00:00", "2021-01-01T00:00:10.5", Y2021, Y2021 + 10.5),
        ("2021-01-01 00:00:00", "2021-01-01 00:00:10Z", Y2021, Y2021 + 10),
        (" 2021-01-01", "2021-01-01 ", Y2021, Y2021 + DAY),
        ("1985-03-01", "9998-12-31", EARLIEST, LATEST),
        ("", None, None, None),
    ],
)
@pytest.mark.parametrize("family", ["icvp", "ddcc"])
def test_dates_of_validity(
    family: str,
    first: str,
    last: str | None,
    not_before: float | None,
    expire_time: float | None,
) -> None:
    if family == "icvp":
        code = with_claims(exp=..., hcert=icvp(vls=first, vle=last))
    else:
        code = ISSUER.issue_claims(ddcc_vaccination(valid_from=first, valid_until=last))
    read = hcert.read(code)
    assert (read.not_before, read.expire_time) == (not_before, expire_time)


@pytest.mark.parametrize(
    "date", ["soon", "2021-13-01", "2021-02-30", "2021-1-1", "2021-01-01Tnow", "9999", "0000", 2021]
)
@pytest.mark.parametrize("name", ["vls", "vle"])
def test_a_date_of_validity_that_cannot_be_read_is_refused(name: str, date: object) -> None:
    assert reason_of(with_claims(hcert=icvp(**{name: date}))) is Reason.BAD_CLAIM


def test_the_narrower_validity_counts() -> None:
    inner = icvp(vls="2021-01-01", vle="2021-01-01")
    read = hcert.read(with_claims(nbf=Y2021 - 1, exp=Y2021 + 1, hcert=inner))
    assert (read.not_before, read.expire_time) == (Y2021, Y2021 + 1)
    read = hcert.read(with_claims(nbf=Y2021 + 1, exp=Y2021 + 2 * DAY, hcert=inner))
    assert (read.not_before, read.expire_time) == (Y2021 + 1, Y2021 + DAY)


@pytest.mark.parametrize("time", [int(ISSUED), ISSUED, ISSUED + 0.25, int(EARLIEST), int(LATEST)])
@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
def test_times(claim: str, time: float) -> None:
    read = hcert.read(with_claims(**{claim: time}))
    found = {"iat": read.issue_time, "nbf": read.not_before, "exp": read.expire_time}[claim]
    assert found == time
    assert isinstance(found, float)


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
def test_a_time_may_be_missing(claim: str) -> None:
    read = hcert.read(with_claims(**{claim: ...}))
    assert {"iat": read.issue_time, "nbf": read.not_before, "exp": read.expire_time}[claim] is None


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (EARLIEST - 1, Reason.TIME_OUT_OF_RANGE),
        (LATEST + 1, Reason.TIME_OUT_OF_RANGE),
        (0, Reason.TIME_OUT_OF_RANGE),
        (-1, Reason.TIME_OUT_OF_RANGE),
        (2**63, Reason.TIME_OUT_OF_RANGE),
        (1e308, Reason.TIME_OUT_OF_RANGE),
        (True, Reason.TIME_OUT_OF_RANGE),
        (None, Reason.TIME_OUT_OF_RANGE),
        ("1624000000", Reason.TIME_OUT_OF_RANGE),
        ([ISSUED], Reason.TIME_OUT_OF_RANGE),
        (float("inf"), Reason.NOT_FINITE),
        (float("-inf"), Reason.NOT_FINITE),
    ],
)
def test_times_refused(claim: str, time: object, reason: Reason) -> None:
    assert reason_of(with_claims(**{claim: time})) is reason


@pytest.mark.parametrize("issuer", [None, 7, b"XA", ["XA"], cbor2.undefined])
def test_an_issuer_that_is_no_text_names_nobody(issuer: object) -> None:
    read = hcert.read(with_claims(iss=issuer))
    assert (read.issuer, read.notes) == ("", (Reason.SCHEMA_DEVIATION,))
    assert hcert.read(with_claims(iss=...)).notes == ()


@pytest.mark.parametrize("claim", ["iat", "nbf", "hcert", "iss"])
def test_nan_is_refused(claim: str) -> None:
    assert reason_of(with_claims(**{claim: float("nan")})) is Reason.NOT_FINITE


def test_an_expiry_of_nan_is_long_past_never_for_ever() -> None:
    read = hcert.read(with_claims(exp=float("nan")))
    assert read.expire_time == EARLIEST
    assert read.notes == (Reason.SCHEMA_DEVIATION,)


PACKED = base45.decode(GOOD[4:])
ENVELOPE = zlib.decompress(PACKED)


def packed(data: bytes) -> bytes:
    return hcert.PREFIX + base45.encode(data)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(GOOD[4:], Reason.UNRECOGNISED, id="no prefix"),
        pytest.param(b"HC2:" + GOOD[4:], Reason.UNRECOGNISED, id="another version"),
        pytest.param(b"hc1:" + GOOD[4:], Reason.UNRECOGNISED, id="lower case prefix"),
        pytest.param(b" " + GOOD, Reason.UNRECOGNISED, id="space before"),
        pytest.param(GOOD.lower().replace(b"hc1:", b"HC1:"), Reason.BAD_TEXT_ENCODING, id="lower case"),
        pytest.param(GOOD + b"\n", Reason.BAD_TEXT_ENCODING, id="line end"),
        pytest.param(GOOD + b"\0", Reason.BAD_TEXT_ENCODING, id="zero byte"),
        pytest.param(GOOD[:-1] + b"\xff", Reason.BAD_TEXT_ENCODING, id="a byte that is no letter"),
        pytest.param(hcert.PREFIX, Reason.BAD_COMPRESSION, id="prefix alone"),
        pytest.param(packed(ENVELOPE), Reason.BAD_COMPRESSION, id="not compressed"),
        pytest.param(packed(PACKED[:-2]), Reason.BAD_COMPRESSION, id="compression cut"),
        pytest.param(packed(zlib.compress(bytes(5_000_000))), Reason.DECOMPRESSION_BOMB, id="bomb"),
        pytest.param(
            packed(zlib.compress(bytes(hcert.MAX_INFLATED + 1))), Reason.DECOMPRESSION_BOMB, id="one too many"
        ),
        pytest.param(packed(PACKED + b"\0"), Reason.TRAILING_BYTES, id="behind the compressed part"),
        pytest.param(packed(zlib.compress(ENVELOPE + b"\0")), Reason.TRAILING_BYTES, id="behind the envelope"),
        pytest.param(ISSUER.issue_bytes(cbor.encode({1: "XA"}) + b"\0"), Reason.TRAILING_BYTES, id="behind the claims"),
        pytest.param(packed(zlib.compress(ENVELOPE[:-1])), Reason.BAD_CBOR, id="envelope cut"),
        pytest.param(ISSUER.issue_bytes(b""), Reason.BAD_CBOR, id="no claims"),
        pytest.param(ISSUER.issue_bytes(b"\xa1"), Reason.BAD_CBOR, id="claims cut"),
        pytest.param(ISSUER.issue_bytes(bytes.fromhex("a2016158016159")), Reason.DUPLICATE_KEY, id="claim twice"),
        pytest.param(
            ISSUER.issue_bytes(bytes.fromhex("a1390103a101a2617600617600")), Reason.DUPLICATE_KEY, id="member twice"
        ),
        pytest.param(ISSUER.issue_bytes(bytes.fromhex("a10162c328")), Reason.NOT_UTF8, id="issuer not UTF-8"),
        pytest.param(ISSUER.issue_bytes(bytes.fromhex("a1390103a161ff01")), Reason.NOT_UTF8, id="member not UTF-8"),
        pytest.param(ISSUER.issue_bytes(b"\x81" * 40 + b"\0"), Reason.TOO_DEEP, id="deep claims"),
        pytest.param(with_claims(hcert=json.loads("[" * 20 + "]" * 20)), Reason.TOO_DEEP, id="deep payload"),
        pytest.param(packed(zlib.compress(cbor.encode([1, 2]))), Reason.BAD_ENVELOPE, id="another array"),
        pytest.param(packed(zlib.compress(cbor.encode({}))), Reason.BAD_ENVELOPE, id="no array"),
        pytest.param(
            replace(ISSUER, more_protected={2: [99], 99: 1}).issue(vaccination(), issued=ISSUED, expires=EXPIRES),
            Reason.CRITICAL_HEADER,
            id="crit",
        ),
        pytest.param(
            replace(ISSUER, more_unprotected={2: [99]}).issue(vaccination(), issued=ISSUED, expires=EXPIRES),
            Reason.CRITICAL_HEADER,
            id="crit, unprotected",
        ),
        pytest.param(ISSUER.issue_claims([1]), Reason.BAD_CLAIM, id="claims a list"),
        pytest.param(ISSUER.issue_claims("XA"), Reason.BAD_CLAIM, id="claims a text"),
        pytest.param(with_claims(hcert=[vaccination()]), Reason.BAD_CLAIM, id="payload a list"),
        pytest.param(with_claims(hcert={1: b"\xa0"}), Reason.BAD_CLAIM, id="DCC as bytes"),
        pytest.param(with_claims(hcert={1: [vaccination()]}), Reason.BAD_CLAIM, id="DCC a list"),
        pytest.param(with_claims(hcert={-6: "x"}), Reason.BAD_CLAIM, id="another family, a text"),
        pytest.param(with_claims(hcert=...), Reason.MISSING_CLAIM, id="no payload"),
        pytest.param(with_claims(hcert={}), Reason.MISSING_CLAIM, id="payload empty"),
        pytest.param(ISSUER.issue_claims({}), Reason.MISSING_CLAIM, id="no claim at all"),
    ],
)
def test_refused(code: bytes, reason: Reason) -> None:
    assert reason_of(code) is reason


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
def test_a_changed_letter_never_gives_the_same_signed_bytes(place: int, change: bytes) -> None:
    code = GOOD[:place] + change + GOOD[place + 1 :]
    try:
        read = hcert.read(code)
    except CodeUnreadable:
        return
    assert code == GOOD or (read.signed, read.signature) != (hcert.read(GOOD).signed, hcert.read(GOOD).signature)


@given(st.binary(max_size=300))
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    try:
        read = hcert.read(ISSUER.issue_bytes(payload))
    except CodeUnreadable:
        return
    assert read.statement in WORST_FIRST


MEMBERS = st.sampled_from(["v", "t", "r", "tg", "dn", "sd", "tr", "sc", "nam", "fnt", "ver", "dob", "co", "840539006"])
JSON_LIKE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | MEMBERS | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS | st.integers(-6, 6), inner, max_size=5),
    max_leaves=15,
)


@given(JSON_LIKE)
def test_any_dcc_is_given_a_word_or_refused(payload: object) -> None:
    for claims in (
        {1: "XA", -260: {1: payload}},
        {-260: payload},
        {-260: {3: {"vaccine": payload, "disease": payload}}},
    ):
        try:
            read = hcert.read(ISSUER.issue_claims(claims))
        except CodeUnreadable as refused:
            allowed = refused.reason in (Reason.BAD_CLAIM, Reason.MISSING_CLAIM)
        else:
            allowed = read.statement in WORST_FIRST
        assert allowed


# Codes that nobody here made

DECODE = ("EXPECTEDDECODE", "EXPECTEDB45DECODE", "EXPECTEDCOMPRESSION", "EXPECTEDUNPREFIX")


def dcc_lines() -> list[dict[str, Any]]:
    with (require_vectors() / "dcc" / "dcc-testdata.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


def outcome(code: bytes) -> ClaimedCode | Reason:
    try:
        return hcert.read(code)
    except CodeUnreadable as refused:
        return refused.reason


def test_every_expectation_of_decoding_of_the_dcc_set_is_met() -> None:
    lines = dcc_lines()
    assert len(lines) == 240
    refused = {}
    for line in lines:
        expected = line["EXPECTEDRESULTS"]
        found = outcome(line["PREFIX"].encode())
        if isinstance(found, Reason):
            refused[line["file"].rpartition("/")[2]] = found
        else:
            assert all(expected.get(name, True) for name in DECODE), line["file"]
            assert not (found.notes and expected.get("EXPECTEDSCHEMAVALIDATION")), line["file"]
    assert refused == {
        "B1.json": Reason.BAD_TEXT_ENCODING,
        "CBO1.json": Reason.BAD_CLAIM,
        "CBO2.json": Reason.TRAILING_BYTES,
        "H1.json": Reason.UNRECOGNISED,
        "H2.json": Reason.UNRECOGNISED,
        "H3.json": Reason.UNRECOGNISED,
        "Z1.json": Reason.BAD_COMPRESSION,
        "Z2.json": Reason.BAD_COMPRESSION,
    }


def test_the_hcert_codes_of_the_who_are_read() -> None:
    read = {
        path.name: hcert.read(path.read_bytes())
        for path in sorted((require_vectors() / "gdhcn").glob("*.txt"))
        if path.read_bytes().startswith(hcert.PREFIX)
    }
    assert {name: (code.issuer, code.statement) for name, code in read.items()} == {
        "DVCTest2QR.txt": ("XCL", "attested"),
        "EUIndonesiaContents.txt": ("ID", "vaccinated"),
        "EUQR1Contents.txt": ("DE", "vaccinated"),
        "EUUruguayContents.txt": ("UY", "vaccinated"),
        "WHOQR1Contents.txt": ("", "partly-vaccinated"),
        "WHOSingaporePCRContents.txt": ("", "tested-negative"),
    }
