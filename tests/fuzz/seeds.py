"""Where fuzzing starts: small codes made here with empty signatures, and real ones where the public vectors are found.

Nothing is stored: seeds are made at each start. Readers check no signature, so that these need none.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import cbor2

from gateway.formats import base45, cose, native_encode, status_list, status_list_cwt, status_list_jwt
from gateway.values import Algorithm, Instant, KeyId
from tests.vectors import vectors_dir

from .batches import batch_seeds, manifest_seeds, signed_seeds
from .online import answer_seeds, opaque_seeds
from .seeds_rules import rules
from .seeds_trust import trust_list

NO_SIGNATURE = bytes(64)
DIGEST = "A" * 42 + "E"

CLAIMS = native_encode.NativeClaims(
    issuer="https://code.gz.example",
    division="520100",
    state="green",
    issue_time=1_700_000_000,
    expire_time=1_700_000_060,
    code_id="code-1",
    not_before=1_700_000_000,
    subject="pseudonym-1",
    status_uri="https://code.gz.example/s/1",
    status_index=7,
    holder_commitment=DIGEST,
)


def native_jws() -> list[bytes]:
    """Return native codes as JWS."""
    token = native_encode.encode_jws(
        CLAIMS, key_id=KeyId(b"key-1"), algorithm=Algorithm.ED25519, sign=lambda _: NO_SIGNATURE
    )
    return [token.encode()]


def native_qr() -> list[bytes]:
    """Return native codes as QR text."""
    # The small one leaves a mutation room under the cap of 511 bytes.
    small = CLAIMS._replace(status_uri=None, status_index=None, holder_commitment=None)
    texts = [
        native_encode.encode_qr(claims, key_id=KeyId(b"key-1"), algorithm=Algorithm.ES256, sign=lambda _: NO_SIGNATURE)
        for claims in (CLAIMS, small)
    ]
    return [text.encode() for text in texts]


def _hcert(claims: dict[object, object], tags: bytes = cose.TAG_SIGN1) -> bytes:
    message = cose.encode_sign1({1: -7, 4: b"key-id-8"}, cbor2.dumps(claims), lambda _: NO_SIGNATURE, tags=tags)
    return b"HC1:" + base45.encode(zlib.compress(message))


_TIMES: dict[object, object] = {1: "XX", 4: 1_700_000_000, 6: 1_600_000_000}
_PERSON: dict[str, object] = {"nam": {"fnt": "MUSTERMANN", "gnt": "ERIKA"}, "dob": "1964-08-12"}


def _dcc(member: str, entry: dict[str, object]) -> bytes:
    return _hcert({**_TIMES, -260: {1: {"ver": "1.3.0", **_PERSON, member: [entry]}}})


def hcert() -> list[bytes]:
    """Return HCERT codes of each family, then public ones."""
    common: dict[str, object] = {"tg": "840539006", "co": "XX", "is": "Ministry", "ci": "URN:UVCI:01:XX:1#A"}
    made = [
        _dcc(
            "v",
            {**common, "vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-1", "dn": 2, "sd": 2, "dt": "2021-05-29"},
        ),
        _dcc("t", {**common, "tt": "LP6464-4", "nm": "N", "sc": "2021-05-30T10:12:22Z", "tr": "260415000", "tc": "C"}),
        _dcc("r", {**common, "fr": "2021-01-10", "df": "2021-05-29", "du": "2021-06-15"}),
        _hcert({**_TIMES, -260: {-6: {"n": "ERIKA", "dob": "1964-08-12", "v": {"dt": "2023-01-01", "vp": "X"}}}}),
        _hcert({**_TIMES, "name": "ERIKA", "vaccine": {"code": "X"}, "date": "2021-05-29", "dose": 1}, b""),
        _hcert({**_TIMES, "name": "ERIKA", "test": {"code": "X"}, "result": {"code": "260415000"}}, b"\xd8\x3d\xd2"),
    ]
    folder = vectors_dir()
    if folder is None:
        return made
    lines = map(json.loads, (folder / "dcc" / "dcc-testdata.jsonl").read_text().splitlines()[::6])
    # Some are bad on purpose: those that say of any of their layers that it must fail.
    found = [line["PREFIX"].encode() for line in lines if False not in line["EXPECTEDRESULTS"].values()]
    return made + found + [_text(name) for name in ("EUQR1Contents.txt", "WHOQR1Contents.txt", "DVCTest2QR.txt")]


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _card(digits: bool = False) -> bytes:
    payload = {
        "iss": "https://issuer.example",
        "nbf": 1_700_000_000.5,
        "exp": 1_800_000_000,
        "vc": {
            "type": ["https://smarthealth.cards#health-card", "https://smarthealth.cards#immunization"],
            "credentialSubject": {
                "fhirVersion": "4.0.1",
                "fhirBundle": {
                    "resourceType": "Bundle",
                    "type": "collection",
                    "entry": [{"fullUrl": "resource:0", "resource": {"resourceType": "Immunization"}}],
                },
            },
            "rid": "revoke-me",
        },
    }
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(json.dumps(payload).encode()) + packer.flush()
    header = b'{"zip":"DEF","alg":"ES256","kid":"3Kfdg-XwP-7gXyywtUfUADwBumDOPKMQx-iELL11W9s"}'
    token = b".".join(map(_base64url, (header, packed, NO_SIGNATURE)))
    return b"shc:/" + b"".join(b"%02d" % (letter - 45) for letter in token) if digits else token


def shc() -> list[bytes]:
    """Return SMART Health Cards in each spelling, then public ones."""
    whole = _card(digits=True)
    half = 5 + len(whole) // 4 * 2
    made = [_card(), whole, b"shc:/1/2/" + whole[5:half] + b"\nshc:/2/2/" + whole[half:]]
    folder = vectors_dir()
    if folder is None:
        return made
    return made + [path.read_bytes().strip() for path in sorted((folder / "shc").glob("example-0[013]-[df]-*.txt"))]


def vdsnc() -> list[bytes]:
    """Return one ICAO VDS-NC, then public ones."""
    code = {
        "data": {
            "hdr": {"t": "icao.vacc", "v": 1, "is": "UTO"},
            "msg": {
                "uvci": "U32870",
                "pid": {"n": "SMITH", "dob": "1990-01-02", "sex": "F", "i": "A1234567Z"},
                "ve": [
                    {
                        "des": "XM68M6",
                        "dis": "RA01.0",
                        "nam": "X",
                        "vd": [{"dvc": "2021-03-03", "seq": 1, "ctr": "UTO"}],
                    }
                ],
            },
        },
        "sig": {"alg": "ES256", "cer": _base64url(bytes(300)).decode(), "sigvl": _base64url(NO_SIGNATURE).decode()},
    }
    made = [json.dumps(code, separators=(",", ":")).encode()]
    return made if vectors_dir() is None else [*made, _text("ICAOAUQR1Contents.txt")]


def divoc() -> list[bytes]:
    """Return one DIVOC certificate, zipped and in Base64, then public ones."""
    certificate = {
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://cowin.gov.in/credentials/vaccination/v1"],
        "type": ["VerifiableCredential", "ProofOfVaccinationCredential"],
        "credentialSubject": {"type": "Person", "id": "did:x:1", "name": "X", "age": "30"},
        "issuer": "https://cowin.gov.in/",
        "issuanceDate": "2021-05-20T10:00:00.000Z",
        "evidence": [{"type": ["Vaccination"], "dose": 2, "totalDoses": 2, "date": "2021-05-20T10:00:00.000Z"}],
        "proof": {
            "type": "RsaSignature2018",
            "created": "2021-05-20T10:00:00Z",
            "verificationMethod": "did:india",
            "proofPurpose": "assertionMethod",
            "jws": "eyJhbGciOiJQUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..AAAA",
        },
    }
    made = []
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", method) as archive:
            archive.writestr("certificate.json", json.dumps(certificate))
        made += [held.getvalue(), b"B64:" + base64.b64encode(held.getvalue())]
    if vectors_dir() is None:
        return made
    return [*made, _text("DIVOCQR1Contents.txt"), _text("DIVOCJamaicaContents.txt")]


def _status_lists(write: Callable[..., bytes]) -> list[bytes]:
    written = []
    for bits, raw in ((1, b"\xb9\xa3"), (2, b"\xc9\x44\xf9"), (4, b"\x10\xdc\xff"), (8, bytes(range(256)) * 2)):
        least = {
            "uri": "https://code.gz.example/s/1",
            "bits": bits,
            "packed": status_list.pack([raw]),
            "issue_time": Instant(1_700_000_000.0),
            "key_id": KeyId(b"key-1"),
            "algorithm": Algorithm.ED25519,
            "sign": lambda _: NO_SIGNATURE,
        }
        more = {"expire_time": Instant(1_700_086_400.0), "ttl": 600, "issuer": "https://code.gz.example"}
        written += [write(**least), write(**least, **more)]
    return written


def status_lists_jwt() -> list[bytes]:
    """Return status lists of every size as JWT."""
    return _status_lists(status_list_jwt.write)


def status_lists_cwt() -> list[bytes]:
    """Return status lists of every size as CWT."""
    return _status_lists(status_list_cwt.write)


def any_code() -> list[bytes]:
    """Return codes of every format."""
    return [seed for made in (native_jws, native_qr, hcert, shc, vdsnc, divoc) for seed in made()]


def strict_json() -> list[bytes]:
    """Return JSON texts of every kind of value."""
    return [
        b'{"a":[1,-0,2.5e3,"x\\u00e9\\ud83d\\ude00\\n",true,false,null,{"b":{}}],"c":""}',
        b" [ 1e308 , -1E-400, 12345678901234567890 ]\n",
        b'"\\\\ud800 is not a surrogate"',
        b"{}",
    ]


def _text(name: str) -> bytes:
    folder = vectors_dir()
    assert folder is not None
    return (folder / "gdhcn" / name).read_bytes().strip()


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    """Return the seeds of a target by its name; the same list each time."""
    makers = {
        "native_jws": native_jws,
        "native_qr": native_qr,
        "hcert": hcert,
        "shc": shc,
        "vdsnc": vdsnc,
        "divoc": divoc,
        "recognise": any_code,
        "strict_json": strict_json,
        "trust_list": trust_list,
        "certlogic": rules,
        "opaque": opaque_seeds,
        "upstream": answer_seeds,
        "status_list_jwt": status_lists_jwt,
        "status_list_cwt": status_lists_cwt,
        "status_batch": batch_seeds,
        "signed_batch": signed_seeds,
        "snapshot_manifest": manifest_seeds,
    }
    return tuple(makers[target]())
