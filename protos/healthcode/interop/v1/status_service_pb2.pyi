import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from healthcode.interop.v1 import verdict_pb2 as _verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as _verification_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListedState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LISTED_STATE_UNSPECIFIED: _ClassVar[ListedState]
    LISTED_STATE_GREEN: _ClassVar[ListedState]
    LISTED_STATE_CANCELLED: _ClassVar[ListedState]
    LISTED_STATE_SUSPENDED: _ClassVar[ListedState]
    LISTED_STATE_YELLOW: _ClassVar[ListedState]
    LISTED_STATE_RED: _ClassVar[ListedState]
    LISTED_STATE_STALE_DECLARATION: _ClassVar[ListedState]
    LISTED_STATE_UNKNOWN: _ClassVar[ListedState]
LISTED_STATE_UNSPECIFIED: ListedState
LISTED_STATE_GREEN: ListedState
LISTED_STATE_CANCELLED: ListedState
LISTED_STATE_SUSPENDED: ListedState
LISTED_STATE_YELLOW: ListedState
LISTED_STATE_RED: ListedState
LISTED_STATE_STALE_DECLARATION: ListedState
LISTED_STATE_UNKNOWN: ListedState

class StatusListName(_message.Message):
    __slots__ = ("issuer", "uri")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    uri: str
    def __init__(self, issuer: _Optional[str] = ..., uri: _Optional[str] = ...) -> None: ...

class ChangeGroup(_message.Message):
    __slots__ = ("state", "reason_class", "authority", "corrects", "indices")
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_CLASS_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    CORRECTS_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    state: ListedState
    reason_class: _verdict_pb2.ReasonClass
    authority: str
    corrects: int
    indices: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, state: _Optional[_Union[ListedState, str]] = ..., reason_class: _Optional[_Union[_verdict_pb2.ReasonClass, str]] = ..., authority: _Optional[str] = ..., corrects: _Optional[int] = ..., indices: _Optional[_Iterable[int]] = ...) -> None: ...

class StatusBlock(_message.Message):
    __slots__ = ("first_index", "deflated_words")
    FIRST_INDEX_FIELD_NUMBER: _ClassVar[int]
    DEFLATED_WORDS_FIELD_NUMBER: _ClassVar[int]
    first_index: int
    deflated_words: bytes
    def __init__(self, first_index: _Optional[int] = ..., deflated_words: _Optional[bytes] = ...) -> None: ...

class StatusBatch(_message.Message):
    __slots__ = ("list", "number", "previous_digest", "issue_time", "capacity", "groups", "blocks", "state_digest", "closing")
    LIST_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ISSUE_TIME_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    STATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    list: StatusListName
    number: int
    previous_digest: bytes
    issue_time: _timestamp_pb2.Timestamp
    capacity: int
    groups: _containers.RepeatedCompositeFieldContainer[ChangeGroup]
    blocks: _containers.RepeatedCompositeFieldContainer[StatusBlock]
    state_digest: bytes
    closing: bool
    def __init__(self, list: _Optional[_Union[StatusListName, _Mapping]] = ..., number: _Optional[int] = ..., previous_digest: _Optional[bytes] = ..., issue_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., capacity: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[ChangeGroup, _Mapping]]] = ..., blocks: _Optional[_Iterable[_Union[StatusBlock, _Mapping]]] = ..., state_digest: _Optional[bytes] = ..., closing: bool = ...) -> None: ...

class BatchSignature(_message.Message):
    __slots__ = ("key_id", "signature")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    signature: bytes
    def __init__(self, key_id: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class SignedBatch(_message.Message):
    __slots__ = ("batch", "signatures")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    batch: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[BatchSignature]
    def __init__(self, batch: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[BatchSignature, _Mapping]]] = ...) -> None: ...

class PublishChangesRequest(_message.Message):
    __slots__ = ("signed_batch",)
    SIGNED_BATCH_FIELD_NUMBER: _ClassVar[int]
    signed_batch: SignedBatch
    def __init__(self, signed_batch: _Optional[_Union[SignedBatch, _Mapping]] = ...) -> None: ...

class PublishChangesResponse(_message.Message):
    __slots__ = ("held_number", "repeated_batch")
    HELD_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REPEATED_BATCH_FIELD_NUMBER: _ClassVar[int]
    held_number: int
    repeated_batch: bool
    def __init__(self, held_number: _Optional[int] = ..., repeated_batch: bool = ...) -> None: ...

class ListStatusListsRequest(_message.Message):
    __slots__ = ("issuer",)
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    def __init__(self, issuer: _Optional[str] = ...) -> None: ...

class StatusListHead(_message.Message):
    __slots__ = ("list", "capacity", "number", "batch_digest", "issue_time", "closed")
    LIST_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BATCH_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ISSUE_TIME_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    list: StatusListName
    capacity: int
    number: int
    batch_digest: bytes
    issue_time: _timestamp_pb2.Timestamp
    closed: bool
    def __init__(self, list: _Optional[_Union[StatusListName, _Mapping]] = ..., capacity: _Optional[int] = ..., number: _Optional[int] = ..., batch_digest: _Optional[bytes] = ..., issue_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., closed: bool = ...) -> None: ...

