import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from healthcode.interop.v1 import reason_pb2 as _reason_pb2
from healthcode.interop.v1 import verdict_pb2 as _verdict_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VerificationContext(_message.Message):
    __slots__ = ("purpose", "receiving_division", "checkpoint", "disclosure_profile", "clinical_item", "lawful_basis")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    RECEIVING_DIVISION_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    DISCLOSURE_PROFILE_FIELD_NUMBER: _ClassVar[int]
    CLINICAL_ITEM_FIELD_NUMBER: _ClassVar[int]
    LAWFUL_BASIS_FIELD_NUMBER: _ClassVar[int]
    purpose: _verdict_pb2.Purpose
    receiving_division: str
    checkpoint: str
    disclosure_profile: _verdict_pb2.DisclosureProfile
    clinical_item: _verdict_pb2.ClinicalItem
    lawful_basis: _verdict_pb2.LawfulBasis
    def __init__(self, purpose: _Optional[_Union[_verdict_pb2.Purpose, str]] = ..., receiving_division: _Optional[str] = ..., checkpoint: _Optional[str] = ..., disclosure_profile: _Optional[_Union[_verdict_pb2.DisclosureProfile, str]] = ..., clinical_item: _Optional[_Union[_verdict_pb2.ClinicalItem, str]] = ..., lawful_basis: _Optional[_Union[_verdict_pb2.LawfulBasis, str]] = ...) -> None: ...

class VerdictCore(_message.Message):
    __slots__ = ("measure", "reasons", "decided_time", "request_id")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    DECIDED_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    measure: _verdict_pb2.Measure
    reasons: _containers.RepeatedScalarFieldContainer[_reason_pb2.Reason]
    decided_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, measure: _Optional[_Union[_verdict_pb2.Measure, str]] = ..., reasons: _Optional[_Iterable[_Union[_reason_pb2.Reason, str]]] = ..., decided_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GateDisclosure(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StaffDisclosure(_message.Message):
    __slots__ = ("state", "issuer", "issuer_division", "format", "assurance", "observed_time", "status_age", "valid_until_time", "reason_class", "issuer_meaning", "origin_division")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    ISSUER_DIVISION_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ASSURANCE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_TIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_AGE_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_CLASS_FIELD_NUMBER: _ClassVar[int]
    ISSUER_MEANING_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_DIVISION_FIELD_NUMBER: _ClassVar[int]
    state: _verdict_pb2.CodeState
    issuer: str
    issuer_division: str
    format: _verdict_pb2.CodeFormat
    assurance: _verdict_pb2.Assurance
    observed_time: _timestamp_pb2.Timestamp
    status_age: _duration_pb2.Duration
    valid_until_time: _timestamp_pb2.Timestamp
    reason_class: _verdict_pb2.ReasonClass
    issuer_meaning: str
    origin_division: str
    def __init__(self, state: _Optional[_Union[_verdict_pb2.CodeState, str]] = ..., issuer: _Optional[str] = ..., issuer_division: _Optional[str] = ..., format: _Optional[_Union[_verdict_pb2.CodeFormat, str]] = ..., assurance: _Optional[_Union[_verdict_pb2.Assurance, str]] = ..., observed_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., valid_until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason_class: _Optional[_Union[_verdict_pb2.ReasonClass, str]] = ..., issuer_meaning: _Optional[str] = ..., origin_division: _Optional[str] = ...) -> None: ...

class ProvinceDisclosure(_message.Message):
    __slots__ = ("staff", "handle", "handle_until_time", "rule_version")
    STAFF_FIELD_NUMBER: _ClassVar[int]
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    HANDLE_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    RULE_VERSION_FIELD_NUMBER: _ClassVar[int]
    staff: StaffDisclosure
    handle: str
    handle_until_time: _timestamp_pb2.Timestamp
    rule_version: str
    def __init__(self, staff: _Optional[_Union[StaffDisclosure, _Mapping]] = ..., handle: _Optional[str] = ..., handle_until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rule_version: _Optional[str] = ...) -> None: ...

class ClinicDisclosure(_message.Message):
    __slots__ = ("item", "state", "vaccination", "test", "recovery")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VACCINATION_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    item: _verdict_pb2.ClinicalItem
    state: _verdict_pb2.ClinicalItemState
    vaccination: Vaccination
    test: LaboratoryTest
    recovery: Recovery
    def __init__(self, item: _Optional[_Union[_verdict_pb2.ClinicalItem, str]] = ..., state: _Optional[_Union[_verdict_pb2.ClinicalItemState, str]] = ..., vaccination: _Optional[_Union[Vaccination, _Mapping]] = ..., test: _Optional[_Union[LaboratoryTest, _Mapping]] = ..., recovery: _Optional[_Union[Recovery, _Mapping]] = ...) -> None: ...

class Vaccination(_message.Message):
    __slots__ = ("date", "product_system", "product", "dose", "doses")
    DATE_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    DOSE_FIELD_NUMBER: _ClassVar[int]
    DOSES_FIELD_NUMBER: _ClassVar[int]
    date: str
    product_system: _verdict_pb2.ProductSystem
    product: str
    dose: int
    doses: int
    def __init__(self, date: _Optional[str] = ..., product_system: _Optional[_Union[_verdict_pb2.ProductSystem, str]] = ..., product: _Optional[str] = ..., dose: _Optional[int] = ..., doses: _Optional[int] = ...) -> None: ...

class LaboratoryTest(_message.Message):
    __slots__ = ("date", "sample_time", "kind", "result")
    DATE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    date: str
    sample_time: _timestamp_pb2.Timestamp
    kind: _verdict_pb2.TestKind
    result: _verdict_pb2.TestResult
    def __init__(self, date: _Optional[str] = ..., sample_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[_verdict_pb2.TestKind, str]] = ..., result: _Optional[_Union[_verdict_pb2.TestResult, str]] = ...) -> None: ...

