"""Who may ask what, over its full product: each caller x RPC x purpose x division x profile, with real certificates.

CLINIC counts once for each item. What is expected is written down here once more, as a table of its own; what is told
is read off the wire field by field, not with the code that wrote it, the claims of receipts included.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from healthcode.interop.v1 import conversion_service_pb2 as conversion_pb
from healthcode.interop.v1 import journey_service_pb2 as journeys_pb
from healthcode.interop.v1 import place_service_pb2 as places_pb
from healthcode.interop.v1 import status_service_pb2 as status_pb
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.rpc.methods import METHODS
from gateway.values import Purpose
from keys.dev_certificates import DevAuthority
from tests.integration.callers_site import CANARIES, NAMES, CallersSite, running
from tests.integration.grpc_edge import told

PREFIX = "/healthcode.interop.v1."
VERIFY, BATCH, STREAM, SHOWN = (
    f"{PREFIX}VerificationService/{name}"
    for name in ("VerifyCode", "VerifyCodes", "StreamVerifications", "AssessDisplayedCode")
)
CONVERT = f"{PREFIX}ConversionService/ConvertCode"
JOURNEY = f"{PREFIX}JourneyService/CheckJourney"
PLACE, PLACES = f"{PREFIX}PlaceService/AssessPlace", f"{PREFIX}PlaceService/ListAffectedCommunities"
PUBLISH, LISTS, SNAPSHOT, CHANGES, WATCH = (
    f"{PREFIX}StatusService/{name}"
    for name in ("PublishChanges", "ListStatusLists", "StreamSnapshot", "StreamChanges", "WatchCodes")
)
WITH_TERMS = (VERIFY, BATCH, STREAM, SHOWN, CONVERT, WATCH)
WITH_PURPOSE = (JOURNEY, PLACE, PLACES)
WITH_NOTHING = (PUBLISH, LISTS, SNAPSHOT, CHANGES)

UNSET, GATE, STAFF, PROVINCE = 0, 1, 2, 3
CLINIC = 4
VACCINATION, TEST, RECOVERY = CLINIC, CLINIC + 10, CLINIC + 20
"""CLINIC with the first, the second, the third item, so that a case is a row of numbers."""
PROFILES = (UNSET, GATE, STAFF, PROVINCE, VACCINATION, TEST, RECOVERY)
HANGZHOU, BEIJING, NOWHERE = "330100", "110000", ""
ALL = frozenset(int(purpose) for purpose in Purpose)


@dataclass(frozen=True)
class May:
    """What a caller may, as the registry of the site means it."""

    calls: frozenset[str] = frozenset()
    purposes: frozenset[int] = frozenset()
    divisions: frozenset[str] = frozenset()
    profiles: frozenset[int] = frozenset()


READS = frozenset({LISTS, SNAPSHOT, CHANGES})
MAY: dict[str, May | None] = {
    "rail": May(frozenset({VERIFY, BATCH, STREAM}), frozenset({1, 2}), frozenset({HANGZHOU}), frozenset({UNSET, GATE})),
    "desk": May(
        frozenset({VERIFY, BATCH, STREAM, SHOWN, CONVERT, WATCH, JOURNEY, PLACE, PLACES}),
        ALL,
        frozenset({HANGZHOU}),
        frozenset({UNSET, GATE, STAFF}),
    ),
    "fever": May(
        frozenset({VERIFY, BATCH, STREAM, SHOWN, CONVERT, WATCH}),
        frozenset({3, 6}),
        frozenset({HANGZHOU}),
        frozenset({TEST, RECOVERY}),
    ),
    "province": May(
        frozenset({VERIFY, BATCH, STREAM, SHOWN, CONVERT, WATCH}),
        frozenset({2, 6}),
        frozenset({HANGZHOU}),
        frozenset({PROVINCE}),
    ),
    "clinic": May(
        frozenset({VERIFY, SHOWN}), frozenset({6}), frozenset({HANGZHOU, BEIJING, NOWHERE}), frozenset({STAFF})
    ),
    "venue": May(),
    "publisher": May(frozenset({PUBLISH})),
    "relay": May(frozenset({CHANGES})),
    "enrolled": May(READS),
    "plain": May(frozenset({JOURNEY}), frozenset({7})),
    "forger": None,
    # Another domain's authority may say who "Gate 7" is, but nothing was granted to that one.
    "plain forger": May(),
    "reader forger": None,
}
"""None: nobody."""

Case = tuple[str, int, str, int]
CASES: tuple[Case, ...] = (
    *product(WITH_TERMS, sorted(ALL), (HANGZHOU, BEIJING, NOWHERE), PROFILES),
    *((method, purpose, NOWHERE, UNSET) for method, purpose in product(WITH_PURPOSE, sorted(ALL))),
    *((method, 0, NOWHERE, UNSET) for method in WITH_NOTHING),
)


def expected(caller: str, case: Case) -> str:
    """Return how a call ends: the reason of its refusal, or "" if it is hers."""
    method, purpose, division, profile = case
    may = MAY[caller]
    if may is None:
        return "NO_IDENTITY"
    if method not in may.calls:
        return "CALL_NOT_ALLOWED"
    if method in WITH_NOTHING:
        return ""
    if purpose not in may.purposes:
        return "PURPOSE_NOT_ALLOWED"
    if method in WITH_PURPOSE:
        return ""
    if division not in may.divisions:
        return "DIVISION_NOT_ALLOWED"
    if profile % 10 == CLINIC:
        # One code, scanned, for medical care; and who has the profile does not have every item.
        if not any(one % 10 == CLINIC for one in may.profiles) or method != VERIFY or purpose != 6:
            return "PROFILE_NOT_ALLOWED"
        return "" if profile in may.profiles else "ITEM_NOT_ALLOWED"
    return "" if profile in may.profiles else "PROFILE_NOT_ALLOWED"


def question(case: Case, code: bytes, *, receipt: bool = False) -> bytes:
    """Return the request of a case, encoded."""
    method, purpose, division, profile = case
    context: Any = {"purpose": purpose, "receiving_division": division, "disclosure_profile": profile % 10}
    if profile % 10 == CLINIC:
        context |= {"clinical_item": profile // 10 + 1, "lawful_basis": 1}
    terms = pb.VerificationContext(**context)
    item = pb.CodeItem(code=code)
    asked: dict[str, Any] = {
        VERIFY: pb.VerifyCodeRequest(context=terms, code=code, receipt_requested=receipt),
        BATCH: pb.VerifyCodesRequest(context=terms, items=[item, item], receipts_requested=receipt),
        STREAM: pb.StreamVerificationsRequest(context=terms, item=item, receipt_requested=receipt),
        SHOWN: pb.AssessDisplayedCodeRequest(
            context=terms, issuing_division="520000", displayed="green", receipt_requested=receipt
        ),
        CONVERT: conversion_pb.ConvertCodeRequest(context=terms, code=code, receipt_requested=receipt),
        WATCH: status_pb.WatchCodesRequest(context=terms, codes=[{"handle": b"1", "code": code}]),
        JOURNEY: journeys_pb.CheckJourneyRequest(purpose=purpose, travel_date="2026-01-02", mode=1, number="G1"),  # type: ignore[arg-type]
        PLACE: places_pb.AssessPlaceRequest(purpose=purpose, division="330100"),  # type: ignore[arg-type]
        PLACES: places_pb.ListAffectedCommunitiesRequest(purpose=purpose, division="330100"),  # type: ignore[arg-type]
        PUBLISH: status_pb.PublishChangesRequest(signed_batch={"batch": b"no batch"}),
        LISTS: status_pb.ListStatusListsRequest(),
        SNAPSHOT: status_pb.StreamSnapshotRequest(list={"issuer": "https://a.example", "uri": "https://a.example/1"}),
        CHANGES: status_pb.StreamChangesRequest(),
    }
    raw: bytes = asked[method].SerializeToString()
    return raw


def ask_at_once(channel: Any, method: str, raw: bytes) -> tuple[str, list[bytes]]:
    """Return as `ask` does, of any method: of a stream the first answers.

    In a thread: the asynchronous client loses the server's words when it is refused while it still sends.
    """
    done = threading.Event()

    def asked() -> Iterator[bytes]:
        yield raw
        done.wait()

    try:
        if not METHODS[method].long:
            return "", [channel.unary_unary(method)(raw)]
        if method in (STREAM, WATCH):
            stream: Any = channel.stream_stream(method)(asked())
        else:
            stream = channel.unary_stream(method)(raw)
        # Of a watch: its sign of life, then the code's verdict.
        found = [next(stream) for _ in range(2 if method == WATCH else 1)]
        stream.cancel()
    except grpc.RpcError as error:
        return told(error)[0].reason, []  # type: ignore[arg-type]  # it has what is read of it
    finally:
        done.set()
    return "", found


async def ask(channel: Any, method: str, raw: bytes) -> tuple[str, list[bytes]]:
    """Return the reason of the refusal, or "" and the answer, encoded."""
    try:
        return "", [await channel.unary_unary(method)(raw)]
    except grpc.aio.AioRpcError as error:
        return told(error)[0].reason, []


def fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Read a message off the wire: each field's number and, of those that have a length, its bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(raw):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            varint()
            yield number, b""
            continue
        length = {1: 8, 5: 4}.get(kind) or varint()
        assert kind in (1, 2, 5)
        yield number, raw[at : at + length]
        at += length


def verdicts(method: str, raw: bytes) -> list[bytes]:
    """Return the verdicts in an answer; nothing else may stand there."""
    if method == WATCH:
        # watch_id = 1, event = 2, code = 3 {handle = 1, verdict = 2, watched = 3}, lost = 4
        codes = [one for number, one in fields(raw) if number == 3]
        return [one for code in codes for number, one in fields(code) if number == 2]
    found = list(fields(raw))
    # Of a batch 2 is the root over its receipts.
    assert {number for number, _ in found} <= ({1, 2} if method in (BATCH, CONVERT) else {1})
    return [one for number, one in found if number == 1]


CORE = {1, 2, 3, 4}
OF_STAFF = set(range(1, 13)) - {9}
OF_PROVINCE = {1, 2, 3, 4}
OF_ENTRY = {3: {1, 2, 3, 4, 5}, 4: {1, 2, 3, 4}, 5: {1, 2, 3}}
"""Vaccination, test, recovery: the fields of an item."""
DISCLOSED = {UNSET: 2, GATE: 2, STAFF: 3, PROVINCE: 7, CLINIC: 8}
"""Profile -> the one field of a verdict that is its own."""
RECEIPT, SALT, PROOF = 4, 5, 6

CLAIMS_OF_ALL = {
    *("iss", "aud", "iat", "exp", "jti", "purpose", "measure", "reasons", "code_digest", "trust"),
}
CLAIMS_OF_STAFF = {
    *("state", "format", "issuer", "issuer_division", "assurance", "observed_time", "valid_until_time"),
    *("reason_class", "origin_division"),
}
CLAIMS = {STAFF: CLAIMS_OF_STAFF, PROVINCE: CLAIMS_OF_STAFF | {"rule_version"}}


def check_fields(verdict: bytes, profile: int) -> set[str]:
    """Fail if a verdict has a field that its profile does not have: by number, known to this schema or not.

    Return the handle in it, or the item, if there is one.
    """
    found = list(fields(verdict))
    disclosed = DISCLOSED[profile % 10]
    assert {number for number, _ in found} - {RECEIPT, SALT, PROOF} == {1, disclosed}
    told: set[str] = set()
    for number, body in found:
        inside = dict(fields(body)) if number in (1, disclosed, PROOF) else {}
        if number == 1:
            assert set(inside) <= CORE
        elif number == RECEIPT:
            check_claims(body.split(b".")[1], profile)
        elif number == PROOF:
            check_claims(urlsafe_b64encode(inside[1]), profile)
        elif number == SALT:
            assert len(body) == 32
        elif profile == STAFF:
            assert set(inside) <= OF_STAFF
        elif profile == PROVINCE:
            assert set(inside) <= OF_PROVINCE
            assert {one for one, _ in fields(inside[1])} <= OF_STAFF
            told |= {inside[2].decode()} if 2 in inside else set()
        elif profile % 10 == CLINIC:
            own = profile // 10 + 3
            assert {1, 2} <= set(inside) <= {1, 2, own}
            if own in inside:
                assert {one for one, _ in fields(inside[own])} <= OF_ENTRY[own]
                told.add(inside[own].hex())
        else:
            assert inside == {}
    return told


def check_claims(payload: bytes, profile: int) -> None:
    """Fail if a receipt claims more than its profile discloses, or holds a handle."""
    claims = json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    assert set(claims) <= CLAIMS_OF_ALL | CLAIMS.get(profile, set()), claims


def test_every_call_is_in_the_table() -> None:
    assert {*WITH_TERMS, *WITH_PURPOSE, *WITH_NOTHING} == {name for name, row in METHODS.items() if row.identity}
    assert set(MAY) == set(NAMES)
    assert len(CASES) == 6 * 7 * 3 * 7 + 3 * 7 + 4


async def test_nobody_is_told_more_than_she_was_granted(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        seen = dict[str, int]()
        told_to = dict[tuple[str, int, bool], set[str]]()

        def all_of(caller: str) -> None:
            ports = (gateway.app.grpc_port, gateway.app.status_port)
            channels = [gateway.site.channel(port, caller, grpc.secure_channel) for port in ports]
            for case in CASES:
                method, profile = case[0], case[3]
                channel = channels["StatusService" in method]
                # A certificate with everything about its holder wherever it is about medical care.
                clinical = case[1] == 6
                code = certificate if clinical else green
                reason, answers = ask_at_once(channel, method, question(case, code, receipt=True))
                wanted = expected(caller, case)
                seen[wanted] = seen.get(wanted, 0) + 1
                if wanted:
                    assert (reason, answers) == (wanted, []), (caller, case)
                    continue
                # Hers. What she asked for may be no batch, not there, or one watch too many.
                may_end = {PUBLISH: "BATCH_MALFORMED", SNAPSHOT: "BATCH_UNKNOWN_LIST", WATCH: "WATCH_TOO_MANY"}
                assert reason in ("", may_end.get(method)), (caller, case)
                for answer in answers if method in WITH_TERMS else ():
                    assert not any(canary.encode() in answer for canary in CANARIES), (caller, case)
                    for verdict in verdicts(method, answer):
                        told = check_fields(verdict, profile)
                        receipts = {RECEIPT, PROOF} & {number for number, _ in fields(verdict)}
                        seen["receipts"] = seen.get("receipts", 0) + len(receipts)
                        told_to.setdefault((caller, profile, clinical), set()).update(told)
                        seen["verdicts"] = seen.get("verdicts", 0) + 1
            for channel in channels:
                channel.close()

        green, certificate = gateway.site.site.code("green"), gateway.site.certificate()
        for caller in NAMES:
            await asyncio.to_thread(all_of, caller)
        # One handle for each person, and each item where it was granted; nowhere else anything of the holder.
        assert {key: len(told) for key, told in told_to.items() if told} == {
            ("province", PROVINCE, False): 1,
            ("province", PROVINCE, True): 1,
            ("fever", TEST, True): 1,
            ("fever", RECOVERY, True): 1,
        }
        handles = told_to["province", PROVINCE, False] | told_to["province", PROVINCE, True]
        assert {len(handle) for handle in handles} == {22}
        assert len(handles) == 2
        numbers = gateway.numbers()
        kept = gateway.log.getvalue() + numbers
        assert not any(told in kept for told in (*CANARIES, *handles))
        assert 'hcgw_clinical_items_total{basis="SEPARATE_CONSENT",item="RECOVERY",state="SHOWN"} 1.0' in numbers
        watched = seen.pop("verdicts") - seen.pop("receipts")
        assert 0 < watched < 50, "every verdict but those of a watch has its receipt"
        assert sum(seen.values()) == len(NAMES) * len(CASES)
        assert set(seen) == {
            *("", "NO_IDENTITY", "CALL_NOT_ALLOWED", "PURPOSE_NOT_ALLOWED", "DIVISION_NOT_ALLOWED"),
            *("PROFILE_NOT_ALLOWED", "ITEM_NOT_ALLOWED"),
        }


async def end_of(stream: Any, each: bytes = b"") -> str:
    """Read a stream to its end, sending `each` before each answer; return why it was ended."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _to_the_end(stream, each)
    return str(told(caught.value)[0].reason)


