"""The parsing line: a province's JSON goes in, a handful of words comes out, everything about the holder ends here.

Rules:

- What is read is listed beforehand (`Envelope`, `Record`); nothing else of an answer is ever looked at.
- A state passes only if it is a word of the profile's list, a reason only if it is one of its codes: any other text may
  be a name or a story, and comes out as nothing.
- The parsed document lives in this module's frames only, and nothing is raised out of them: outcomes are returned,
  because a traceback keeps the locals of every frame that it went through. The caller raises them when it is gone.
- JSON is strict (`keys.strict`); whatever the bytes are, the outcome is one of the enumerated ones.
- A statement beside an expired flag is EXPIRED, never the colour. An answer about another code is never anything else.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from gateway.divisions import CHINA_TIME, is_division
from gateway.errors import CodeStopped, Reason
from gateway.values import DivisionCode, Instant, ReasonClass
from keys.strict import StrictError, parse_json
from keys.values import EARLIEST, LATEST, Verifier

from .dialect import Stated, UpstreamFailed, UpstreamFailure

MAX_ANSWER_BYTES: Final = 65_536
MAX_DEPTH: Final = 16
MAX_WORD_CHARACTERS: Final = 64
MAX_TOKEN_CHARACTERS: Final = 512

Path = tuple[str, ...]
"""The names of the members from the top of an answer to what is meant."""

Verdict = Reason | UpstreamFailure
"""What a result code that is no success means."""

NotStated = CodeStopped | UpstreamFailed

_FLAGS: Final[Mapping[object, bool]] = {"true": True, "1": True, "false": False, "0": False}
_wall_time = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}").fullmatch
_digits = re.compile(r"[0-9]{1,15}").fullmatch
_token = re.compile(rf"[!-~]{{1,{MAX_TOKEN_CHARACTERS}}}").fullmatch
_white_space = re.compile(r"[ \t\r\n]*").match
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Envelope:
    """How an answer says whether the question succeeded. Paths start at `node`, or at the top if there are no nodes."""

    result: Path
    """The result code."""
    success: Collection[str]
    """Result codes that mean success; the empty one stands for an absent or null member."""
    codes: Mapping[str, Verdict]
    """What the others mean; one that is not here is ERROR_NUMBER."""
    detail: Path | None = None
    """A finer result code beside one that is no success, looked up first."""
    success_flag: Path | None = None
    """A flag that must agree with the result code."""
    nodes: tuple[str, ...] = ()
    """The answer proper is the value of one of these top members, of exactly one."""
    verifier: Verifier | None = None
    """Whose signature over the node's exact text the top member `sign` must hold, in base64."""


@dataclass(frozen=True, slots=True)
class Record:
    """Where in a successful answer stands what is read: names of members of the object at `path`; empty is none."""

    path: Path
    states: Collection[str]
    """The words that a state may be."""
    state: str
    reasons: Mapping[str, ReasonClass] = field(default_factory=lambda: MappingProxyType({}))
    reason: str = ""
    echo: str = ""
    """Repeats what was asked about: must be there in a successful answer, and equal wherever it is there."""
    expired: str = ""
    """A flag that must be there."""
    lapsed: str = ""
    """A flag that may be there, and means the same."""
    stated_time: str = ""
    expire_time: str = ""
    division: str = ""
    """Whose code it is; looked at where the answer is about the code of another."""


class _Unusable(Exception):
    """Ends the reading; caught in this module."""

    def __init__(self, verdict: Verdict, detail: str) -> None:
        super().__init__(verdict.name)
        self.outcome: NotStated = (
            CodeStopped(verdict, detail) if isinstance(verdict, Reason) else UpstreamFailed(verdict, detail)
        )