class Recovery(_message.Message):
    __slots__ = ("first_positive_date", "valid_from_date", "valid_until_date")
    FIRST_POSITIVE_DATE_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_DATE_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_DATE_FIELD_NUMBER: _ClassVar[int]
    first_positive_date: str
    valid_from_date: str
    valid_until_date: str
    def __init__(self, first_positive_date: _Optional[str] = ..., valid_from_date: _Optional[str] = ..., valid_until_date: _Optional[str] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("core", "gate", "staff", "province", "clinic", "receipt", "receipt_salt", "receipt_proof")
    CORE_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    STAFF_FIELD_NUMBER: _ClassVar[int]
    PROVINCE_FIELD_NUMBER: _ClassVar[int]
    CLINIC_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_SALT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_PROOF_FIELD_NUMBER: _ClassVar[int]
    core: VerdictCore
    gate: GateDisclosure
    staff: StaffDisclosure
    province: ProvinceDisclosure
    clinic: ClinicDisclosure
    receipt: str
    receipt_salt: bytes
    receipt_proof: ReceiptProof
    def __init__(self, core: _Optional[_Union[VerdictCore, _Mapping]] = ..., gate: _Optional[_Union[GateDisclosure, _Mapping]] = ..., staff: _Optional[_Union[StaffDisclosure, _Mapping]] = ..., province: _Optional[_Union[ProvinceDisclosure, _Mapping]] = ..., clinic: _Optional[_Union[ClinicDisclosure, _Mapping]] = ..., receipt: _Optional[str] = ..., receipt_salt: _Optional[bytes] = ..., receipt_proof: _Optional[_Union[ReceiptProof, _Mapping]] = ...) -> None: ...

class ReceiptProof(_message.Message):
    __slots__ = ("payload", "index", "path")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    index: int
    path: bytes
    def __init__(self, payload: _Optional[bytes] = ..., index: _Optional[int] = ..., path: _Optional[bytes] = ...) -> None: ...

class ReceiptBundle(_message.Message):
    __slots__ = ("root", "paths")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    root: str
    paths: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, root: _Optional[str] = ..., paths: _Optional[_Iterable[bytes]] = ...) -> None: ...

class VerifyCodeRequest(_message.Message):
    __slots__ = ("context", "code", "request_id", "receipt_requested")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    context: VerificationContext
    code: bytes
    request_id: str
    receipt_requested: bool
    def __init__(self, context: _Optional[_Union[VerificationContext, _Mapping]] = ..., code: _Optional[bytes] = ..., request_id: _Optional[str] = ..., receipt_requested: bool = ...) -> None: ...

class VerifyCodeResponse(_message.Message):
    __slots__ = ("verdict",)
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    def __init__(self, verdict: _Optional[_Union[Verdict, _Mapping]] = ...) -> None: ...

class CodeItem(_message.Message):
    __slots__ = ("code", "request_id")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    code: bytes
    request_id: str
    def __init__(self, code: _Optional[bytes] = ..., request_id: _Optional[str] = ...) -> None: ...

class VerifyCodesRequest(_message.Message):
    __slots__ = ("context", "items", "receipts_requested")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    context: VerificationContext
    items: _containers.RepeatedCompositeFieldContainer[CodeItem]
    receipts_requested: bool
    def __init__(self, context: _Optional[_Union[VerificationContext, _Mapping]] = ..., items: _Optional[_Iterable[_Union[CodeItem, _Mapping]]] = ..., receipts_requested: bool = ...) -> None: ...

class VerifyCodesResponse(_message.Message):
    __slots__ = ("verdicts", "receipt_root")
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_ROOT_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedCompositeFieldContainer[Verdict]
    receipt_root: str
    def __init__(self, verdicts: _Optional[_Iterable[_Union[Verdict, _Mapping]]] = ..., receipt_root: _Optional[str] = ...) -> None: ...

class StreamVerificationsRequest(_message.Message):
    __slots__ = ("context", "item", "receipt_requested")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    context: VerificationContext
    item: CodeItem
    receipt_requested: bool
    def __init__(self, context: _Optional[_Union[VerificationContext, _Mapping]] = ..., item: _Optional[_Union[CodeItem, _Mapping]] = ..., receipt_requested: bool = ...) -> None: ...

class StreamVerificationsResponse(_message.Message):
    __slots__ = ("verdict", "receipts")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    receipts: ReceiptBundle
    def __init__(self, verdict: _Optional[_Union[Verdict, _Mapping]] = ..., receipts: _Optional[_Union[ReceiptBundle, _Mapping]] = ...) -> None: ...

class AssessDisplayedCodeRequest(_message.Message):
    __slots__ = ("context", "issuing_division", "displayed", "displayed_time", "request_id", "receipt_requested")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ISSUING_DIVISION_FIELD_NUMBER: _ClassVar[int]
    DISPLAYED_FIELD_NUMBER: _ClassVar[int]
    DISPLAYED_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    context: VerificationContext
    issuing_division: str
    displayed: str
    displayed_time: _timestamp_pb2.Timestamp
    request_id: str
    receipt_requested: bool
    def __init__(self, context: _Optional[_Union[VerificationContext, _Mapping]] = ..., issuing_division: _Optional[str] = ..., displayed: _Optional[str] = ..., displayed_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., receipt_requested: bool = ...) -> None: ...

class AssessDisplayedCodeResponse(_message.Message):
    __slots__ = ("verdict",)
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    def __init__(self, verdict: _Optional[_Union[Verdict, _Mapping]] = ...) -> None: ...
