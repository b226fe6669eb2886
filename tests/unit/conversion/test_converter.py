"""What a converted code says, and what is never converted."""

from __future__ import annotations

import json
import pickle
import tomllib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.conversion.converter import STATE_WORDS, Converted, Converter
from gateway.conversion.observer import ConversionOutcome
from gateway.conversion.settings import MAX_PER_ORIGINAL
from gateway.errors import Reason
from gateway.formats import read_code
from gateway.formats.recognise import recognise
from gateway.sealed import Sealed
from gateway.values import (
    ClaimedCode,
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    Measure,
    Origin,
    StatusPointer,
    Way,
)
from keys.strict import base64url_decode
from tests.conftest import NOON
from tests.unit.conversion.world import (
    GUIZHOU,
    HAINAN,
    HANGZHOU,
    LISTS,
    OURS,
    YUNNAN,
    ZHEJIANG,
    World,
    opaque,
    signed,
)

SHIPPED_PROFILES = Path(__file__).parents[3] / "deploy" / "provinces"

SEVERITY = {CodeState.GREEN: 0} | dict.fromkeys(
    (CodeState.YELLOW, CodeState.UNDER_REVIEW, CodeState.UNCONFIRMED, CodeState.STALE_DECLARATION), 1
)
STRICTNESS = {Measure.PASS: 0, Measure.LIMITED: 1, Measure.MANUAL: 2, Measure.DENY: 3}
SUSPECTED = (Reason.REPLAY_SUSPECTED, Reason.CONDITION_TEST_WITHIN_48_HOURS, Reason.STATE_GREEN)
CONVERTIBLE = ("green", "yellow", "under_review", "unconfirmed", "stale_declaration")


def both(made: Converted) -> list[ClaimedCode]:
    """Return both spellings of a converted code, read back."""
    return [read_code(text.encode(), recognise(text.encode())) for text in (made.jws, made.qr)]


def decision(**changes: Any) -> Decision:
    """Return a decision that lets a green code of Guizhou's through."""
    good = Decision(
        Measure.PASS,
        (Reason.STATE_GREEN,),
        NOON,
        None,
        Format.NATIVE,
        CodeState.GREEN,
        GUIZHOU,
        DivisionCode("520000"),
        observed_time=Instant(NOON - 60),
    )
    return replace(good, **changes)


@pytest.mark.parametrize("original", [signed(), opaque()], ids=["signed", "opaque"])
async def test_a_converted_code_is_of_the_receiving_division_and_names_its_origin_only(
    world: World, original: bytes
) -> None:
    made = await world.made(original, HANGZHOU)
    issuer, division = (GUIZHOU, "520000") if original == signed() else (YUNNAN, "530000")
    for claimed in both(made):
        assert (claimed.format, claimed.issuer, claimed.division) == (Format.NATIVE, OURS, HANGZHOU)
        assert (claimed.audience, claimed.origin) == (HANGZHOU, Origin(issuer, DivisionCode(division)))
        assert claimed.statement == "green"
        assert (claimed.subject, claimed.holder_binding, claimed.certificate) == (None, None, None)
        assert claimed.key_id == world.converter.signer.key_id
        assert claimed.expire_time == made.expire_time
        point = base64url_decode(str(world.converter.signer.public_jwk["x"]).encode())
        Ed25519PublicKey.from_public_bytes(point).verify(claimed.signature, claimed.signed)
    assert world.counts.asked == [ConversionOutcome.CONVERTED]


async def test_both_spellings_say_the_same(world: World) -> None:
    token, text = both(await world.made(signed()))
    assert replace(token, signed=b"", signature=b"") == replace(text, signed=b"", signature=b"")


async def test_a_converted_code_fits_a_small_symbol(world: World) -> None:
    for state in CONVERTIBLE:
        made = await world.made(signed(state, number=CONVERTIBLE.index(state)))
        assert made.qr.startswith("HCI1:")
        assert len(made.qr) < 512


