"""`python -m tests.bench.callers`: what identity, registry, rates, profile and handle add to a call.

Microseconds of CPU, the median of rounds that take turns. Identity is measured as the edge does it, from the
authentication properties that grpc core hands over, without and with authorities per domain. A profile is what is told
of a decision under it, written into the answer; that of a province is measured with its handle.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509
from healthcode.interop.v1 import verification_service_pb2 as pb

from gateway.callers.meter import Limits, Meters
from gateway.callers.registry import CallerRegistry
from gateway.callers.registry_file import parse_registry
from gateway.callers.rights import Rights, authorise, everyone_may, up_to
from gateway.callers.roots import DomainRoots
from gateway.clinical import (
    Assay,
    AssayResult,
    ClinicalItem,
    ClinicalQuestion,
    LaboratoryTest,
    LawfulBasis,
    SealedEntry,
)
from gateway.errors import Reason
from gateway.handles.current import HandleSettings, open_handles
from gateway.handles.observer import Unobserved
from gateway.instants import now
from gateway.rpc.callers import caller_of
from gateway.rpc.convert import fill_verdict
from gateway.rpc.disclosing import told
from gateway.rpc.methods import VERIFICATION, known_calls
from gateway.values import (
    Assurance,
    CodeMarks,
    CodeState,
    Decision,
    DivisionCode,
    Format,
    Instant,
    IssuerId,
    Measure,
    Profile,
)
from gateway.watch.disclosures import DisclosureCounts
from keys.dev_certificates import DevAuthority
from keys.epoch_keys import EpochFolder

BUILD: Final = Path(__file__).parents[2] / "build"
NAME: Final = "spiffe://zj.example/hub/330100/rail/east"
METHOD: Final = f"/{VERIFICATION}/VerifyCode"
WEEK_S: Final = 7 * 86_400
BOUNDLESS: Final = 10**12
ROW: Final = """
[[caller]]
domain = "zj.example"
kind = "hub"
division = "{division}"
class = "rail"
calls = ["VerificationService/VerifyCode", "VerificationService/VerifyCodes"]
purposes = ["TRANSPORT_ARRIVAL"]
divisions = ["330000"]
profiles = ["GATE"]
calls_per_s = 1000000
codes_per_s = 1000000
"""

Work = Callable[[], None]


def works() -> dict[str, Work]:
    """Return what is measured, by name."""
    authority = DevAuthority("zj.example", now())
    chain = authority.issue_caller("east", NAME, now()).certificate
    roots = DomainRoots({"zj.example": [x509.load_pem_x509_certificate(authority.certificate)]})
    auth = {
        "transport_security_type": [b"ssl"],
        "peer_uri": [NAME.encode()],
        "x509_pem_cert": [chain],
        "x509_pem_cert_chain": [chain],
    }
    rows = "".join(ROW.format(division=f"{place}00") for place in range(3301, 3400))
    grants = parse_registry('version = "1"\n' + rows, known_calls())
    registry = CallerRegistry(grants, Meters(), most=up_to(Profile.STAFF)).rights_of
    everyone = everyone_may(Rights(up_to(Profile.STAFF)))
    caller = caller_of(auth, "", roots=roots, at=now())
    assert registry(caller).calls
    meter = Meters().meter(NAME, Limits(BOUNDLESS, BOUNDLESS, BOUNDLESS, BOUNDLESS))

    def identity_by_name() -> None:
        caller_of(auth, "")

    def identity_by_roots() -> None:
        caller_of(auth, "", roots=roots, at=now())

    def first_sight() -> None:
        roots._seen.clear()
        caller_of(auth, "", roots=roots, at=now())

    def judged(rights_of: Callable[..., Rights]) -> Work:
        def looked_up() -> None:  # as the edge and then the handler do
            rights_of(caller).allow_call(METHOD)
            authorise(rights_of(caller), 2, 1, "330100")

        return looked_up

    decision = _decision()
    with TemporaryDirectory() as folder:
        handles = open_handles(EpochFolder(Path(folder) / "keys"), HandleSettings(WEEK_S), Unobserved(), now())
    question = ClinicalQuestion(ClinicalItem.LATEST_TEST, LawfulBasis.MEDICAL_TREATMENT)
    counts = DisclosureCounts()

    def disclosed(profile: Profile, asked: ClinicalQuestion | None = None) -> Work:
        def told_and_written() -> None:
            said = told(decision, profile, caller, handles, counts, at=decision.decided_time, question=asked)
            fill_verdict(pb.Verdict(), said, "")

        return told_and_written

    def named() -> None:
        if decision.marks is not None:
            handles.handle_for(caller, decision.marks, decision.decided_time)

    def counted() -> None:
        meter.take_call()
        meter.take_codes(1)

    def counted_batch() -> None:
        meter.take_call()
        meter.take_codes(64)

    return {
        "identity, authorities not told apart": identity_by_name,
        "identity, authorities per domain": identity_by_roots,
        "identity, a certificate's first sight": first_sight,
        "rights, everyone may": judged(everyone),
        "rights, registry of 99 rows": judged(registry),
        "profile, GATE": disclosed(Profile.GATE),
        "profile, STAFF": disclosed(Profile.STAFF),
        "profile, PROVINCE with its handle": disclosed(Profile.PROVINCE),
        "profile, CLINIC": disclosed(Profile.CLINIC, question),
        "handle, alone": named,
        "rate, a call and its code": counted,
        "rate, a batch of 64": counted_batch,
    }


def _decision() -> Decision:
    """Return a decision on a green code, with everything that any profile could tell of it."""
    at = now()
    return Decision(
        Measure.PASS,
        (Reason.STATE_GREEN, Reason.NOT_PUBLISHED),
        at,
        None,
        Format.NATIVE,
        CodeState.GREEN,
        IssuerId("https://code.guizhou.example"),
        DivisionCode("520000"),
        Assurance.SCANNED_SIGNED,
        Instant(at - 90),
        90.0,
        Instant(at + 3_600),
        "330000-1",
        marks=CodeMarks(IssuerId("https://code.guizhou.example"), b"subject\0" + bytes(24)),
        clinical=SealedEntry(LaboratoryTest("2021-06-20", at, Assay.NUCLEIC_ACID, AssayResult.NOT_DETECTED)),
    )


def measured(work: Work, seconds: float) -> float:
    """Return the microseconds of CPU of one."""
    done, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in range(20):
            work()
        done += 20
    return spent / done * 1e6


def figures_of(rounds: int, seconds: float) -> dict[str, float]:
    """Return the microseconds of each, the median of rounds that take turns."""
    found = works()
    taken = [{name: measured(work, seconds) for name, work in found.items()} for _ in range(rounds)]
    return {name: round(median(one[name] for one in taken), 2) for name in found}


def main() -> None:
    """Measure, print, and write build/bench-callers.json."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.callers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each, in each round")
    chosen = parser.parse_args()
    figures = figures_of(chosen.rounds, chosen.seconds)
    for name, microseconds in figures.items():
        print(f"{name:40} {microseconds:8.2f} us")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench-callers.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