class ListStatusListsResponse(_message.Message):
    __slots__ = ("heads",)
    HEADS_FIELD_NUMBER: _ClassVar[int]
    heads: _containers.RepeatedCompositeFieldContainer[StatusListHead]
    def __init__(self, heads: _Optional[_Iterable[_Union[StatusListHead, _Mapping]]] = ...) -> None: ...

class StreamSnapshotRequest(_message.Message):
    __slots__ = ("list",)
    LIST_FIELD_NUMBER: _ClassVar[int]
    list: StatusListName
    def __init__(self, list: _Optional[_Union[StatusListName, _Mapping]] = ...) -> None: ...

class SnapshotManifest(_message.Message):
    __slots__ = ("head", "state_digest", "create_time", "gateway", "open_time")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    STATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    OPEN_TIME_FIELD_NUMBER: _ClassVar[int]
    head: StatusListHead
    state_digest: bytes
    create_time: _timestamp_pb2.Timestamp
    gateway: str
    open_time: _timestamp_pb2.Timestamp
    def __init__(self, head: _Optional[_Union[StatusListHead, _Mapping]] = ..., state_digest: _Optional[bytes] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., gateway: _Optional[str] = ..., open_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SnapshotHead(_message.Message):
    __slots__ = ("manifest", "signature", "last_batch")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    LAST_BATCH_FIELD_NUMBER: _ClassVar[int]
    manifest: bytes
    signature: BatchSignature
    last_batch: SignedBatch
    def __init__(self, manifest: _Optional[bytes] = ..., signature: _Optional[_Union[BatchSignature, _Mapping]] = ..., last_batch: _Optional[_Union[SignedBatch, _Mapping]] = ...) -> None: ...

class StreamSnapshotResponse(_message.Message):
    __slots__ = ("head", "block")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    head: SnapshotHead
    block: StatusBlock
    def __init__(self, head: _Optional[_Union[SnapshotHead, _Mapping]] = ..., block: _Optional[_Union[StatusBlock, _Mapping]] = ...) -> None: ...

class ListPosition(_message.Message):
    __slots__ = ("list", "number")
    LIST_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    list: StatusListName
    number: int
    def __init__(self, list: _Optional[_Union[StatusListName, _Mapping]] = ..., number: _Optional[int] = ...) -> None: ...

class StreamChangesRequest(_message.Message):
    __slots__ = ("positions", "issuers")
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    ISSUERS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[ListPosition]
    issuers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, positions: _Optional[_Iterable[_Union[ListPosition, _Mapping]]] = ..., issuers: _Optional[_Iterable[str]] = ...) -> None: ...

class StreamChangesResponse(_message.Message):
    __slots__ = ("signed_batch", "snapshot_needed", "caught_up")
    SIGNED_BATCH_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_NEEDED_FIELD_NUMBER: _ClassVar[int]
    CAUGHT_UP_FIELD_NUMBER: _ClassVar[int]
    signed_batch: SignedBatch
    snapshot_needed: StatusListHead
    caught_up: _timestamp_pb2.Timestamp
    def __init__(self, signed_batch: _Optional[_Union[SignedBatch, _Mapping]] = ..., snapshot_needed: _Optional[_Union[StatusListHead, _Mapping]] = ..., caught_up: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WatchedCode(_message.Message):
    __slots__ = ("handle", "code")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    handle: str
    code: bytes
    def __init__(self, handle: _Optional[str] = ..., code: _Optional[bytes] = ...) -> None: ...

class WatchCodesRequest(_message.Message):
    __slots__ = ("context", "watch_id", "after_event", "codes", "dropped_handles")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    WATCH_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_EVENT_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_HANDLES_FIELD_NUMBER: _ClassVar[int]
    context: _verification_service_pb2.VerificationContext
    watch_id: str
    after_event: int
    codes: _containers.RepeatedCompositeFieldContainer[WatchedCode]
    dropped_handles: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, context: _Optional[_Union[_verification_service_pb2.VerificationContext, _Mapping]] = ..., watch_id: _Optional[str] = ..., after_event: _Optional[int] = ..., codes: _Optional[_Iterable[_Union[WatchedCode, _Mapping]]] = ..., dropped_handles: _Optional[_Iterable[str]] = ...) -> None: ...

class CodeEvent(_message.Message):
    __slots__ = ("handle", "verdict", "watched")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    WATCHED_FIELD_NUMBER: _ClassVar[int]
    handle: str
    verdict: _verification_service_pb2.Verdict
    watched: bool
    def __init__(self, handle: _Optional[str] = ..., verdict: _Optional[_Union[_verification_service_pb2.Verdict, _Mapping]] = ..., watched: bool = ...) -> None: ...

class WatchCodesResponse(_message.Message):
    __slots__ = ("watch_id", "event", "code", "lost")
    WATCH_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    watch_id: str
    event: int
    code: CodeEvent
    lost: bool
    def __init__(self, watch_id: _Optional[str] = ..., event: _Optional[int] = ..., code: _Optional[_Union[CodeEvent, _Mapping]] = ..., lost: bool = ...) -> None: ...