@pytest.mark.parametrize("profile", sorted(SHIPPED_PROFILES.glob("*.toml")), ids=lambda path: path.stem)
def test_codes_of_every_shipped_province_fit_too(world: World, profile: Path) -> None:
    said = tomllib.loads(profile.read_text())
    issuer, division = IssuerId(said["issuer"]), DivisionCode(said["division"])
    made = world.converter.convert(
        decision(issuer=issuer, division=division, state=CodeState.STALE_DECLARATION, measure=Measure.LIMITED),
        opaque(),
        division=ZHEJIANG,
        at=NOON,
    )
    assert made is not None
    assert 0 < len(made.qr) < 512
    assert {claimed.origin for claimed in both(made)} == {Origin(issuer, division)}


async def test_nothing_of_the_original_stands_in_it(world: World) -> None:
    """Not its id, its pseudonym, its place in its issuer's list, nor any piece of its text."""
    original = signed(status_uri="https://status.guizhou.example/7", status_index=7)
    decided = decision(observed_time=Instant(NOON - 60))
    made = world.converter.convert(decided, original, division=ZHEJIANG, at=NOON)
    assert made is not None
    payload = json.loads(urlsafe_b64decode(made.jws.split(".")[1] + "=="))
    assert set(payload) == {"iss", "div", "st", "iat", "exp", "jti", "aud", "org", "status"}
    assert set(payload["org"]) == {"iss", "div"}
    for piece in ("code-1", "pseudonym-1", "status.guizhou.example"):
        assert piece not in json.dumps(payload)
    pointer = payload["status"]["status_list"]
    assert pointer["uri"].startswith(LISTS + "/")
    assert pointer["idx"] != 7 or pointer["uri"] != "https://status.guizhou.example/7"
    online = await world.made(opaque(0x1234ABCD))
    assert "1234abcd" not in online.jws + online.qr


async def test_each_conversion_is_another_code(world: World) -> None:
    codes = [both(await world.made(signed()))[0] for _ in range(20)]
    assert len({claimed.code_id for claimed in codes}) == 20
    assert len({claimed.status_pointer for claimed in codes}) == 20
    assert {claimed.status_pointer.uri for claimed in codes if claimed.status_pointer} == {
        codes[0].status_pointer.uri if codes[0].status_pointer else ""
    }


@pytest.mark.parametrize("state", list(CodeState))
@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize("found", [Format.NATIVE, Format.OPAQUE, Format.HCERT])
def test_a_converted_code_is_never_better_than_its_original(
    tmp_path: Path, state: CodeState, measure: Measure, found: Format
) -> None:
    """Over the whole product: what is let through keeps its state to the letter, all else has no converted code."""
    converter = World(tmp_path).converter
    decided = decision(state=state, measure=measure, format=found)
    made = converter.convert(decided, signed(), division=ZHEJIANG, at=NOON)
    if measure not in (Measure.PASS, Measure.LIMITED) or state not in SEVERITY:
        assert made is None
        return
    assert made is not None
    for claimed in both(made):
        assert claimed.statement == state.name.lower()
        assert claimed.status_pointer is not None
        assert converter.look_up(OURS, claimed.status_pointer, NOON) == (state, None)
        assert converter.look_up(GUIZHOU, claimed.status_pointer, NOON) is None, "a list belongs to one issuer"


@pytest.mark.parametrize("state", CONVERTIBLE)
async def test_a_gate_makes_no_more_of_it_than_of_the_original(world: World, state: str) -> None:
    for original in (signed(state), opaque()):
        world.yunnan.says["00000001"] = state
        made = await world.made(original)
        before = await world.judged(original)
        for text in (made.jws, made.qr):
            after = await world.judged(text.encode())
            assert after.state is before.state
            assert STRICTNESS[after.measure] >= STRICTNESS[before.measure]
            assert after.measure is before.measure, "and no less, while nothing has changed"
            assert after.origin is not None
            assert after.issuer == OURS


@pytest.mark.parametrize(
    ("original_ends", "ends"),
    [
        (None, NOON + 14_400),
        (NOON + 3_600, NOON + 3_600),
        (NOON + 3_600.9, NOON + 3_600),
        (NOON + 14_400.5, NOON + 14_400),
        (NOON + 86_400, NOON + 14_400),
        (NOON + 1, NOON + 1),
    ],
)
def test_it_never_lives_longer_than_its_original_nor_than_configured(
    world: World, original_ends: float | None, ends: float
) -> None:
    until = None if original_ends is None else Instant(original_ends)
    made = world.converter.convert(decision(valid_until=until), signed(), division=ZHEJIANG, at=NOON)
    assert made is not None
    assert made.expire_time == ends
    assert {claimed.expire_time for claimed in both(made)} == {ends}


