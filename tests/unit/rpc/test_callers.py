from __future__ import annotations

from contextvars import Context

import pytest

from gateway.errors import CallerRefused, RefusalReason
from gateway.rpc.callers import DEV_LOOPBACK, LOCAL, caller_of, current_caller, enter
from gateway.values import Caller, CallerId, CallerKind

TLS = {"transport_security_type": [b"ssl"]}
PLAIN = {"transport_security_type": [b"insecure"]}


@pytest.mark.parametrize(
    ("names", "caller"),
    [
        ({"peer_uri": [b"spiffe://a", b"spiffe://b"], "peer_dns": [b"c"], "x509_common_name": [b"d"]}, "spiffe://a"),
        ({"peer_dns": [b"c"], "x509_common_name": [b"d"]}, "c"),
        ({"x509_common_name": ["浙江省".encode()]}, "浙江省"),
        ({"peer_uri": [b""], "x509_common_name": [b"d"]}, "d"),
        ({"peer_uri": [b"\xff"], "peer_dns": [b"a\nb"], "x509_common_name": [b"d"]}, "d"),
        ({"peer_uri": [b"x" * 256], "peer_dns": [b"x" * 255]}, "x" * 255),
    ],
)
def test_a_tls_peer_is_the_first_name_of_her_certificate(names: dict[str, list[bytes]], caller: str) -> None:
    assert caller_of({**TLS, **names}, "ipv4:10.0.0.1:5") == Caller(CallerId(caller), CallerKind.TLS_PEER)


@pytest.mark.parametrize("peer", ["ipv4:127.0.0.1:50123", "ipv4:127.8.9.1:1", "ipv6:%5B::1%5D:50123", "ipv6:[::1]:5"])
def test_plaintext_from_loopback_is_the_developer(peer: str) -> None:
    assert caller_of(PLAIN, peer) is DEV_LOOPBACK


@pytest.mark.parametrize(
    ("auth", "peer"),
    [
        (PLAIN, "ipv4:10.0.0.1:50123"),
        (PLAIN, "ipv4:0.0.0.0:1"),
        (PLAIN, "ipv6:%5B2001:db8::1%5D:1"),
        (PLAIN, "unix:/run/x.sock"),
        (PLAIN, "ipv4:"),
        (PLAIN, ""),
        (PLAIN, "ipv4:localhost:1"),
        ({}, "ipv4:127.0.0.1:50123"),
        ({"transport_security_type": [b"ssl", b"insecure"], "peer_dns": [b"a"]}, "ipv4:127.0.0.1:1"),
        ({"transport_security_type": [b"alts"], "peer_dns": [b"a"]}, "ipv4:127.0.0.1:1"),
        ({**PLAIN, "peer_dns": [b"a"]}, "ipv4:10.0.0.1:1"),
        (TLS, "ipv4:127.0.0.1:1"),
        ({**TLS, "peer_email": [b"a@b"], "peer_ip": [b"127.0.0.1"]}, "ipv4:127.0.0.1:1"),
    ],
)
def test_anything_else_is_nobody(auth: dict[str, list[bytes]], peer: str) -> None:
    with pytest.raises(CallerRefused) as caught:
        caller_of(auth, peer)
    assert caught.value.reason is RefusalReason.NO_IDENTITY


def test_a_socket_file_of_our_own_is_opened_by_our_own_processes() -> None:
    assert caller_of(PLAIN, "unix:", sockets=True) is LOCAL
    assert caller_of(PLAIN, "ipv4:127.0.0.1:1", sockets=True) is DEV_LOOPBACK
    for auth, peer in ((TLS, "unix:"), ({}, "unix:"), (PLAIN, "ipv4:10.0.0.1:1"), (PLAIN, "")):
        with pytest.raises(CallerRefused):
            caller_of(auth, peer, sockets=True)


def test_a_handler_past_the_interceptors_serves_nobody() -> None:
    with pytest.raises(CallerRefused) as caught:
        Context().run(current_caller)
    assert caught.value.reason is RefusalReason.NO_IDENTITY


def test_each_call_has_its_own_caller() -> None:
    first, second = Context(), Context()
    first.run(enter, DEV_LOOPBACK)
    other = Caller(CallerId("other"), CallerKind.TLS_PEER)
    second.run(enter, other)
    assert first.run(current_caller) is DEV_LOOPBACK
    assert second.run(current_caller) is other