def read_state(
    body: bytes,
    envelope: Envelope,
    record: Record,
    *,
    asked: str,
    carried: Mapping[str, str] | None = None,
    about: DivisionCode | None = None,
) -> Stated | NotStated:
    """Return what an answer states, or why it states nothing, as a value and not raised.

    1. Strict JSON, an object; the one node of it, and its signature.
    2. What had to be carried back (`carried`: member -> value). Only a failure may come without.
    3. The echo of what was `asked`, wherever it is there.
    4. The result code.
    5. The flags of expiry.
    6. Whose code it is: of the province that `about` lies in, if that is given.
    7. The few words and times.

    Does not check: that the answer is the province's; TLS or the signature did. Whether its times have passed.
    """
    try:
        return _read_state(body, envelope, record, asked, carried or {}, about)
    except _Unusable as unusable:
        return unusable.outcome


def read_texts(body: bytes, envelope: Envelope, paths: tuple[Path, ...]) -> tuple[str, ...] | NotStated:
    """Return the texts (visible ASCII) at `paths` of a successful answer, all required; or why not, as a value.

    For what a dialect needs on the way: serial numbers, challenges, request secrets, never anything about a code.
    """
    try:
        node = _open(body, envelope)
        verdict = _verdict(node, envelope)
        if verdict is not None:
            raise _Unusable(verdict, ".".join(envelope.result))
        return tuple(_required_token(node, path) for path in paths)
    except _Unusable as unusable:
        return unusable.outcome


def read_time(text: str) -> Instant | None:
    """Return the instant that a text names: epoch seconds or milliseconds, or China's wall time; None if it names none.

    Outside 2000 to 2100 it names none.
    """
    if _digits(text):
        number = int(text)
        seconds = number / 1000 if number > LATEST else float(number)
    elif _wall_time(text):
        try:
            seconds = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA_TIME).timestamp()
        except ValueError:
            return None
    else:
        return None
    return Instant(seconds) if EARLIEST <= seconds <= LATEST else None


