"""Who may ask what, over its full product: each caller x RPC x purpose x division x profile, with real certificates.

CLINIC counts once for each item. What is expected is written down here once more, as a table of its own; what is told
is read off the wire field by field, not with the code that wrote it, the claims of receipts included.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.clinical import LaboratoryTest, SealedEntry
from gateway.disclosure import ClinicDisclosure
from gateway.rpc.methods import METHODS
from keys.dev_certificates import DevAuthority
from tests.integration.callers_site import CANARIES, NAMES, CallersSite, running
from tests.integration.callers_table import (
    BATCH,
    BEIJING,
    CASES,
    CHANGES,
    GATE,
    HANGZHOU,
    MAY,
    PROOF,
    PROVINCE,
    PUBLISH,
    RECEIPT,
    RECOVERY,
    SNAPSHOT,
    STAFF,
    STREAM,
    TEST,
    VERIFY,
    WATCH,
    WITH_NOTHING,
    WITH_PURPOSE,
    WITH_TERMS,
    ask,
    ask_at_once,
    check_fields,
    expected,
    fields,
    question,
    verdicts,
)
from tests.integration.grpc_edge import told


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


async def test_a_clinical_item_is_gone_with_its_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.site.channel(gateway.app.grpc_port, "fever") as fever:
        raw = question((VERIFY, 6, HANGZHOU, TEST), gateway.site.certificate(), receipt=True)
        before = items()  # of other tests in this process; held, so that no id is given twice
        for _ in range(20):
            reason, (answer,) = await ask(fever, VERIFY, raw)
            assert reason == ""
            assert [check_fields(verdict, TEST) for verdict in verdicts(VERIFY, answer)] != [set()]
        control = LaboratoryTest("2021-06-20")
        known = {id(one) for one in before}
        kept = [one for one in items() if id(one) not in known]
        assert kept == [control], "the one that is held, which shows that any other would be seen"


def items() -> list[object]:
    """Return everything clinical that is anywhere in this process."""
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, (SealedEntry, LaboratoryTest, ClinicDisclosure))]


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
