from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Measure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEASURE_UNSPECIFIED: _ClassVar[Measure]
    MEASURE_PASS: _ClassVar[Measure]
    MEASURE_LIMITED: _ClassVar[Measure]
    MEASURE_DENY: _ClassVar[Measure]
    MEASURE_MANUAL: _ClassVar[Measure]

class CodeState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODE_STATE_UNSPECIFIED: _ClassVar[CodeState]
    CODE_STATE_UNKNOWN: _ClassVar[CodeState]
    CODE_STATE_GREEN: _ClassVar[CodeState]
    CODE_STATE_YELLOW: _ClassVar[CodeState]
    CODE_STATE_RED: _ClassVar[CodeState]
    CODE_STATE_UNDER_REVIEW: _ClassVar[CodeState]
    CODE_STATE_UNCONFIRMED: _ClassVar[CodeState]
    CODE_STATE_STALE_DECLARATION: _ClassVar[CodeState]
    CODE_STATE_EXPIRED: _ClassVar[CodeState]
    CODE_STATE_REVOKED: _ClassVar[CodeState]
    CODE_STATE_NOT_FOUND: _ClassVar[CodeState]

class CodeFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODE_FORMAT_UNSPECIFIED: _ClassVar[CodeFormat]
    CODE_FORMAT_NATIVE: _ClassVar[CodeFormat]
    CODE_FORMAT_HCERT: _ClassVar[CodeFormat]
    CODE_FORMAT_SHC: _ClassVar[CodeFormat]
    CODE_FORMAT_VDSNC: _ClassVar[CodeFormat]
    CODE_FORMAT_DIVOC: _ClassVar[CodeFormat]
    CODE_FORMAT_UNKNOWN: _ClassVar[CodeFormat]
    CODE_FORMAT_OPAQUE: _ClassVar[CodeFormat]

class ReasonClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_CLASS_UNSPECIFIED: _ClassVar[ReasonClass]
    REASON_CLASS_RED_NATIONAL_PLATFORM: _ClassVar[ReasonClass]
    REASON_CLASS_RED_CONFIRMED_CASE: _ClassVar[ReasonClass]
    REASON_CLASS_RED_SUSPECTED_CASE: _ClassVar[ReasonClass]
    REASON_CLASS_RED_CLOSE_CONTACT: _ClassVar[ReasonClass]
    REASON_CLASS_RED_INBOUND: _ClassVar[ReasonClass]
    REASON_CLASS_RED_RETURNEE_QUARANTINE: _ClassVar[ReasonClass]
    REASON_CLASS_RED_HIGH_RISK_AREA: _ClassVar[ReasonClass]
    REASON_CLASS_RED_OTHER_ORDER: _ClassVar[ReasonClass]
    REASON_CLASS_YELLOW_NATIONAL_PLATFORM: _ClassVar[ReasonClass]
    REASON_CLASS_YELLOW_DISCHARGED: _ClassVar[ReasonClass]
    REASON_CLASS_YELLOW_TIME_SPACE_OVERLAP: _ClassVar[ReasonClass]
    REASON_CLASS_YELLOW_MEDIUM_RISK_AREA: _ClassVar[ReasonClass]
    REASON_CLASS_YELLOW_SAME_VEHICLE: _ClassVar[ReasonClass]
    REASON_CLASS_YELLOW_OTHER: _ClassVar[ReasonClass]

class RiskLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RISK_LEVEL_UNSPECIFIED: _ClassVar[RiskLevel]
    RISK_LEVEL_UNKNOWN: _ClassVar[RiskLevel]
    RISK_LEVEL_LOW: _ClassVar[RiskLevel]
    RISK_LEVEL_MEDIUM: _ClassVar[RiskLevel]
    RISK_LEVEL_HIGH: _ClassVar[RiskLevel]