def wall_time(at: Instant) -> str:
    """Return `at` as `YYYY-MM-DD HH:MM:SS` in China time."""
    return datetime.fromtimestamp(at, CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")


def _read_state(
    body: bytes, envelope: Envelope, record: Record, asked: str, carried: Mapping[str, str], about: DivisionCode | None
) -> Stated:
    # 1
    node = _open(body, envelope)
    # 2
    verdict = _verdict(node, envelope)
    for name, value in carried.items():
        if node.get(name) != value and not (name not in node and isinstance(verdict, UpstreamFailure)):
            raise _Unusable(UpstreamFailure.WRONG_CODE, name)
    # 3
    members = _at(node, record.path)
    if record.echo and isinstance(members, dict) and members.get(record.echo) not in (None, asked):
        raise _Unusable(UpstreamFailure.WRONG_CODE, record.echo)
    # 4
    if verdict is not None:
        raise _Unusable(verdict, ".".join(envelope.result))
    if not isinstance(members, dict):
        raise _Unusable(UpstreamFailure.GARBAGE, ".".join(record.path))
    if record.echo and members.get(record.echo) is None:
        raise _Unusable(UpstreamFailure.GARBAGE, record.echo)
    # 5
    if (record.expired and _flag(members, record.expired)) or (
        record.lapsed and members.get(record.lapsed) is not None and _flag(members, record.lapsed)
    ):
        raise _Unusable(Reason.EXPIRED, record.expired or record.lapsed)
    # 6
    if about is not None:
        division = _word(members.get(record.division), record.division)
        if not is_division(division):
            raise _Unusable(UpstreamFailure.GARBAGE, record.division)
        if division[:2] != about[:2]:
            raise _Unusable(UpstreamFailure.WRONG_CODE, record.division)
    # 7
    said = _word(members.get(record.state), record.state)
    return Stated(
        said if said in record.states else "",
        _reason(members, record),
        _time(members, record.stated_time),
        _time(members, record.expire_time),
        bound=bool(record.echo or carried),
    )


def _open(body: bytes, envelope: Envelope) -> dict[str, object]:
    """Return the answer proper, its signature checked as far as there is one."""
    if len(body) > MAX_ANSWER_BYTES:
        raise _Unusable(UpstreamFailure.GARBAGE, "size")
    try:
        answer = parse_json(body, max_depth=MAX_DEPTH)
    except StrictError as error:
        raise _Unusable(UpstreamFailure.GARBAGE, error.fault.value) from None
    if not isinstance(answer, dict):
        raise _Unusable(UpstreamFailure.GARBAGE, "answer")
    if not envelope.nodes:
        return answer
    names = [name for name in envelope.nodes if name in answer]
    node = answer[names[0]] if len(names) == 1 else None
    if not isinstance(node, dict):
        raise _Unusable(UpstreamFailure.GARBAGE, "node")
    if envelope.verifier is not None:
        _check_signature(body, answer.get("sign"), node, names[0], envelope)
    return node


def _check_signature(body: bytes, sign: object, node: Mapping[str, object], name: str, envelope: Envelope) -> None:
    """Check the signature over the node's text. One may be missing only where the province failed anyway."""
    if sign is None and isinstance(_verdict(node, envelope), UpstreamFailure):
        return
    signature = b""
    if isinstance(sign, str):
        try:
            signature = b64decode(sign, validate=True)
        except (binascii.Error, ValueError):
            signature = b""
    if envelope.verifier is None or not envelope.verifier.verify(signature, _text_of(body, name)):
        raise _Unusable(UpstreamFailure.BAD_SIGNATURE, "sign")


def _text_of(body: bytes, name: str) -> bytes:
    """Return the exact text of the value of a top member of an object that has been parsed: what a signature covers."""
    text = body.decode()
    place = _skip(text, _skip(text, 0) + 1)  # past the brace
    while True:
        key, end = _decode(text, place)
        start = _skip(text, _skip(text, end) + 1)  # past the colon
        _, end = _decode(text, start)
        if key == name:
            return text[start:end].encode()
        place = _skip(text, _skip(text, end) + 1)  # past the comma


def _skip(text: str, place: int) -> int:
    blank = _white_space(text, place)
    return blank.end() if blank else place


def _verdict(node: Mapping[str, object], envelope: Envelope) -> Verdict | None:
    """Return what the result code means; None is success."""
    value = _at(node, envelope.result)
    code = "" if value is None and "" in envelope.success else _word(value, ".".join(envelope.result))
    succeeded = code in envelope.success
    if envelope.success_flag is not None:
        holder, name = _at(node, envelope.success_flag[:-1]), envelope.success_flag[-1]
        if not isinstance(holder, dict) or _flag(holder, name) is not succeeded:
            raise _Unusable(UpstreamFailure.GARBAGE, name)
    if succeeded:
        return None
    if envelope.detail is not None:
        detail = _at(node, envelope.detail)
        if isinstance(detail, str) and detail in envelope.codes:
            return envelope.codes[detail]
    return envelope.codes.get(code, UpstreamFailure.ERROR_NUMBER)


def _at(value: object, path: Path) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _word(value: object, name: str) -> str:
    """Return a short text, or an integer as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and len(value) <= MAX_WORD_CHARACTERS:
        return value
    raise _Unusable(UpstreamFailure.GARBAGE, name)


def _required_token(node: Mapping[str, object], path: Path) -> str:
    value = _at(node, path)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and _token(value):
        return value
    raise _Unusable(UpstreamFailure.GARBAGE, ".".join(path))


def _flag(members: Mapping[str, object], name: str) -> bool:
    value = members.get(name)
    flag = value if isinstance(value, bool) else _FLAGS.get(str(value)) if isinstance(value, str | int) else None
    if flag is None:
        raise _Unusable(UpstreamFailure.GARBAGE, name)
    return flag


def _reason(members: Mapping[str, object], record: Record) -> ReasonClass | None:
    value = members.get(record.reason) if record.reason else None
    return record.reasons.get(value) if isinstance(value, str) else None


def _time(members: Mapping[str, object], name: str) -> Instant | None:
    value = members.get(name) if name else None
    if value is None or value == "":
        return None
    at = read_time(_word(value, name))
    if at is None:
        raise _Unusable(UpstreamFailure.GARBAGE, name)
    return at
