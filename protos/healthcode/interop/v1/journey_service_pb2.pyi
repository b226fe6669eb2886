import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from healthcode.interop.v1 import verdict_pb2 as _verdict_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TransportMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSPORT_MODE_UNSPECIFIED: _ClassVar[TransportMode]
    TRANSPORT_MODE_TRAIN: _ClassVar[TransportMode]
    TRANSPORT_MODE_FLIGHT: _ClassVar[TransportMode]
    TRANSPORT_MODE_COACH: _ClassVar[TransportMode]
    TRANSPORT_MODE_SHIP: _ClassVar[TransportMode]
    TRANSPORT_MODE_CITY: _ClassVar[TransportMode]

class JourneyMatch(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOURNEY_MATCH_UNSPECIFIED: _ClassVar[JourneyMatch]
    JOURNEY_MATCH_AFFECTED: _ClassVar[JourneyMatch]
    JOURNEY_MATCH_OTHER_CARRIAGE: _ClassVar[JourneyMatch]
    JOURNEY_MATCH_NOT_LISTED: _ClassVar[JourneyMatch]
    JOURNEY_MATCH_UNKNOWN: _ClassVar[JourneyMatch]
TRANSPORT_MODE_UNSPECIFIED: TransportMode
TRANSPORT_MODE_TRAIN: TransportMode
TRANSPORT_MODE_FLIGHT: TransportMode
TRANSPORT_MODE_COACH: TransportMode
TRANSPORT_MODE_SHIP: TransportMode
TRANSPORT_MODE_CITY: TransportMode
JOURNEY_MATCH_UNSPECIFIED: JourneyMatch
JOURNEY_MATCH_AFFECTED: JourneyMatch
JOURNEY_MATCH_OTHER_CARRIAGE: JourneyMatch
JOURNEY_MATCH_NOT_LISTED: JourneyMatch
JOURNEY_MATCH_UNKNOWN: JourneyMatch

class CheckJourneyRequest(_message.Message):
    __slots__ = ("purpose", "travel_date", "mode", "number", "carriage", "request_id")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_DATE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CARRIAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    purpose: _verdict_pb2.Purpose
    travel_date: str
    mode: TransportMode
    number: str
    carriage: str
    request_id: str
    def __init__(self, purpose: _Optional[_Union[_verdict_pb2.Purpose, str]] = ..., travel_date: _Optional[str] = ..., mode: _Optional[_Union[TransportMode, str]] = ..., number: _Optional[str] = ..., carriage: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CheckJourneyResponse(_message.Message):
    __slots__ = ("match", "publisher", "published_time", "request_id")
    MATCH_FIELD_NUMBER: _ClassVar[int]
    PUBLISHER_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    match: JourneyMatch
    publisher: str
    published_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, match: _Optional[_Union[JourneyMatch, str]] = ..., publisher: _Optional[str] = ..., published_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...