class Assurance(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSURANCE_UNSPECIFIED: _ClassVar[Assurance]
    ASSURANCE_SCANNED_SIGNED: _ClassVar[Assurance]
    ASSURANCE_SCANNED_ONLINE: _ClassVar[Assurance]
    ASSURANCE_DISPLAYED: _ClassVar[Assurance]
    ASSURANCE_ID_ASSISTED: _ClassVar[Assurance]
    ASSURANCE_OFFLINE: _ClassVar[Assurance]

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_TRANSPORT_DEPARTURE: _ClassVar[Purpose]
    PURPOSE_TRANSPORT_ARRIVAL: _ClassVar[Purpose]
    PURPOSE_VENUE_ENTRY: _ClassVar[Purpose]
    PURPOSE_RESIDENCE_ENTRY: _ClassVar[Purpose]
    PURPOSE_WORK_RESUMPTION: _ClassVar[Purpose]
    PURPOSE_MEDICAL_CARE: _ClassVar[Purpose]
    PURPOSE_SELF_CHECK: _ClassVar[Purpose]

class DisclosureProfile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISCLOSURE_PROFILE_UNSPECIFIED: _ClassVar[DisclosureProfile]
    DISCLOSURE_PROFILE_GATE: _ClassVar[DisclosureProfile]
    DISCLOSURE_PROFILE_STAFF: _ClassVar[DisclosureProfile]
    DISCLOSURE_PROFILE_PROVINCE: _ClassVar[DisclosureProfile]
    DISCLOSURE_PROFILE_CLINIC: _ClassVar[DisclosureProfile]

class ClinicalItem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLINICAL_ITEM_UNSPECIFIED: _ClassVar[ClinicalItem]
    CLINICAL_ITEM_LATEST_VACCINATION: _ClassVar[ClinicalItem]
    CLINICAL_ITEM_LATEST_TEST: _ClassVar[ClinicalItem]
    CLINICAL_ITEM_RECOVERY: _ClassVar[ClinicalItem]

class LawfulBasis(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LAWFUL_BASIS_UNSPECIFIED: _ClassVar[LawfulBasis]
    LAWFUL_BASIS_SEPARATE_CONSENT: _ClassVar[LawfulBasis]
    LAWFUL_BASIS_MEDICAL_TREATMENT: _ClassVar[LawfulBasis]
    LAWFUL_BASIS_EMERGENCY_LIFE_SAFETY: _ClassVar[LawfulBasis]
    LAWFUL_BASIS_STATUTORY_DUTY: _ClassVar[LawfulBasis]

class ClinicalItemState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLINICAL_ITEM_STATE_UNSPECIFIED: _ClassVar[ClinicalItemState]
    CLINICAL_ITEM_STATE_SHOWN: _ClassVar[ClinicalItemState]
    CLINICAL_ITEM_STATE_NOT_IN_CODE: _ClassVar[ClinicalItemState]
    CLINICAL_ITEM_STATE_NOT_PROVEN: _ClassVar[ClinicalItemState]

class ProductSystem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRODUCT_SYSTEM_UNSPECIFIED: _ClassVar[ProductSystem]
    PRODUCT_SYSTEM_EU_MEDICINAL_PRODUCT: _ClassVar[ProductSystem]
    PRODUCT_SYSTEM_CVX: _ClassVar[ProductSystem]
    PRODUCT_SYSTEM_ICD_11: _ClassVar[ProductSystem]
    PRODUCT_SYSTEM_SNOMED_CT: _ClassVar[ProductSystem]
    PRODUCT_SYSTEM_ATC: _ClassVar[ProductSystem]

class TestKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEST_KIND_UNSPECIFIED: _ClassVar[TestKind]
    TEST_KIND_NUCLEIC_ACID: _ClassVar[TestKind]
    TEST_KIND_ANTIGEN: _ClassVar[TestKind]
    TEST_KIND_ANTIBODY: _ClassVar[TestKind]

class TestResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEST_RESULT_UNSPECIFIED: _ClassVar[TestResult]
    TEST_RESULT_NOT_DETECTED: _ClassVar[TestResult]
    TEST_RESULT_DETECTED: _ClassVar[TestResult]
MEASURE_UNSPECIFIED: Measure
MEASURE_PASS: Measure
MEASURE_LIMITED: Measure
MEASURE_DENY: Measure
MEASURE_MANUAL: Measure
CODE_STATE_UNSPECIFIED: CodeState
CODE_STATE_UNKNOWN: CodeState
CODE_STATE_GREEN: CodeState
CODE_STATE_YELLOW: CodeState
CODE_STATE_RED: CodeState
CODE_STATE_UNDER_REVIEW: CodeState
CODE_STATE_UNCONFIRMED: CodeState
CODE_STATE_STALE_DECLARATION: CodeState
CODE_STATE_EXPIRED: CodeState
CODE_STATE_REVOKED: CodeState
CODE_STATE_NOT_FOUND: CodeState
CODE_FORMAT_UNSPECIFIED: CodeFormat
CODE_FORMAT_NATIVE: CodeFormat
CODE_FORMAT_HCERT: CodeFormat
CODE_FORMAT_SHC: CodeFormat
CODE_FORMAT_VDSNC: CodeFormat
CODE_FORMAT_DIVOC: CodeFormat
CODE_FORMAT_UNKNOWN: CodeFormat
CODE_FORMAT_OPAQUE: CodeFormat
REASON_CLASS_UNSPECIFIED: ReasonClass
REASON_CLASS_RED_NATIONAL_PLATFORM: ReasonClass
REASON_CLASS_RED_CONFIRMED_CASE: ReasonClass
REASON_CLASS_RED_SUSPECTED_CASE: ReasonClass
REASON_CLASS_RED_CLOSE_CONTACT: ReasonClass
REASON_CLASS_RED_INBOUND: ReasonClass
REASON_CLASS_RED_RETURNEE_QUARANTINE: ReasonClass
REASON_CLASS_RED_HIGH_RISK_AREA: ReasonClass
REASON_CLASS_RED_OTHER_ORDER: ReasonClass
REASON_CLASS_YELLOW_NATIONAL_PLATFORM: ReasonClass
REASON_CLASS_YELLOW_DISCHARGED: ReasonClass
REASON_CLASS_YELLOW_TIME_SPACE_OVERLAP: ReasonClass
REASON_CLASS_YELLOW_MEDIUM_RISK_AREA: ReasonClass
REASON_CLASS_YELLOW_SAME_VEHICLE: ReasonClass
REASON_CLASS_YELLOW_OTHER: ReasonClass
RISK_LEVEL_UNSPECIFIED: RiskLevel
RISK_LEVEL_UNKNOWN: RiskLevel
RISK_LEVEL_LOW: RiskLevel
RISK_LEVEL_MEDIUM: RiskLevel
RISK_LEVEL_HIGH: RiskLevel
ASSURANCE_UNSPECIFIED: Assurance
ASSURANCE_SCANNED_SIGNED: Assurance
ASSURANCE_SCANNED_ONLINE: Assurance
ASSURANCE_DISPLAYED: Assurance
ASSURANCE_ID_ASSISTED: Assurance
ASSURANCE_OFFLINE: Assurance
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_TRANSPORT_DEPARTURE: Purpose
PURPOSE_TRANSPORT_ARRIVAL: Purpose
PURPOSE_VENUE_ENTRY: Purpose
PURPOSE_RESIDENCE_ENTRY: Purpose
PURPOSE_WORK_RESUMPTION: Purpose
PURPOSE_MEDICAL_CARE: Purpose
PURPOSE_SELF_CHECK: Purpose
DISCLOSURE_PROFILE_UNSPECIFIED: DisclosureProfile
DISCLOSURE_PROFILE_GATE: DisclosureProfile
DISCLOSURE_PROFILE_STAFF: DisclosureProfile
DISCLOSURE_PROFILE_PROVINCE: DisclosureProfile
DISCLOSURE_PROFILE_CLINIC: DisclosureProfile
CLINICAL_ITEM_UNSPECIFIED: ClinicalItem
CLINICAL_ITEM_LATEST_VACCINATION: ClinicalItem
CLINICAL_ITEM_LATEST_TEST: ClinicalItem
CLINICAL_ITEM_RECOVERY: ClinicalItem
LAWFUL_BASIS_UNSPECIFIED: LawfulBasis
LAWFUL_BASIS_SEPARATE_CONSENT: LawfulBasis
LAWFUL_BASIS_MEDICAL_TREATMENT: LawfulBasis
LAWFUL_BASIS_EMERGENCY_LIFE_SAFETY: LawfulBasis
LAWFUL_BASIS_STATUTORY_DUTY: LawfulBasis
CLINICAL_ITEM_STATE_UNSPECIFIED: ClinicalItemState
CLINICAL_ITEM_STATE_SHOWN: ClinicalItemState
CLINICAL_ITEM_STATE_NOT_IN_CODE: ClinicalItemState
CLINICAL_ITEM_STATE_NOT_PROVEN: ClinicalItemState
PRODUCT_SYSTEM_UNSPECIFIED: ProductSystem
PRODUCT_SYSTEM_EU_MEDICINAL_PRODUCT: ProductSystem
PRODUCT_SYSTEM_CVX: ProductSystem
PRODUCT_SYSTEM_ICD_11: ProductSystem
PRODUCT_SYSTEM_SNOMED_CT: ProductSystem
PRODUCT_SYSTEM_ATC: ProductSystem
TEST_KIND_UNSPECIFIED: TestKind
TEST_KIND_NUCLEIC_ACID: TestKind
TEST_KIND_ANTIGEN: TestKind
TEST_KIND_ANTIBODY: TestKind
TEST_RESULT_UNSPECIFIED: TestResult
TEST_RESULT_NOT_DETECTED: TestResult
TEST_RESULT_DETECTED: TestResult
