"""A caller of everything: each RPC is asked about a crowd, soundly and wrongly, and what is answered is searched."""

from __future__ import annotations

import http.client
import itertools
import socket
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import grpc
from healthcode.interop.v1 import conversion_service_pb2 as conversion_pb
from healthcode.interop.v1 import journey_service_pb2 as journey_pb
from healthcode.interop.v1 import place_service_pb2 as place_pb
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import status_service_pb2 as status_pb
from healthcode.interop.v1 import verification_service_pb2 as pb
from healthcode.interop.v1.conversion_service_pb2_grpc import ConversionServiceStub
from healthcode.interop.v1.journey_service_pb2_grpc import JourneyServiceStub
from healthcode.interop.v1.place_service_pb2_grpc import PlaceServiceStub
from healthcode.interop.v1.status_service_pb2_grpc import StatusServiceStub

from gateway.changes import SignedBatch
from gateway.formats import base45
from gateway.rpc.status_convert import signed_message
from gateway.status import words
from tests.integration.gateway_process import GUIZHOU, PATIENCE_S, Gateway, stub_of
from tests.integration.status_site import now
from tests.simulators.process import Simulators
from tests.simulators.provinces.people import person
from tests.simulators.status_issuer import StatusIssuer, group

from .crowd import Crowd
from .upstream import FAULTS, PROVINCES, SHARE

if TYPE_CHECKING:
    from .drill import Drill

BATCH: Final = 256
HALF: Final = BATCH // 2
CONNECTIONS: Final = 7
SINGLY: Final = 8
"""Of each batch: asked one by one, and watched."""
CONVERTED_EVERY: Final = 4
WRONGLY_EVERY: Final = 8
"""Batches between two rounds of what is dear or the same each time."""
TIMEOUT_S: Final = 120

_GATE: Final = verdict_pb2.DISCLOSURE_PROFILE_GATE
PROFILES: Final = (
    _GATE,
    verdict_pb2.DISCLOSURE_PROFILE_STAFF,
    verdict_pb2.DISCLOSURE_PROFILE_PROVINCE,
    verdict_pb2.DISCLOSURE_PROFILE_CLINIC,
)


