"""The schemas: generated code is what they generate, lint is clean, nothing breaks, tables are those of the process."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from healthcode.interop.v1 import reason_pb2, verdict_pb2, verification_service_pb2

from gateway.clinical import Assay, AssayResult, ClinicalItem, EntryState, LawfulBasis, ProductSystem
from gateway.errors import REASONS, Effect, Reason
from gateway.values import Assurance, CodeState, Format, Measure, Profile, Purpose
from scripts import gen

BUF = str(Path(sys.executable).parent / "buf")


def buf(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUF, *args], cwd=gen.ROOT.parent, capture_output=True, text=True, timeout=60, check=False)


def test_generated_code_is_what_the_schemas_generate() -> None:
    assert gen.stale() == []


def test_a_changed_or_extra_generated_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "protos"
    shutil.copytree(gen.ROOT, copy)
    monkeypatch.setattr(gen, "ROOT", copy)
    (copy / "healthcode/interop/v1/reason_pb2.py").write_text("# edited by hand\n")
    (copy / "healthcode/interop/v1/gone_pb2.pyi").write_text("")
    assert gen.stale() == ["healthcode/interop/v1/gone_pb2.pyi", "healthcode/interop/v1/reason_pb2.py"]
    gen.renew()
    assert gen.stale() == []


def test_lint_and_format_are_clean() -> None:
    lint = buf(*gen.LINT)
    assert (lint.returncode, lint.stdout) == (0, "")
    layout = buf(*gen.FORMAT)
    assert (layout.returncode, layout.stdout) == (0, "")


def test_another_streaming_rpc_would_be_refused(tmp_path: Path) -> None:
    copy = tmp_path / "protos"
    shutil.copytree(gen.ROOT, copy)
    schema = copy / "healthcode/interop/v1/verification_service.proto"
    text = schema.read_text()
    assert "// buf:lint:ignore RPC_NO_SERVER_STREAMING\n" in text
    schema.write_text(text.replace("  // buf:lint:ignore RPC_NO_SERVER_STREAMING\n", ""))
    lint = buf("lint", str(copy))
    assert lint.returncode != 0
    assert "StreamVerifications" in lint.stdout


def test_nothing_breaks_the_clients_of_the_last_release() -> None:
    found = buf(*gen.BREAKING)
    assert (found.returncode, found.stdout) == (0, "")


def test_a_break_would_be_found(tmp_path: Path) -> None:
    copy = tmp_path / "protos"
    shutil.copytree(gen.ROOT, copy)
    schema = copy / "healthcode/interop/v1/verdict.proto"
    text = schema.read_text()
    assert "MEASURE_MANUAL = 4;" in text
    schema.write_text(text.replace("MEASURE_MANUAL = 4;", "MEASURE_MANUAL = 5;"))
    found = buf("breaking", str(copy), "--against", "protos/released.binpb")
    assert found.returncode != 0
    assert "verdict.proto" in found.stdout


def wire_names(enum: EnumDescriptor, prefix: str) -> dict[str, int]:
    assert enum.values[0].name == f"{prefix}_UNSPECIFIED"
    assert enum.values[0].number == 0
    return {value.name.removeprefix(f"{prefix}_"): value.number for value in enum.values if value.number != 0}


@pytest.mark.parametrize(
    ("enum", "prefix", "words"),
    [
        (reason_pb2.DESCRIPTOR.enum_types_by_name["Reason"], "REASON", Reason),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["Measure"], "MEASURE", Measure),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["CodeState"], "CODE_STATE", CodeState),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["Assurance"], "ASSURANCE", Assurance),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["Purpose"], "PURPOSE", Purpose),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["DisclosureProfile"], "DISCLOSURE_PROFILE", Profile),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["ClinicalItem"], "CLINICAL_ITEM", ClinicalItem),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["ClinicalItemState"], "CLINICAL_ITEM_STATE", EntryState),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["LawfulBasis"], "LAWFUL_BASIS", LawfulBasis),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["ProductSystem"], "PRODUCT_SYSTEM", ProductSystem),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["TestKind"], "TEST_KIND", Assay),
        (verdict_pb2.DESCRIPTOR.enum_types_by_name["TestResult"], "TEST_RESULT", AssayResult),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_of_the_wire_are_those_of_the_process(enum: EnumDescriptor, prefix: str, words: type[IntEnum]) -> None:
    assert wire_names(enum, prefix) == {word.name: word.value for word in words}


def test_formats_stand_in_the_order_of_the_process() -> None:
    names = wire_names(verdict_pb2.DESCRIPTOR.enum_types_by_name["CodeFormat"], "CODE_FORMAT")
    assert names == {word.name: position for position, word in enumerate(Format, start=1)}


def test_the_published_sentences_are_those_of_the_process() -> None:
    """The comment above each reason is the contract that a client's developer reads."""
    lines = (gen.ROOT / "healthcode/interop/v1/reason.proto").read_text().splitlines()
    published = {
        line.split("=")[0].strip(): previous.strip().removeprefix("// ")
        for previous, line in itertools.pairwise(lines)
        if line.strip().startswith("REASON_") and "= 0;" not in line
    }
    assert published == {
        f"REASON_{reason.name}": f"{row.sentence} Step: {row.step.value}. Effect: {row.effect.value}."
        for reason, row in REASONS.items()
    }
    assert set(REASONS) == set(Reason)
    assert all(isinstance(row.effect, Effect) for row in REASONS.values())


def rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    extension: Any = validate_pb2.field
    found = field.GetOptions().Extensions[extension]
    assert isinstance(found, validate_pb2.FieldRules)
    return found


def test_rules_on_fields_are_in_the_generated_code() -> None:
    """Guards against a generated module that lost its options: then validation would accept anything."""
    messages = verification_service_pb2.DESCRIPTOR.message_types_by_name
    assert list(rules(messages["VerificationContext"].fields_by_name["purpose"]).enum.not_in) == [0]
    assert rules(messages["VerifyCodesRequest"].fields_by_name["items"]).repeated.max_items == 512
    assert rules(messages["VerifyCodeRequest"].fields_by_name["code"]).bytes.min_len == 1