@pytest.mark.parametrize("at", [NOON, NOON + 0.001, NOON + 0.999])
@pytest.mark.parametrize("lives", [0.0, 0.5, 1.0, 60.0, 14_399.7, 20_000.0])
def test_over_all_fractions_it_ends_with_its_original_or_sooner(world: World, at: float, lives: float) -> None:
    until = at + lives
    made = world.converter.convert(decision(valid_until=Instant(until)), signed(), division=ZHEJIANG, at=Instant(at))
    if made is None:
        assert world.counts.asked == [ConversionOutcome.ENDING]
        assert int(until) <= at
        return
    assert at < made.expire_time <= min(until, at + 14_400)


async def test_an_issuers_end_of_an_opaque_code_is_kept(world: World) -> None:
    world.yunnan.expires = Instant(NOON + 90)
    assert (await world.made(opaque())).expire_time == NOON + 90


async def test_a_conversion_makes_no_word_younger(world: World) -> None:
    original = signed(issued=-80_000, lives=200_000)
    made = await world.made(original)
    assert {claimed.issue_time for claimed in both(made)} == {NOON - 80_000}
    assert (await world.judged(made.jws.encode())).measure is Measure.PASS
    world.pass_time(7_000)  # 24 hours are over: the rule's, not the code's
    for code in (original, made.jws.encode(), made.qr.encode()):
        assert (await world.judged(code)).measure is Measure.MANUAL


def test_a_word_from_the_future_is_dated_now(world: World) -> None:
    made = world.converter.convert(
        decision(observed_time=Instant(NOON + 20)), signed(), division=ZHEJIANG, at=Instant(NOON + 0.7)
    )
    assert made is not None
    assert {claimed.issue_time for claimed in both(made)} == {NOON}


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"measure": Measure.DENY, "state": CodeState.RED}, ConversionOutcome.NOT_LET_THROUGH),
        ({"measure": Measure.MANUAL}, ConversionOutcome.NOT_LET_THROUGH),
        ({"measure": Measure.DENY}, ConversionOutcome.NOT_LET_THROUGH),
        ({"reasons": SUSPECTED, "measure": Measure.LIMITED}, ConversionOutcome.SUSPECTED),
        ({"reasons": SUSPECTED[::-1], "measure": Measure.LIMITED}, ConversionOutcome.SUSPECTED),
        ({"reasons": SUSPECTED, "measure": Measure.MANUAL}, ConversionOutcome.NOT_LET_THROUGH),
        ({"state": CodeState.RED}, ConversionOutcome.UNNAMED),
        ({"state": CodeState.UNKNOWN}, ConversionOutcome.UNNAMED),
        ({"issuer": None}, ConversionOutcome.UNNAMED),
        ({"division": None}, ConversionOutcome.UNNAMED),
        ({"issuer": IssuerId("贵州")}, ConversionOutcome.UNNAMED),
        ({"issuer": IssuerId("a name")}, ConversionOutcome.UNNAMED),
        ({"issuer": IssuerId("x" * 129)}, ConversionOutcome.UNNAMED),
        ({"division": DivisionCode("somewhere")}, ConversionOutcome.UNNAMED),
        ({"observed_time": None}, ConversionOutcome.UNDATED),
        ({"observed_time": Instant(0.0)}, ConversionOutcome.UNNAMED),
        ({"valid_until": NOON}, ConversionOutcome.ENDING),
        ({"valid_until": Instant(NOON - 1)}, ConversionOutcome.ENDING),
        ({"valid_until": Instant(NOON + 0.9)}, ConversionOutcome.ENDING),
        (
            {"origin": Origin(GUIZHOU, DivisionCode("520000")), "issuer": IssuerId("https://interop.hainan.example")},
            ConversionOutcome.ALREADY_CONVERTED,
        ),
        ({"issuer": OURS}, ConversionOutcome.ALREADY_CONVERTED),
    ],
)
def test_where_no_code_can_be_made_there_is_none_and_nothing_is_kept(
    world: World, changes: dict[str, Any], outcome: ConversionOutcome
) -> None:
    assert world.converter.convert(decision(**changes), signed(), division=ZHEJIANG, at=NOON) is None
    assert world.counts.asked == [outcome]
    assert (len(world.converter.bindings), world.counts.live) == (0, 0)


