"""The certificates of the EU's test codes: each loads, damaged extensions or not, and agrees with a strict parser."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from typing import Any

from cryptography import x509

from gateway.formats import hcert
from keys.values import Algorithm, IssuerId, KeyUse
from keys.x509 import key_from_certificate, read_certificate
from tests.vectors import require_vectors


def lines() -> list[dict[str, Any]]:
    text = (require_vectors() / "dcc" / "dcc-testdata.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def certificate_of(line: dict[str, Any]) -> bytes | None:
    context = line["TESTCTX"]
    written = None if context is None else context.get("CERTIFICATE")
    return b64decode(written) if isinstance(written, str) else None


def test_every_certificate_loads_and_says_what_a_strict_parser_reads() -> None:
    certificates = {der for der in map(certificate_of, lines()) if der is not None}
    algorithms: Counter[Algorithm] = Counter()
    damaged = 0
    for der in certificates:
        key = key_from_certificate(der, issuer=IssuerId("XX"))
        algorithms[key.algorithm] += 1
        strict = x509.load_der_x509_certificate(der)
        assert key.not_before == strict.not_valid_before_utc.timestamp()
        assert key.not_after == strict.not_valid_after_utc.timestamp()
        countries = [one.value for one in strict.subject.get_attributes_for_oid(x509.NameOID.COUNTRY_NAME)]
        assert read_certificate(der).country == (countries[0] if countries else None)
        try:
            usages = [
                one.dotted_string
                for extension in strict.extensions
                if isinstance(extension.value, x509.ExtendedKeyUsage)
                for one in extension.value
            ]
        except ValueError:
            damaged += 1
            continue
        by_number = {"1": KeyUse.TEST, "2": KeyUse.VACCINATION, "3": KeyUse.RECOVERY}
        ours = (".1847.2021.1.1", ".1847.2021.1.2", ".1847.2021.1.3")
        assert key.uses == {by_number[usage[-1]] for usage in usages if usage.endswith(ours)}
    assert algorithms == {Algorithm.ES256: 61, Algorithm.PS256: 4}
    assert damaged == 2


def test_uses_and_what_the_code_holds_give_the_expected_key_usage() -> None:
    agreed: Counter[bool] = Counter()
    for line in lines():
        expected = (line["EXPECTEDRESULTS"] or {}).get("EXPECTEDKEYUSAGE")
        code, der = line.get("PREFIX"), certificate_of(line)
        if not isinstance(expected, bool) or not isinstance(code, str) or der is None:
            continue
        claimed = hcert.read(code.encode())
        uses = key_from_certificate(der, issuer=IssuerId("XX")).uses
        assert (not uses or claimed.required_use in uses) is expected, line["file"]
        agreed[expected] += 1
    assert agreed == {True: 114, False: 30}
