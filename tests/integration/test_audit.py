"""The audit log of real gateways: what an answer leaves behind, in one process and in several."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import grpc
import pytest
from healthcode.interop.v1 import conversion_service_pb2 as conversion
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.audit.entries import DecisionEntry, EditionEntry, LogName, Matter, OpenedEntry
from gateway.values import Measure, Profile, Purpose
from tests.integration.audit_site import commitments, digest_in, files_of, of_kind, with_audit, written_in
from tests.integration.gateway_process import Gateway, Site, question, running, stub_of


def ended(gateway: Gateway) -> None:
    """End a gateway as an operator does."""
    gateway.signal(signal.SIGTERM)
    assert gateway.end() == 0


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    with_audit(made)
    return made


@pytest.mark.parametrize("workers", [1, 2])
def test_every_answer_has_its_entry(site: Site, workers: int) -> None:
    """One process keeps the log itself; of several there is a keeper for it, without any live status."""
    with running(site, f"service.workers={workers}") as gateway, grpc.insecure_channel(gateway.grpc) as channel:
        stub = stub_of(channel)
        receipts = []
        for state in ("green", "red", "yellow"):
            verdict = gateway.verify(site.code(state)).verdict
            receipts.append(digest_in(verdict.receipt))
        assert set(receipts) <= set(commitments(site))  # before the gateway ends: they are durable
        context = question(b"x").context
        batch = pb.VerifyCodesRequest(
            context=context, items=[pb.CodeItem(code=site.code()) for _ in range(3)], receipts_requested=True
        )
        stub.VerifyCodes(batch, timeout=20)
        shown = pb.AssessDisplayedCodeRequest(context=context, issuing_division="520000", displayed="green")
        stub.AssessDisplayedCode(shown, timeout=20)
        asked = [pb.StreamVerificationsRequest(context=context, item=pb.CodeItem(code=site.code())) for _ in range(2)]
        answers = list(stub.StreamVerifications(iter(asked), timeout=20))
        assert len(answers) == 2
        channel.unary_unary(
            "/healthcode.interop.v1.ConversionService/ConvertCode",
            request_serializer=conversion.ConvertCodeRequest.SerializeToString,
            response_deserializer=conversion.ConvertCodeResponse.FromString,
        )(conversion.ConvertCodeRequest(context=context, code=site.code()), timeout=20)
        ready = json.loads(gateway.get("/readyz")[1])
        assert ready["ready"] is True
        ended(gateway)
    decisions = of_kind(written_in(site, LogName.DECISIONS), DecisionEntry)
    calls = [one.call for one in decisions]
    assert calls == ["VerifyCode"] * 3 + ["VerifyCodes"] * 3 + ["AssessDisplayedCode"] + ["StreamVerifications"] * 2 + [
        "ConvertCode"
    ]
    assert [one.measure for one in decisions[:2]] == [Measure.PASS, Measure.DENY]
    assert {one.caller for one in decisions} == {"dev-loopback"}
    assert {one.purpose for one in decisions} == {Purpose.TRANSPORT_ARRIVAL}
    assert {one.profile for one in decisions} == {Profile.STAFF}
    assert {one.division for one in decisions} == {"330000"}
    assert all(one.bucket % 600 == 0 and one.trust and one.trust[0].startswith("1:") for one in decisions)
    assert len({one.commitment for one in decisions}) == len(decisions)
    assert decisions[0].rule is not None


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_judged_by_is_written_at_the_start_and_when_a_reload_changes_it(site: Site, workers: int) -> None:
    with running(site, f"service.workers={workers}") as gateway:
        site.write_trust(sequence=2)
        gateway.signal(signal.SIGHUP)
        for _ in range(1 if workers == 1 else workers + 1):
            gateway.wait_for("reload_done")
        gateway.signal(signal.SIGHUP)  # nothing is new: nothing is written
        for _ in range(1 if workers == 1 else workers + 1):
            gateway.wait_for("reload_done")
        ended(gateway)
    changes = written_in(site, LogName.CHANGES)
    assert len(of_kind(changes, OpenedEntry)) == 1
    editions = of_kind(changes, EditionEntry)
    processes = {one.process for one in editions}
    names = {"under-test"} if workers == 1 else {f"under-test.{one}" for one in ("keeper", "worker-0", "worker-1")}
    assert processes == names
    for process in processes:
        its = [one for one in editions if one.process == process]
        assert [one.matter for one in its] == [
            Matter.TRUST,
            Matter.RULES,
            Matter.PROFILES,
            Matter.CALLERS,
            Matter.TRUST,
        ]
        assert [one.before for one in its[:4]] == [None] * 4
        assert its[4].before == its[0].after
        assert its[4].after[0].startswith("2:")


def test_the_files_are_their_owners_alone_and_hold_nothing_of_a_code(site: Site) -> None:
    code = site.code(code_id="canary-4711-0815", subject="canary-person-77")
    with running(site) as gateway:
        request = question(code)
        request.context.checkpoint = "canary-gate-9"
        request.request_id = "canary-question-1"
        with grpc.insecure_channel(gateway.grpc) as channel:
            stub_of(channel).VerifyCode(request, timeout=20)
        ended(gateway)
    found = list(files_of(site))
    assert found
    for file in found:
        data = file.read_bytes()
        for canary in (b"canary", code, code[:40], b"520000"):
            assert canary not in data, file
        assert not stat.S_IMODE(file.stat().st_mode) & 0o077
        assert not stat.S_IMODE(file.parent.stat().st_mode) & 0o077
