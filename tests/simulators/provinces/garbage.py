"""Bodies that are no answer, each with somebody's data in it: what proxies, crashes and careless systems send."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .people import Person

LOUD_BYTES = 1 << 18
"""Of a body that is too long: four times what a gateway reads."""


def bodies(person: Person, answer: Mapping[str, object]) -> tuple[bytes, ...]:
    """Return the kinds of garbage about `person`; `answer` is what a working province would have said."""
    sound = json.dumps(answer, ensure_ascii=False).encode()
    story = person.story
    return (
        f"<html><title>login</title>{story}</html>".encode(),
        sound[: len(sound) // 2],
        sound + b" " + sound,
        b"",
        b"null",
        json.dumps([story]).encode(),
        json.dumps({"error": story}).encode(),
        b'{"a":' * 5_000,
        ("\ufeff" + json.dumps(answer)).encode(),
        json.dumps(answer).encode("utf-16"),
        sound.replace(b"{", b'{"code":0,"code":1,', 1),
        json.dumps(_with_every_leaf(answer, story), ensure_ascii=False).encode(),
        json.dumps(_with_every_leaf(answer, None)).encode(),
        json.dumps(_with_every_leaf(answer, 10**400)).encode(),
        json.dumps(_with_every_leaf(answer, [story])).encode(),
        b'{"story":"' + story.encode() * (LOUD_BYTES // len(story.encode())) + b'"}',
        story.encode("gb18030"),
        sound.replace(b'"', b"'"),
    )


KINDS = 18


def _with_every_leaf(value: object, leaf: object) -> object:
    if isinstance(value, Mapping):
        return {name: _with_every_leaf(inner, leaf) for name, inner in value.items()}
    return leaf
