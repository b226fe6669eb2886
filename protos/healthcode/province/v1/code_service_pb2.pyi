from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ResolveCodeRequest(_message.Message):
    __slots__ = ("code", "nonce")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    code: bytes
    nonce: bytes
    def __init__(self, code: _Optional[bytes] = ..., nonce: _Optional[bytes] = ...) -> None: ...

class ResolveCodeResponse(_message.Message):
    __slots__ = ("signed_answer",)
    SIGNED_ANSWER_FIELD_NUMBER: _ClassVar[int]
    signed_answer: str
    def __init__(self, signed_answer: _Optional[str] = ...) -> None: ...