def test_a_long_name_leaves_no_room_in_a_symbol_but_in_a_token(world: World) -> None:
    made = world.converter.convert(decision(issuer=IssuerId("x" * 128)), signed(), division=ZHEJIANG, at=NOON)
    assert made is not None
    assert made.qr == ""
    assert read_code(made.jws.encode(), Format.NATIVE).origin == Origin(IssuerId("x" * 128), DivisionCode("520000"))


async def test_a_code_that_is_withdrawn_reads_unknown_for_good_and_makes_room(world: World) -> None:
    made, other = await world.made(signed()), await world.made(signed())
    world.converter.withdraw(made)
    world.converter.withdraw(made)
    assert world.converter.bindings.look_up(made.pointer, world.at) is CodeState.UNKNOWN
    assert world.converter.bindings.look_up(other.pointer, world.at) is CodeState.GREEN
    assert (len(world.converter.bindings), world.counts.live) == (1, 1)


async def test_a_converted_code_is_not_converted_again(world: World) -> None:
    made = await world.made(signed())
    for text in (made.jws, made.qr):
        assert (await world.judged(text.encode(), way=Way.CONVERT)).measure is Measure.PASS
        assert await world.converted(text.encode()) is None
    assert world.counts.asked[1:] == [ConversionOutcome.ALREADY_CONVERTED] * 2
    assert len(world.converter.bindings) == 1


async def test_it_is_for_its_audience_only(world: World) -> None:
    made = await world.made(signed(), ZHEJIANG)
    for text in (made.jws, made.qr):
        assert (await world.judged(text.encode(), ZHEJIANG)).measure is Measure.PASS
        elsewhere = await world.judged(text.encode(), HAINAN)
        assert (elsewhere.measure, elsewhere.reasons[0]) == (Measure.MANUAL, Reason.AUDIENCE_MISMATCH)


async def test_an_origin_of_anybody_else_is_forged(world: World) -> None:
    forged = signed(audience="330000", origin_issuer=str(YUNNAN), origin_division="530000")
    decided = await world.judged(forged)
    assert (decided.measure, decided.reasons[0]) == (Measure.DENY, Reason.DIVISION_MISMATCH)
    assert await world.converted(forged) is None


async def test_a_converted_code_that_was_tampered_with_is_forged(world: World) -> None:
    made = await world.made(signed("yellow"))
    claims = json.loads(urlsafe_b64decode(made.jws.split(".")[1] + "=="))
    assert claims["st"] == "yellow"
    head, payload, signature = made.jws.split(".")
    better = urlsafe_b64decode(payload + "==").replace(b'"yellow"', b'"green"')
    forged = f"{head}.{urlsafe_b64encode(better).rstrip(b'=').decode()}.{signature}"
    assert (await world.judged(forged.encode())).reasons[0] is Reason.BAD_SIGNATURE


async def test_full_is_full_until_codes_end(tmp_path: Path) -> None:
    world = World(tmp_path, capacity=3)
    for number in range(3):
        await world.made(signed(number=number, lives=200))
    assert await world.converted(signed(number=9)) is None
    assert world.counts.asked[-1] is ConversionOutcome.FULL
    assert world.counts.live == 3
    world.pass_time(141)
    assert await world.converted(signed(number=9)) is not None
    assert world.counts.live == 1


async def test_one_original_has_so_many_codes_and_no_more(world: World) -> None:
    for _ in range(MAX_PER_ORIGINAL):
        await world.made(signed())
    assert await world.converted(signed()) is None
    assert world.counts.asked[-1] is ConversionOutcome.FULL
    assert await world.converted(signed(number=2)) is not None


