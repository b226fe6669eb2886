"""From a profile's file to a `ProvinceProfile`: what its members say together.

Rules:

- A profile is taken whole or refused, each fault with file, line and member.
- Nothing is opened but the file itself: whether credentials exist is for `hcgw provinces check --ready` and for
  whoever connects.
- Only https is spoken to a province, or plaintext to this machine under `insecure_http_to_loopback`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from gateway.divisions import NATION
from gateway.formats.opaque import CodeShape, OpaqueShapes, ShapeInvalid
from gateway.lines import Path as MemberPath
from gateway.loopback import is_loopback
from gateway.values import DivisionCode, IssuerId

from . import dialects
from .encodings import Encoding, improves, meaning_of, repeated, row_faults, word_fault
from .profile import Budget, DialectName, ProvinceName, ProvinceProfile, StatedMeaning
from .profile_model import NAME_PATTERN, Endpoint, NamedTexts, PageRow, ProfileFile, Strict, TextRow, written
from .toml_file import TomlFile

Found = Iterator[tuple[MemberPath, str]]

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}\Z|[0-9A-Fa-f:.]{2,45}\Z")
_HOST_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})\Z")
_LAST_PORT: Final = 65_535


def profile_of(read: TomlFile[ProfileFile], encodings: Mapping[str, Encoding]) -> ProvinceProfile:
    """Return the profile of a file that has been read.

    Checks all that the file itself shows. Does not check: that its credentials exist, nor that its issuer and
    division are nobody else's (the directory does).

    Raises: TomlRefused.
    """
    read.refuse_if(_faults(read, encodings))
    said, folder = read.model, read.file.parent
    budget = said.budget
    encoding = None if said.states is None else encodings[said.states.encoding]
    profile = ProvinceProfile(
        name=ProvinceName(said.name),
        title=said.title,
        issuer=IssuerId(said.issuer),
        division=DivisionCode(said.division),
        dialect=said.dialect,
        endpoint=said.endpoint.url,
        registered_as=_texts(said.registered_as),
        credentials=MappingProxyType({name: folder / path for name, path in _texts(said.credentials).items()}),
        parameters=_texts(said.parameters),
        states=_states(said, encoding),
        reasons=MappingProxyType({row.code: row.reason_class for row in said.reason}),
        displayed=MappingProxyType({row.word: row.state for row in said.displayed}),
        budget=Budget(
            budget.fresh_for_s,
            budget.deadline_s,
            budget.in_flight,
            budget.attempts,
            budget.breaker_failures,
            budget.breaker_rest_s,
        ),
        shapes=tuple(_shape(said, row) for row in said.recognise),
        dynamic_s=said.dynamic_s,
        falls_back=budget.falls_back,
        ca_file=None if said.endpoint.ca_file is None else folder / said.endpoint.ca_file,
        insecure_http_to_loopback=said.endpoint.insecure_http_to_loopback,
        sources=_sources(said, encoding),
    )
    read.refuse_if(((one.section, written(one.member)), one.why) for one in dialects.faults(profile))
    return profile


def _faults(read: TomlFile[ProfileFile], encodings: Mapping[str, Encoding]) -> Found:
    """Tell all that is wrong.

    1. Who it is: named as its file; one that is asked for its own codes can recognise them.
    2. How it is asked.
    3. What its answers mean.
    4. How its codes look.
    """
    said = read.model
    # 1
    if said.name != read.file.stem:
        yield ("name",), f"is not the file's, {read.file.name}"
    yield from _place_faults(said)
    # 2
    yield from _endpoint_faults(said.dialect, said.endpoint)
    sections = {"credentials": said.credentials, "registered_as": said.registered_as, "parameters": said.parameters}
    for section, texts in sections.items():
        for name in _texts(texts):
            if not re.match(NAME_PATTERN, name):
                yield (section, written(name)), "names are letters, digits and _"
    # 3
    yield from _state_faults(said, encodings)
    yield from repeated((row.code for row in said.reason), ("reason",), "code")
    yield from repeated((row.word for row in said.displayed), ("displayed",), "word")
    for place, shown in enumerate(said.displayed):
        fault = word_fault(shown.word, shown.state)
        if fault is not None:
            yield ("displayed", place, "state"), fault
    # 4
    for place, row in enumerate(said.recognise):
        try:
            OpaqueShapes([_shape(said, row)])
        except ShapeInvalid as invalid:
            yield ("recognise", place, invalid.member), invalid.why


def _place_faults(said: ProfileFile) -> Found:
    if said.division != NATION:
        if not said.recognise:
            yield ("recognise",), "at least one is required: nothing would be recognised as its code"
        return
    if said.dialect is not DialectName.NATIONAL:
        yield ("division",), f"{NATION} is the national platform's"
    if said.budget.falls_back:
        yield ("budget", "falls_back"), "the national platform is what others fall back to"


def _endpoint_faults(dialect: DialectName, endpoint: Endpoint) -> Found:
    """Tell what is wrong with where it is asked.

    1. The native dialect: host:port.
    2. Any other: a URL of scheme, host, port and path, in visible ASCII.
    3. Plaintext to this machine only, and only if that is wanted.
    """
    place: MemberPath = ("endpoint", "url")
    # 1
    if dialect is DialectName.NATIVE:
        found = _HOST_PORT.match(endpoint.url)
        if found is None or not 0 < int(found[2]) <= _LAST_PORT:
            yield place, 'the native dialect is spoken to "host:port"'
        elif endpoint.insecure_http_to_loopback and not is_loopback(found[1].strip("[]")):
            yield place, "plaintext is spoken to loopback only"
        return
    # 2
    try:
        url = urlsplit(endpoint.url)
        host, port = url.hostname or "", url.port
    except ValueError:
        yield place, "is not a URL"
        return
    if not re.fullmatch(r"[!-~]+", endpoint.url) or "\\" in endpoint.url or not _HOST.match(host) or port == 0:
        yield place, "is not a URL of host and path"
    elif url.username is not None or url.password is not None:
        yield place, "holds no user and no password: those are credentials"
    elif "?" in endpoint.url or "#" in endpoint.url:
        yield place, "ends with the path"
    # 3
    elif url.scheme == "http":
        if not (endpoint.insecure_http_to_loopback and is_loopback(host)):
            yield place, "http is spoken to loopback only, and with insecure_http_to_loopback = true"
    elif url.scheme != "https":
        yield place, "https is required"


def _state_faults(said: ProfileFile, encodings: Mapping[str, Encoding]) -> Found:
    yield from row_faults(said.state, ("state",))
    known: Mapping[str, StatedMeaning] = {}
    if said.states is not None:
        encoding = encodings.get(said.states.encoding)
        if encoding is None:
            yield ("states", "encoding"), "one of " + ", ".join(encodings) + " is required"
        else:
            known = encoding.states
    elif not said.state:
        yield ("state",), "at least one is required, or an encoding"
    for place, row in enumerate(said.state):
        before = known.get(row.said)
        if before is not None and improves(row.state, before.state):
            yield ("state", place, "state"), f"the encoding says {before.state.name}, which is never improved"


def _states(said: ProfileFile, encoding: Encoding | None) -> Mapping[str, StatedMeaning]:
    shared = {} if encoding is None else encoding.states
    return MappingProxyType({**shared, **{row.said: meaning_of(row) for row in said.state}})


def _shape(said: ProfileFile, row: PageRow | TextRow) -> CodeShape:
    issuer, division = IssuerId(said.issuer), DivisionCode(said.division)
    if isinstance(row, TextRow):
        return CodeShape(issuer, division, row.template)
    return CodeShape(issuer, division, row.template, row.page, row.parameter, row.national_parameter)


def _texts(section: NamedTexts | None) -> Mapping[str, str]:
    return MappingProxyType({} if section is None else dict(section.texts))


def _sources(said: ProfileFile, encoding: Encoding | None) -> Mapping[str, str]:
    """Return where the values of each section and row are from, those taken from an encoding too."""
    sections = {
        "profile": said,
        "endpoint": said.endpoint,
        "credentials": said.credentials,
        "registered_as": said.registered_as,
        "parameters": said.parameters,
        "budget": said.budget,
        "states": said.states,
    }
    rows: Mapping[str, Sequence[Strict]] = {
        "state": said.state,
        "reason": said.reason,
        "displayed": said.displayed,
        "recognise": said.recognise,
    }
    found = {name: section.source for name, section in sections.items() if section is not None}
    for name, listed in rows.items():
        found |= {f"{name}[{place}]": row.source for place, row in enumerate(listed)}
    if encoding is not None:
        own = {row.said for row in said.state}
        found |= {f"encoding.{word}": source for word, source in encoding.sources.items() if word not in own}
    return MappingProxyType(found)
