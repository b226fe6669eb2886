"""Look-ups against provinces that tell too much, in every way that they can, and the search of all that came out.

- Every answer of a simulated province holds its holder's name, ID number, phone and address: as members, in error
  texts, in headers and metadata, in garbage, in words that stand for a colour.
- Each batch is looked up while one province after the other has one fault after the other, at a share that keeps its
  breaker closed, so that the province is really asked.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from healthcode.interop.v1 import reason_pb2, verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from tests.integration.gateway_process import Edges, stub_of
from tests.simulators.process import HeldCode, Simulators

from .needles import marks_in

PROVINCES = ("zhejiang", "guangdong", "hainan", "jiangsu", "fujian", "shanghai", "beijing", "national")
"""Each dialect, and the words of their own that Shanghai and Beijing have."""

FAULTS = (
    "none", "garbage", "server_error", "overload", "wrong_signature", "other_person", "expired_as_success", "reset",
)  # fmt: skip
SHARE = 0.2
"""Of the questions that a fault strikes: never as many in a row as open a breaker."""

BUDGET = {"breaker_failures": 100, "in_flight": 64, "deadline_s": 10, "fresh_for_s": 600}
BATCH = 256


@dataclass
class Heard:
    """What the look-ups brought."""

    look_ups: int = 0
    searched: int = 0
    """Bytes."""
    verdicts: Counter[str] = field(default_factory=Counter)
    leaks: list[bytes] = field(default_factory=list)

    def search(self, said: bytes) -> None:
        """Search what somebody was told."""
        self.searched += len(said)
        self.leaks += marks_in(said)


def codes_of_all(world: Simulators, many: int) -> Iterator[HeldCode]:
    """Yield `many` codes of all provinces in turn, no code twice."""
    each = -(-many // len(PROVINCES))
    held = [iter(world.codes(name, 0, each)) for name in PROVINCES]
    turns = itertools.cycle(range(len(PROVINCES)))
    for _ in range(many):
        yield next(held[next(turns)])


def look_up_all(edges: Edges, world: Simulators, many: int, heard: Heard) -> None:
    """Look up `many` codes in batches, each under the next fault of the next province; search each answer."""
    codes = codes_of_all(world, many)
    # One fault after the other, and with each turn of them the next province.
    faults = (
        (kind, PROVINCES[(turn + place) % len(PROVINCES)])
        for turn in itertools.count()
        for place, kind in enumerate(FAULTS)
    )
    terms = pb.VerificationContext(
        purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL,
        receiving_division="330000",
        disclosure_profile=verdict_pb2.DISCLOSURE_PROFILE_STAFF,
    )
    with grpc.insecure_channel(edges.grpc) as channel:
        stub: Any = stub_of(channel)
        while batch := list(itertools.islice(codes, BATCH)):
            kind, province = next(faults)
            world.fault(province, kind, share=SHARE)
            items = [pb.CodeItem(code=code.text) for code in batch]
            try:
                answer, call = stub.VerifyCodes.with_call(pb.VerifyCodesRequest(context=terms, items=items), timeout=60)
                heard.search(answer.SerializeToString() + repr(call.trailing_metadata()).encode())
                for verdict in answer.verdicts:
                    heard.verdicts[reason_pb2.Reason.Name(verdict.core.reasons[0])] += 1
            except grpc.RpcError as failed:
                told: Any = failed
                heard.search(repr((told.details(), told.debug_error_string(), told.trailing_metadata())).encode())
                heard.verdicts[told.code().name] += len(batch)
            world.fault(province, "none")
            heard.look_ups += len(batch)


def files_below(*folders: Path, but: Path) -> bytes:
    """Return the content of all files below `folders`, those below `but` left out, with their names."""
    files = (file for folder in folders for file in sorted(folder.rglob("*")))
    return b"\n".join(
        str(file).encode() + b"\n" + file.read_bytes() for file in files if file.is_file() and but not in file.parents
    )