async def test_a_province_has_no_more_originals_than_can_be_asked_about_in_time(tmp_path: Path) -> None:
    world = World(tmp_path, questions_per_s=1, recheck_s=2.0, stale_after_s=6.0)
    assert world.settings.online_capacity == 3
    for number in range(3):
        await world.made(opaque(number))
    assert await world.converted(opaque(4)) is None
    assert world.counts.asked[-1] is ConversionOutcome.FULL
    assert await world.converted(opaque(1)) is not None, "the same original costs no further question"
    assert await world.converted(signed()) is not None
    world.pass_time(14_400)
    for number in range(10, 13):
        assert await world.converted(opaque(number)) is not None
    assert await world.converted(opaque(13)) is None


def test_a_place_whose_code_could_not_be_signed_is_given_back(world: World) -> None:
    class Broken:
        algorithm = world.key.algorithm
        key_id = world.key.key_id
        public_jwk = world.key.public_jwk

        def sign(self, data: bytes) -> bytes:
            raise OSError("the module is gone")

    converter = Converter(world.settings, Broken(), world.counts)
    with pytest.raises(OSError, match="gone"):
        converter.convert(decision(), signed(), division=ZHEJIANG, at=NOON)
    assert len(converter.bindings) == 0


def test_originals_are_sealed() -> None:
    canary = b"HC1:Zhang Wei 330102199001011234"
    sealed = Sealed(canary)
    assert sealed.open() == canary
    assert "Zhang" not in repr(sealed) + str(sealed) + f"{sealed}"
    with pytest.raises(TypeError):
        pickle.dumps(sealed)
    assert not hasattr(sealed, "__dict__")
    made = Converted("a.secret.jws", "HCI1:SECRET", NOON, StatusPointer("https://gateway.test/status/1", 4_711))
    assert "secret" not in repr(made).lower()


async def test_no_object_shows_an_original_or_a_code(world: World) -> None:
    made = await world.made(opaque(0x5EC2E7))
    bindings = world.converter.bindings
    originals = [original for found in bindings._originals.values() for original in found.values()]
    places = [place for original in originals for place in original.places]
    assert places
    shown = repr((world.converter, bindings, originals, places, world.rechecks, vars(bindings), made))
    for piece in ("5ec2e7", made.jws[-20:], made.qr[-20:]):
        assert piece.lower() not in shown.lower()


async def test_an_original_goes_with_the_last_code_that_was_made_from_it(world: World) -> None:
    await world.made(signed(lives=200))
    await world.made(opaque())
    bindings = world.converter.bindings
    originals = [original for found in bindings._originals.values() for original in found.values()]
    assert sorted(original.code.open() for original in originals) == sorted([signed(lives=200), opaque()])
    world.pass_time(14_401)
    bindings.drop_ended(world.at)
    assert len(bindings) == 0
    assert not bindings._originals
    assert [original.code.open() for original in originals] == [b"", b""]


async def test_an_original_of_two_divisions_is_kept_for_the_other_one(world: World) -> None:
    here, elsewhere = await world.made(opaque()), await world.made(opaque(), HAINAN)
    bindings = world.converter.bindings
    (mine,) = [place for place in bindings._places.values() if place.original.division != HAINAN]
    bindings.close(mine)
    assert (await world.judged(here.jws.encode())).reasons[0] is Reason.STATUS_UNAVAILABLE
    world.yunnan.says["00000001"] = "red"
    world.converter.noticed(opaque(), await world.judged(opaque(), HAINAN))
    assert (await world.judged(elsewhere.jws.encode(), HAINAN)).reasons[0] is Reason.STATE_RED


async def test_a_code_that_has_ended_reads_unknown(world: World) -> None:
    claimed = both(await world.made(signed(lives=200)))[0]
    assert claimed.status_pointer is not None
    world.pass_time(300)
    world.converter.bindings.drop_ended(world.at)
    assert world.converter.look_up(OURS, claimed.status_pointer, world.at) == (CodeState.UNKNOWN, None)


def test_every_state_that_a_rule_may_let_through_has_a_word() -> None:
    assert {state.name.lower(): word for state, word in STATE_WORDS.items()} == {word: word for word in CONVERTIBLE}
