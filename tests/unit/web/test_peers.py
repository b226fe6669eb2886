"""Who is at the other end, by what the transport tells."""

from __future__ import annotations

import pytest

from gateway.web.peers import LOOPBACK, NOBODY, caller_of

SUBJECT = ((("countryName", "CN"),), (("commonName", "first"), ("commonName", "second")))


@pytest.mark.parametrize(
    ("certificate", "caller"),
    [
        (None, NOBODY),
        ({}, NOBODY),
        ({"subject": SUBJECT}, "first"),
        ({"subject": SUBJECT, "subjectAltName": (("email", "a@b"), ("IP Address", "127.0.0.1"))}, "first"),
        ({"subject": SUBJECT, "subjectAltName": (("DNS", "gate"), ("URI", "spiffe://a"), ("URI", "b"))}, "spiffe://a"),
        ({"subject": SUBJECT, "subjectAltName": (("URI", "a\n"), ("URI", ""), ("DNS", "gate"))}, "gate"),
        ({"subject": SUBJECT, "subjectAltName": (("DNS", "a" * 256),)}, "first"),
        ({"subject": "no tuple", "subjectAltName": (("DNS",), "DNS", ("DNS", 7))}, NOBODY),
    ],
)
def test_a_caller_over_tls_is_her_certificates_first_name(certificate: dict[str, object] | None, caller: str) -> None:
    assert caller_of(certificate, ("127.0.0.1", 9), encrypted=True) == caller


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        (("127.0.0.1", 9), LOOPBACK),
        (("127.8.0.1", 9), LOOPBACK),
        (("::1", 9, 0, 0), LOOPBACK),
        (("::1%lo", 9, 0, 0), LOOPBACK),
        (("10.0.0.1", 9), NOBODY),
        (("fe80::1%eth0", 9, 0, 2), NOBODY),
        (("localhost", 9), NOBODY),
        ((), NOBODY),
        ("", NOBODY),
        ("/run/hcgw/edge.sock", NOBODY),
        (None, NOBODY),
    ],
)
def test_in_plain_text_only_this_machine_is_somebody(address: object, caller: str) -> None:
    assert caller_of({"subject": SUBJECT}, address, encrypted=False) == caller
