import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from healthcode.interop.v1 import verdict_pb2 as _verdict_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AssessPlaceRequest(_message.Message):
    __slots__ = ("purpose", "division", "community", "day", "request_id")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    DIVISION_FIELD_NUMBER: _ClassVar[int]
    COMMUNITY_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    purpose: _verdict_pb2.Purpose
    division: str
    community: str
    day: str
    request_id: str
    def __init__(self, purpose: _Optional[_Union[_verdict_pb2.Purpose, str]] = ..., division: _Optional[str] = ..., community: _Optional[str] = ..., day: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class AssessPlaceResponse(_message.Message):
    __slots__ = ("risk", "publisher", "published_time", "request_id")
    RISK_FIELD_NUMBER: _ClassVar[int]
    PUBLISHER_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    risk: _verdict_pb2.RiskLevel
    publisher: str
    published_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, risk: _Optional[_Union[_verdict_pb2.RiskLevel, str]] = ..., publisher: _Optional[str] = ..., published_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListAffectedCommunitiesRequest(_message.Message):
    __slots__ = ("purpose", "division", "day", "page_size", "page_token")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    DIVISION_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    purpose: _verdict_pb2.Purpose
    division: str
    day: str
    page_size: int
    page_token: str
    def __init__(self, purpose: _Optional[_Union[_verdict_pb2.Purpose, str]] = ..., division: _Optional[str] = ..., day: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class AffectedCommunity(_message.Message):
    __slots__ = ("division", "name", "risk")
    DIVISION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    division: str
    name: str
    risk: _verdict_pb2.RiskLevel
    def __init__(self, division: _Optional[str] = ..., name: _Optional[str] = ..., risk: _Optional[_Union[_verdict_pb2.RiskLevel, str]] = ...) -> None: ...

class ListAffectedCommunitiesResponse(_message.Message):
    __slots__ = ("communities", "next_page_token", "covered")
    COMMUNITIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COVERED_FIELD_NUMBER: _ClassVar[int]
    communities: _containers.RepeatedCompositeFieldContainer[AffectedCommunity]
    next_page_token: str
    covered: bool
    def __init__(self, communities: _Optional[_Iterable[_Union[AffectedCommunity, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., covered: bool = ...) -> None: ...
