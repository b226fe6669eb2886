"""What a certificate's name says, and what is no name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers.identity import CheckpointClass, Identity, Kind, domain_of, is_name, read_identity
from gateway.values import DivisionCode

ZJ = DivisionCode("330000")


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        (
            "spiffe://zj.example/hub/330100/rail/east",
            Identity("zj.example", Kind.HUB, DivisionCode("330100"), CheckpointClass.RAIL, "east"),
        ),
        *(
            (f"spiffe://d/{kind.value}/330000/A.b-c_9", Identity("d", kind, ZJ, None, "A.b-c_9"))
            for kind in Kind
            if kind is not Kind.HUB
        ),
        *((f"spiffe://d/hub/330000/{one.value}/x", Identity("d", Kind.HUB, ZJ, one, "x")) for one in CheckpointClass),
        # Names without structure, though of a domain.
        ("spiffe://zj.example", None),
        ("spiffe://zj.example/hub/330100/east", None),
        ("spiffe://zj.example/hub/330100/train/east", None),
        ("spiffe://zj.example/hub/330100/rail/east/2", None),
        ("spiffe://zj.example/gateway/330000/rail/east", None),
        ("spiffe://zj.example/gateway/33000/x", None),
        ("spiffe://zj.example/gateway/\uff13\uff13\uff10\uff10\uff10\uff10/x", None),
        ("spiffe://zj.example/Gateway/330000/x", None),
        ("gate.zj.example", None),
    ],
)
def test_structure(name: str, identity: Identity | None) -> None:
    assert read_identity(name) == identity


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a\nb",
        "x" * 256,
        "SPIFFE://zj.example/gateway/330000/x",
        "spiffe:zj.example",
        "spiffe://",
        "spiffe:///gateway/330000/x",
        "spiffe://ZJ.example/gateway/330000/x",
        "spiffe://zj.example/",
        "spiffe://zj.example//x",
        "spiffe://zj.example/a/../b",
        "spiffe://zj.example/./b",
        "spiffe://zj.example/a%2Fb",
        "spiffe://zj.example:8443/a",
        "spiffe://user@zj.example/a",
        "spiffe://zj.example/a?b",
        "spiffe://zj.example/a#b",
        "spiffe://zj.example/é",
    ],
)
def test_what_is_no_name(name: str) -> None:
    assert (is_name(name), domain_of(name), read_identity(name)) == (False, None, None)


@given(st.text(max_size=80) | st.text(max_size=60).map(lambda text: f"spiffe://{text}"))
def test_a_structure_is_that_of_a_name_and_spells_it_in_one_way(name: str) -> None:
    identity = read_identity(name)
    if identity is None:
        return
    assert is_name(name)
    parts = [identity.domain, identity.kind.value, identity.division, identity.checkpoints, identity.name]
    assert name == "spiffe://" + "/".join(part for part in parts if part is not None)
    assert domain_of(name) == identity.domain
