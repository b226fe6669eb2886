"""The ring: found by issuer and key id, never by key id alone."""

from __future__ import annotations

from keys.ring import MAX_CANDIDATES, KeyRing
from keys.values import IssuerId, KeyId

from .making import trusted

A, B = IssuerId("A"), IssuerId("B")
ONE, TWO = KeyId(b"1"), KeyId(b"2")


def test_a_key_is_found_under_its_issuer_only() -> None:
    a1, a2, b1 = trusted("A", ONE), trusted("A", TWO), trusted("B", ONE)
    ring = KeyRing([a1, a2, b1])
    assert ring.find(A, ONE) == (a1,)
    assert ring.find(B, ONE) == (b1,)
    assert ring.find(B, TWO) == ()
    assert ring.find(IssuerId(""), ONE) == ()
    assert ring.find(IssuerId("a"), ONE) == ()
    assert ring.find(IssuerId("C"), None) == ()


def test_all_keys_that_share_an_id_are_given_in_the_order_of_the_list() -> None:
    keys = [trusted("A", ONE) for _ in range(3)]
    found = KeyRing(keys).find(A, ONE)
    assert [id(key) for key in found] == [id(key) for key in keys]


def test_without_a_key_id_all_keys_of_the_issuer_are_given() -> None:
    a1, a2, b1 = trusted("A", ONE), trusted("A", TWO), trusted("B", ONE)
    assert KeyRing([a1, b1, a2]).find(A, None) == (a1, a2)


def test_no_look_up_gives_more_than_the_bound() -> None:
    ring = KeyRing([trusted("A", ONE)] * 100, unbound=[trusted("", ONE)] * 100)
    for found in (ring.find(A, ONE), ring.find(A, None), ring.find_unbound(ONE), ring.find_unbound(None)):
        assert len(found) == MAX_CANDIDATES


def test_an_unbound_key_is_given_only_when_asked_for() -> None:
    bound, unbound = trusted("A", ONE), trusted("", TWO)
    ring = KeyRing([bound], unbound=[unbound])
    assert ring.has_unbound
    assert ring.find(A, TWO) == ()
    assert ring.find(IssuerId(""), TWO) == ()
    assert ring.find(IssuerId(""), None) == ()
    assert ring.find_unbound(TWO) == (unbound,)
    assert ring.find_unbound(ONE) == ()
    assert ring.find_unbound(None) == (unbound,)


def test_an_empty_ring_finds_nothing() -> None:
    ring = KeyRing([])
    assert not ring.has_unbound
    assert (ring.find(A, ONE), ring.find(A, None), ring.find_unbound(None)) == ((), (), ())