async def _to_the_end(stream: Any, each: bytes) -> None:
    for _ in range(1_000):
        if each:
            await stream.write(each)
        assert await stream.read() is not grpc.aio.EOF


async def refusal(channel: Any, raw: bytes, method: str = VERIFY) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(method)(raw)
    return caught.value


GREEN_DOOR = (VERIFY, 1, HANGZHOU, GATE)


async def test_what_is_not_hers_is_told_in_one_text_before_anything_is_read(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        port = gateway.app.grpc_port
        async with gateway.site.channel(port, "venue") as venue, gateway.site.channel(port, "rail") as rail:
            texts = set()
            for channel, raw, reason in (
                (venue, question(GREEN_DOOR, b"x"), "CALL_NOT_ALLOWED"),
                (venue, b"\xff\xff", "CALL_NOT_ALLOWED"),
                (venue, b"", "CALL_NOT_ALLOWED"),
                (rail, question((VERIFY, 7, BEIJING, STAFF), b""), "PURPOSE_NOT_ALLOWED"),
                (rail, question((VERIFY, 1, BEIJING, STAFF), b""), "DIVISION_NOT_ALLOWED"),
                (rail, question((VERIFY, 1, "999999", STAFF), b""), "DIVISION_NOT_ALLOWED"),
                (rail, question((VERIFY, 1, HANGZHOU, STAFF), b""), "PROFILE_NOT_ALLOWED"),
            ):
                error = await refusal(channel, raw)
                assert (error.code(), told(error)[0].reason) == (grpc.StatusCode.PERMISSION_DENIED, reason)
                texts.add(error.details())
            assert len(texts) == 1
            error = await refusal(rail, question((VERIFY, 1, HANGZHOU, GATE), b""))
            assert told(error)[0].reason == "INVALID_REQUEST"
        numbers = gateway.numbers()
        for reason, times in (("CALL_NOT_ALLOWED", 3), ("DIVISION_NOT_ALLOWED", 2), ("RATE_LIMITED", 0)):
            assert f'hcgw_callers_refused_total{{reason="{reason}"}} {times}.0' in numbers
        # Who it was stands nowhere.
        assert "spiffe" not in numbers + gateway.log.getvalue()


async def test_a_certificate_counts_under_its_own_domain_and_in_its_time_only(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        site, port = gateway.site, gateway.app.grpc_port
        zj = site.authorities["zj.example"]
        now = gateway.app_now()
        raw = question(GREEN_DOOR, site.site.code())
        for certificate, reason in (
            (zj.issue_caller("x", "spiffe://zj.example/hub/330100/rail/west", now), ""),
            (zj.issue_caller("x", "spiffe://gz.example/hub/330100/rail/west", now), "NO_IDENTITY"),
            (zj.issue_caller("x", "spiffe://nobody.example/hub/330100/rail/west", now), "NO_IDENTITY"),
            (zj.issue_caller("x", "SPIFFE://zj.example/hub/330100/rail/west", now), "CALL_NOT_ALLOWED"),
            (zj.issue_caller("x", "spiffe://zj.example/hub/330100/train/west", now), "CALL_NOT_ALLOWED"),
            (zj.issue_caller("dev-loopback", "", now), "CALL_NOT_ALLOWED"),
            (zj.issue_caller("local", "", now), "CALL_NOT_ALLOWED"),
        ):
            async with site.channel_with(port, certificate) as channel:
                assert (await ask(channel, VERIFY, raw))[0] == reason
                health: Any = health_pb2_grpc.HealthStub(channel)
                assert (await health.Check(health_pb2.HealthCheckRequest())).status == 1
        # Over: TLS itself does not let her in.
        over = zj.issue_caller("x", "spiffe://zj.example/hub/330100/rail/west", now - 86_400, days=0.5)
        async with site.channel_with(port, over) as channel:
            assert (await refusal(channel, raw)).code() is grpc.StatusCode.UNAVAILABLE


async def test_rates_are_of_one_caller_and_a_batch_counts_its_codes(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        site, port = gateway.site, gateway.app.grpc_port
        slow = site.registry.read_text().replace("calls_per_s = 100000\ncodes_per_s = 100000", RATES, 1)
        site.registry.write_text(slow)
        await gateway.app.reload()
        one = question(GREEN_DOOR, site.site.code())
        item = pb.CodeItem(code=b"x")
        terms = pb.VerificationContext(purpose=1, receiving_division=HANGZHOU)  # type: ignore[arg-type]
        full = pb.VerifyCodesRequest(context=terms, items=[item] * 512).SerializeToString()
        west = site.authorities["zj.example"].issue_caller(
            "x", "spiffe://zj.example/hub/330100/rail/west", gateway.app_now()
        )
        async with site.channel(port, "rail") as east, site.channel_with(port, west) as other:
            assert await ask(east, BATCH, full) != ("", [])
            assert (await ask(east, BATCH, full))[0] == ""
            # 600 at once: the second batch had 88 left.
            error = await refusal(east, full, BATCH)
            info, details = told(error)
            assert (error.code(), info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
            assert [detail.retry_delay.ToMilliseconds() > 0 for detail in details] == [True]  # type: ignore[attr-defined]
            assert (await ask(east, VERIFY, one))[0] == ""
            assert (await ask(other, BATCH, full))[0] == ""
            while (reason := (await ask(east, VERIFY, one))[0]) == "":
                pass
            assert reason == "RATE_LIMITED"
            # A stream is ended by the code that is too many.
            stream: Any = other.stream_stream(STREAM)()
            assert await end_of(stream, question((STREAM, 1, HANGZHOU, GATE), b"x")) == "RATE_LIMITED"


RATES = "calls_per_s = 1\ncalls_burst = 20\ncodes_per_s = 1\ncodes_burst = 1100"


async def test_a_grant_that_is_taken_away_ends_streams_and_a_broken_registry_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        site = gateway.site
        before = site.registry.read_text()
        item = question((STREAM, 1, HANGZHOU, GATE), b"x")
        async with (
            site.channel(gateway.app.grpc_port, "rail") as rail,
            site.channel(gateway.app.status_port, "relay") as relay,
        ):
            stream: Any = rail.stream_stream(STREAM)()
            follower: Any = relay.unary_stream(CHANGES)(question((CHANGES, 0, "", 0), b""))
            await stream.write(item)
            assert await stream.read()
            assert await follower.read()
            site.registry.write_text(before.replace('profiles = ["GATE"]', 'profiles = ["ALL"]', 1))
            refused = await gateway.app.reload()
            assert (refused.name, refused.part) == ("reload_refused", "callers")  # type: ignore[union-attr]
            assert "caller[0].profiles" in refused.why  # type: ignore[union-attr]
            await stream.write(item)
            assert await stream.read()
            # Rail may verify no streams any more, relays may follow no more.
            site.registry.write_text(
                before.replace(', "VerificationService/StreamVerifications"]', "]", 1).replace(
                    "StatusService/StreamChanges", "StatusService/ListStatusLists"
                )
            )
            assert (await gateway.app.reload()).name == "reload_done"
            await stream.write(item)
            for ended in (stream, follower):
                assert await end_of(ended) == "CALL_NOT_ALLOWED"
        loaded = gateway.events("callers_loaded")
        assert [(one["callers"], one["domains"], one["everyone"]) for one in loaded] == [(8, 3, False)] * 2


async def test_plain_lists_go_by_the_same_identities(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        port = gateway.plain_lists_port()
        for caller, status in (
            ("enrolled", 200),
            ("relay", 403),  # may follow changes, and have no whole list
            ("rail", 403),
            ("plain", 403),
            ("reader forger", 403),
        ):
            context = client_context(gateway.site, caller)
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"https://127.0.0.1:{port}/status-lists", ssl=context) as answer,
            ):
                assert answer.status == status, caller


def client_context(site: CallersSite, caller: str) -> ssl.SSLContext:
    """Return how a caller connects."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=site.servers.certificate.decode())
    chain = site.folder / "client.pem"
    chain.write_bytes(site.callers[caller].certificate + site.callers[caller].key)
    context.load_cert_chain(chain)
    return context


async def shown(port: int, site: CallersSite) -> str:
    """Return the common name of the certificate that the server shows."""
    context = client_context(site, "rail")
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.transport.abort()
    name = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return str(name)


async def test_certificates_rotate_without_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        site, ports = gateway.site, (gateway.app.grpc_port, gateway.app.status_port)
        raw = question(GREEN_DOOR, site.site.code())
        async with site.channel(ports[0], "rail") as rail:
            assert (await ask(rail, VERIFY, raw))[0] == ""
            assert [await shown(port, site) for port in ports] == ["first", "first"]
            site.serve_as("second")
            assert [await shown(port, site) for port in ports] == ["first", "first"]
            # A pair that does not fit changes nothing, and is told.
            good = (site.folder / "server.key.pem").read_bytes()
            (site.folder / "server.key.pem").write_bytes(site.callers["rail"].key)
            refused = await gateway.app.reload()
            assert (refused.name, refused.part) == ("reload_refused", "grpc")  # type: ignore[union-attr]
            assert [await shown(port, site) for port in ports] == ["first", "first"]
            (site.folder / "server.key.pem").write_bytes(good)
            assert (await gateway.app.reload()).name == "reload_done"
            assert [await shown(port, site) for port in ports] == ["second", "second"]
            assert (await ask(rail, VERIFY, raw))[0] == ""  # over the connection that was open


async def test_authorities_rotate_without_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        site, port, now = gateway.site, gateway.app.grpc_port, gateway.app_now()
        raw = question(GREEN_DOOR, site.site.code())
        new = DevAuthority("zj.example again", now)
        theirs = new.issue_caller("x", "spiffe://zj.example/hub/330100/rail/east", now)
        async with site.channel(port, "rail") as rail:
            assert (await ask(rail, VERIFY, raw))[0] == ""
            async with site.channel_with(port, theirs) as channel:
                assert (await refusal(channel, raw)).code() is grpc.StatusCode.UNAVAILABLE
            (site.folder / "zj.example.pem").write_bytes(new.certificate)
            assert (await gateway.app.reload()).name == "reload_done"
            async with site.channel_with(port, theirs) as channel:
                assert (await ask(channel, VERIFY, raw))[0] == ""
            # Who came in under the authority that is gone is nobody, also over the connection that she has.
            assert (await ask(rail, VERIFY, raw))[0] == "NO_IDENTITY"
