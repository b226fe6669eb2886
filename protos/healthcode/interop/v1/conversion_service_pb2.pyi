import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from healthcode.interop.v1 import verification_service_pb2 as _verification_service_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConvertCodeRequest(_message.Message):
    __slots__ = ("context", "code", "request_id", "receipt_requested")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    context: _verification_service_pb2.VerificationContext
    code: bytes
    request_id: str
    receipt_requested: bool
    def __init__(self, context: _Optional[_Union[_verification_service_pb2.VerificationContext, _Mapping]] = ..., code: _Optional[bytes] = ..., request_id: _Optional[str] = ..., receipt_requested: bool = ...) -> None: ...

class ConvertedCode(_message.Message):
    __slots__ = ("jws", "qr", "expire_time")
    JWS_FIELD_NUMBER: _ClassVar[int]
    QR_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    jws: str
    qr: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, jws: _Optional[str] = ..., qr: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ConvertCodeResponse(_message.Message):
    __slots__ = ("verdict", "converted")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_FIELD_NUMBER: _ClassVar[int]
    verdict: _verification_service_pb2.Verdict
    converted: ConvertedCode
    def __init__(self, verdict: _Optional[_Union[_verification_service_pb2.Verdict, _Mapping]] = ..., converted: _Optional[_Union[ConvertedCode, _Mapping]] = ...) -> None: ...
