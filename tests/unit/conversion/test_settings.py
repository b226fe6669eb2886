"""Which settings, names and keys a converter takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.conversion.converter import Converter
from gateway.conversion.settings import ConversionRefused, ConversionSettings
from gateway.values import (
    Algorithm,
    IssuerId,
    Measure,
)
from keys.signer import SIGNING, generate_dev_key
from tests.unit.conversion.world import (
    LISTS,
    OURS,
    World,
    opaque,
)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_lifetime_s": 0},
        {"max_lifetime_s": 86_401},
        {"recheck_s": 0.5},
        {"recheck_s": 200},
        {"stale_after_s": 100},
        {"capacity": 0},
        {"capacity": 10_000_001},
        {"questions_per_s": 0},
        {"ask_s": 0},
        {"ask_s": 61},
        {"max_lifetime_s": float("nan")},
        {"stale_after_s": float("nan")},
    ],
)
def test_settings_that_would_break_a_promise_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ConversionRefused):
        ConversionSettings(OURS, LISTS, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("issuer", "status_uri"),
    [
        ("", LISTS),
        ("a name", LISTS),
        ("浙江", LISTS),
        (OURS, ""),
        (OURS, "http://interop.zhejiang.example/status"),
        (OURS, "https://interop.zhejiang.example/status#x"),
        ("x" * 129, LISTS),
        ("x" * 80, LISTS),
        (OURS, LISTS + "/" + "x" * 60),
    ],
)
def test_names_that_no_symbol_can_hold_are_refused_at_the_start(tmp_path: Path, issuer: str, status_uri: str) -> None:
    signer = generate_dev_key(tmp_path / "key.pem")
    with pytest.raises(ConversionRefused) as caught:
        Converter(ConversionSettings(IssuerId(issuer), status_uri), signer)
    assert "conversion.issuer" in str(caught.value)


def test_the_key_is_known_by_the_first_letters_of_its_thumbprint(world: World) -> None:
    signer = world.converter.signer
    assert signer.key_id == world.key.key_id[:8]
    assert signer.public_jwk == {**world.key.public_jwk, "kid": signer.key_id.decode()}
    assert signer.algorithm is world.key.algorithm
    assert signer.key_id.decode() in repr(signer)


@pytest.mark.parametrize("algorithm", SIGNING)
async def test_every_kind_of_key_does(tmp_path: Path, algorithm: Algorithm) -> None:
    world = World(tmp_path)
    world.key = generate_dev_key(tmp_path / "another.pem", algorithm)
    if algorithm is Algorithm.SM2:  # its number in COSE takes four bytes more, and the names of these tests leave none
        with pytest.raises(ConversionRefused):
            world.restart()
        world.settings = ConversionSettings(OURS, LISTS.removesuffix("tatus"))
    world.restart()
    made = await world.made(opaque())
    assert len(made.qr) < 512
    for text in (made.jws, made.qr):
        assert (await world.judged(text.encode())).measure is Measure.PASS