@dataclass
class Asking:
    """A caller of everything."""

    gateway: Gateway
    world: Simulators
    crowd: Crowd
    drill: Drill
    channels: list[Any]
    keeper: Any

    def __post_init__(self) -> None:
        make_status: Any = StatusServiceStub
        self.status = make_status(self.keeper)
        self.today = time.strftime("%Y-%m-%d", time.gmtime())
        self.connect(0)

    def connect(self, number: int) -> None:
        """Ask over another connection from now on."""
        self.channel = self.channels[number % len(self.channels)]
        make: Any = (stub_of, ConversionServiceStub, JourneyServiceStub, PlaceServiceStub)
        self.verification, self.conversion, self.journeys, self.places = (one(self.channel) for one in make)

    def all(self, people: int) -> None:
        """Ask about so many people, in batches, each under the next fault of the next province."""
        opaque = self._opaque()
        faults = (
            (kind, PROVINCES[(turn + place) % len(PROVINCES)])
            for turn in itertools.count()
            for place, kind in enumerate(FAULTS)
        )
        for number in range(-(-people // BATCH)):
            first = number * HALF
            many = min(HALF, -(-(people - self.drill.people) // 2))
            self.connect(number)
            self.crowd = replace(self.crowd, at=time.time())
            codes = [self.crowd.code(each) for each in range(first, first + many)]
            codes += itertools.islice(opaque, many)
            kind, province = next(faults)
            self.world.fault(province, kind, share=SHARE)
            (self.stream if number % 4 == 1 else self.batch)(codes)
            self.singly(codes[number % SINGLY :: max(1, len(codes) // SINGLY)])
            if number % CONVERTED_EVERY == 0:
                self.convert(codes[::8])
            if number % WRONGLY_EVERY == 0:
                self.watch(codes[:: len(codes) // SINGLY])
                self.wrongly(first)
            self.look_ups(first)
            self.world.fault(province, "none")
            self.drill.people += len(codes)

    def _opaque(self) -> Iterator[bytes]:
        for start in itertools.count(0, BATCH):
            held = [self.world.codes(name, start, BATCH) for name in PROVINCES]
            for row in zip(*held, strict=True):
                yield from (code.text for code in row)

    def batch(self, codes: list[bytes]) -> None:
        """VerifyCodes, with receipts, as staff."""
        items = [pb.CodeItem(code=code, request_id=f"b-{place}") for place, code in enumerate(codes)]
        terms = context(verdict_pb2.DISCLOSURE_PROFILE_STAFF)
        request = pb.VerifyCodesRequest(context=terms, items=items, receipts_requested=True)
        answer = self._call("VerifyCodes", self.verification.VerifyCodes, request)
        if answer is not None:
            self._hear_verdicts(answer.verdicts)
            self.drill.findings.hear("receipts", answer.receipt_root.encode())

    def stream(self, codes: list[bytes]) -> None:
        """StreamVerifications, with receipts, at a gate."""
        terms = context(verdict_pb2.DISCLOSURE_PROFILE_GATE)
        requests = (
            pb.StreamVerificationsRequest(context=terms, item=pb.CodeItem(code=code), receipt_requested=True)
            for code in codes
        )
        try:
            for answer in self.verification.StreamVerifications(requests, timeout=TIMEOUT_S):
                if answer.HasField("verdict"):
                    self._hear_verdicts([answer.verdict])
                self.drill.findings.hear("receipts", answer.receipts.SerializeToString())
            self.drill.calls["StreamVerifications OK"] += 1
        except grpc.RpcError as failed:
            self._hear_error("StreamVerifications", failed)

    def singly(self, codes: list[bytes]) -> None:
        """VerifyCode, with receipts, at each profile in turn."""
        for place, code in enumerate(codes):
            terms = context(PROFILES[place % len(PROFILES)])
            request = pb.VerifyCodeRequest(context=terms, code=code, receipt_requested=True)
            answer = self._call("VerifyCode", self.verification.VerifyCode, request)
            if answer is not None:
                self._hear_verdicts([answer.verdict])

    def convert(self, codes: list[bytes]) -> None:
        """ConvertCode, many at once: each waits until other processes know the new code."""
        asked = [
            self.conversion.ConvertCode.future(
                conversion_pb.ConvertCodeRequest(context=context(), code=code, receipt_requested=True),
                timeout=TIMEOUT_S,
            )
            for code in codes
        ]
        for one in asked:
            if (answer := self._ended("ConvertCode", one.result)) is None:
                continue
            self._hear_verdicts([answer.verdict])
            if made := answer.converted.jws:
                head, payload, _ = (base64url(part) for part in made.split("."))
                self.drill.findings.hear("converted codes", head + payload + made.encode())
                qr = answer.converted.qr.encode()
                self.drill.findings.hear("converted codes", base45.decode(qr.removeprefix(b"HCI1:")) + qr)

    def watch(self, codes: list[bytes]) -> None:
        """WatchCodes, until each code was told once."""
        watched = [status_pb.WatchedCode(handle=f"h{place}", code=code) for place, code in enumerate(codes)]
        call = self.status.WatchCodes(
            iter([status_pb.WatchCodesRequest(context=context(), codes=watched)]), timeout=TIMEOUT_S
        )
        told = 0
        try:
            for event in call:
                self.drill.findings.hear("watches", event.SerializeToString())
                told += event.HasField("code")
                if told == len(watched):
                    break
            self.drill.calls["WatchCodes OK"] += 1
        except grpc.RpcError as failed:
            self._hear_error("WatchCodes", failed)
        finally:
            call.cancel()

    def look_ups(self, number: int) -> None:
        """AssessDisplayedCode, CheckJourney, AssessPlace, ListAffectedCommunities: her data where text is free."""
        who, purpose = person(number), verdict_pb2.PURPOSE_SELF_CHECK
        seen = pb.AssessDisplayedCodeRequest(
            context=context(), issuing_division="520000", displayed="green", receipt_requested=True
        )
        answer = self._call("AssessDisplayedCode", self.verification.AssessDisplayedCode, seen)
        if answer is not None:
            self._hear_verdicts([answer.verdict])
        for name, ask, request in (
            (
                "CheckJourney",
                self.journeys.CheckJourney,
                journey_pb.CheckJourneyRequest(
                    purpose=purpose,
                    travel_date=self.today,
                    mode=journey_pb.TRANSPORT_MODE_TRAIN,
                    number=("G1234", who.phone, who.id_number)[number // HALF % 3],
                ),
            ),
            (
                "AssessPlace",
                self.places.AssessPlace,
                place_pb.AssessPlaceRequest(purpose=purpose, division="520102", community=who.address, day=self.today),
            ),
            (
                "ListAffectedCommunities",
                self.places.ListAffectedCommunities,
                place_pb.ListAffectedCommunitiesRequest(purpose=purpose, division="520000", day=self.today),
            ),
        ):
            answer = self._call(name, ask, request)
            if answer is not None:
                self.drill.findings.hear("look-ups of journeys and places", answer.SerializeToString())

    def open_list(self, issuer: StatusIssuer) -> None:
        """Publish a list soundly, and a red and a green in it; then read it back as followers do."""
        for batch in (issuer.open(now()), issuer.change({words.RED: [5], words.GREEN: [7]}, now())):
            self.publish(batch)
        name = status_pb.StatusListName(issuer=issuer.name.issuer, uri=issuer.name.uri)
        lists = self._call("ListStatusLists", self.status.ListStatusLists, status_pb.ListStatusListsRequest())
        for part in self.status.StreamSnapshot(status_pb.StreamSnapshotRequest(list=name), timeout=TIMEOUT_S):
            self.drill.findings.hear("lists as followers read them", part.SerializeToString())
        self.drill.findings.hear("lists as followers read them", lists.SerializeToString())
        follow = self.status.StreamChanges(
            status_pb.StreamChangesRequest(positions=[status_pb.ListPosition(list=name)]), timeout=TIMEOUT_S
        )
        for event in follow:
            self.drill.findings.hear("lists as followers read them", event.SerializeToString())
            if event.HasField("caught_up"):
                break
        follow.cancel()

    def publish(self, batch: SignedBatch) -> None:
        """PublishChanges."""
        request = status_pb.PublishChangesRequest(signed_batch=signed_message(batch))
        self._call("PublishChanges", self.status.PublishChanges, request)

    def wrongly(self, number: int) -> None:
        """Ask wrongly, with her data wherever a text can stand: requests, metadata, paths, batches, bare bytes."""
        who = person(number)
        for text in (who.name, who.id_number, who.phone, who.address):
            for change in ("division", "checkpoint", "request", "purpose", "metadata"):
                request = pb.VerifyCodeRequest(context=context(), code=text.encode())
                metadata: list[tuple[str, str | bytes]] = []
                match change:
                    case "division":
                        request.context.receiving_division = text
                    case "checkpoint":
                        request.context.checkpoint = text + "!"
                    case "request":
                        request.request_id = text + "!"
                    case "purpose":
                        request.context.ClearField("purpose")
                    case _:
                        metadata = [("x-person", quote(text)), ("x-person-bin", text.encode())]
                answer = self._call("VerifyCode", self.verification.VerifyCode, request, metadata=metadata)
                if answer is not None:
                    self._hear_verdicts([answer.verdict])
            for path in (f"/{quote(text)}/{quote(text)}", "/healthcode.interop.v1.VerificationService/VerifyCode"):
                self._call("no such call or message", self.channel.unary_unary(path), b"\xff" + text.encode())
            self._publish_wrongly(text)
            self._watch_wrongly(text)
            self._bare(text)

    def _publish_wrongly(self, text: str) -> None:
        uri = f"https://status.example/{quote(text)}"
        for issuer, where in ((text, uri), (GUIZHOU, uri)):
            made = StatusIssuer.make(issuer, where, ())
            self.publish(made.open(now(), keys=()))
            self.publish(made.change([group(words.RED, [1], authority=text)], now(), keys=()))
        batch = status_pb.SignedBatch(batch=text.encode())
        batch.signatures.add(key_id=text[:64], signature=text.encode())
        request = status_pb.PublishChangesRequest(signed_batch=batch)
        self._call("PublishChanges", self.status.PublishChanges, request)
        lists = status_pb.ListStatusListsRequest(issuer=text)
        answer = self._call("ListStatusLists", self.status.ListStatusLists, lists)
        if answer is not None:
            self.drill.findings.hear("lists as followers read them", answer.SerializeToString())

    def _watch_wrongly(self, text: str) -> None:
        for first in (
            status_pb.WatchCodesRequest(context=context(), watch_id=text),
            status_pb.WatchCodesRequest(
                context=context(), codes=[status_pb.WatchedCode(handle=text + "!", code=text.encode())]
            ),
        ):
            try:
                for event in self.status.WatchCodes(iter([first]), timeout=TIMEOUT_S):
                    self.drill.findings.hear("watches", event.SerializeToString())
            except grpc.RpcError as failed:
                self._hear_error("WatchCodes", failed)

    def _bare(self, text: str) -> None:
        raw = text.encode()
        for address in (self.gateway.grpc, self.gateway.http):
            host, _, port = address.rpartition(":")
            for sent in (
                b"GET /" + raw + b" HTTP/1.1\r\nHost: " + raw + b"\r\nX-Person: " + raw + b"\r\n\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + raw * 10,
            ):
                with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
                    connection.sendall(sent)
                    connection.shutdown(socket.SHUT_WR)
                    heard = b""
                    try:
                        while more := connection.recv(65_536):
                            heard += more
                    except ConnectionResetError:
                        pass
                self.drill.findings.hear("errors, in status and details", heard, codes=True)
        # Not by urllib: it keeps the addresses that it took apart, and this process may be searched for them later.
        asking = http.client.HTTPConnection(self.gateway.http, timeout=PATIENCE_S)
        try:
            asking.request("GET", f"/{quote(text)}?who={quote(text)}", headers={"X-Person": quote(text)})
            with asking.getresponse() as answer:
                heard = answer.read() + repr(answer.headers.items()).encode()
            self.drill.findings.hear("HTTP pages", heard, codes=True)
        finally:
            asking.close()

    def _call(self, name: str, ask: Any, request: Any, **options: Any) -> Any:
        return self._ended(name, lambda: ask(request, timeout=TIMEOUT_S, **options))

    def _ended(self, name: str, get: Any) -> Any:
        try:
            answer = get()
        except grpc.RpcError as failed:
            self._hear_error(name, failed)
            return None
        self.drill.calls[f"{name} OK"] += 1
        return answer

    def _hear_error(self, name: str, failed: Any) -> None:
        self.drill.calls[f"{name} {failed.code().name}"] += 1
        metadata = [*(failed.trailing_metadata() or ()), *(failed.initial_metadata() or ())]
        values = [value if isinstance(value, bytes) else value.encode() for pair in metadata for value in pair]
        told = [str(failed.details()).encode(), str(failed.debug_error_string()).encode(), *values]
        self.drill.findings.hear("errors, in status and details", b"\n".join(told), codes=True)

    def _hear_verdicts(self, verdicts: Any) -> None:
        """Search receipts and the rest of each answer apart."""
        for verdict in verdicts:
            self.drill.verdicts[reason_pb2.Reason.Name(verdict.core.reasons[0])] += 1
            payload = base64url(verdict.receipt.split(".")[1]) if verdict.receipt else b""
            proof = verdict.receipt_proof.SerializeToString() + verdict.receipt_salt
            self.drill.findings.hear("receipts", verdict.receipt.encode() + payload + proof)
            for name in ("receipt", "receipt_proof", "receipt_salt"):
                verdict.ClearField(name)
            shown = verdict.WhichOneof("disclosure")
            self.drill.findings.hear(f"answers at {shown.upper()}", verdict.SerializeToString(), codes=True)


def context(profile: Any = _GATE) -> pb.VerificationContext:
    """Return what a station asks for."""
    found = pb.VerificationContext(
        purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
        receiving_division="330000",
        checkpoint="gate-7",
        disclosure_profile=profile,
    )
    if profile == verdict_pb2.DISCLOSURE_PROFILE_CLINIC:
        found.purpose = verdict_pb2.PURPOSE_MEDICAL_CARE
        found.clinical_item = verdict_pb2.CLINICAL_ITEM_LATEST_VACCINATION
        found.lawful_basis = verdict_pb2.LAWFUL_BASIS_MEDICAL_TREATMENT
    return found


def base64url(text: str) -> bytes:
    """Return what a segment of a token says."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
