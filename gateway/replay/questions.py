"""What Redis is asked about a showing, in words that say nothing to whoever lacks the nodes' secret.

A name is HMAC-SHA256 of issuer and code id under a key of its generation; a gate is one of it together with the name.
The generation's key is derived from the secret and the generation's number, which all nodes tell by their clocks.

Source: RFC 2104.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hmac import digest
from typing import Final, NamedTuple

from gateway.changes import MAX_CLOCK_SKEW

from .observer import Silence
from .showing import Showing

PREFIX: Final = "hcgw:replay:"

GENERATION_S: Final = 7_200
"""Of the keys: equal on all nodes, and longer than the longest-lived code that can be guarded. Nothing is remembered
for longer."""

_GENERATION: Final = b"hcgw replay generation\0"
_MOST_KEYS: Final = 4


class RedisSilent(Exception):
    """Redis has not answered, or not as it should."""

    def __init__(self, why: Silence) -> None:
        super().__init__(why.value)
        self.why = why


class Question(NamedTuple):
    """One showing, as Redis is asked about it. Nothing in it says anything without the nodes' key."""

    name: str
    gate: str
    other_name: str
    """In the generation beside."""
    other_gate: str
    left_ms: int
    """For how long it is remembered, from when it was shown: until its code ends, and bounded whatever that says."""
    window_ms: int


class QuestionMaker:
    """Turns showings into what Redis is asked, under the secret that all nodes share."""

    def __init__(self, secret: bytes, *, same_passage_s: float) -> None:
        self._secret = secret
        self._window_ms = round(same_passage_s * 1_000)
        self._keys: dict[int, bytes] = {}

    def question(self, showing: Showing) -> Question:
        """Return what is asked about a showing, under its generation's name and that of the one beside.

        Beside is the one before, which may hold it; or, just before the end, the one after, in which another node with
        a clock a little ahead may have recorded it.
        """
        number = int(showing.at // GENERATION_S)
        ahead = int((showing.at + 2 * MAX_CLOCK_SKEW) // GENERATION_S)
        marks = showing.marks
        code = b"%b\0%b" % (marks.issuer.encode(), marks.showing or b"")
        name, gate = self._names(number, code, showing.scope)
        other_name, other_gate = self._names(ahead if ahead != number else number - 1, code, showing.scope)
        # A code from the future passes nowhere; its name must not stand in Redis until it ends.
        left_s = min(max(0.0, (marks.shown_until or showing.at) - showing.at), GENERATION_S) + MAX_CLOCK_SKEW
        return Question(name, gate, other_name, other_gate, round(left_s * 1_000), self._window_ms)

    def _names(self, number: int, code: bytes, scope: bytes) -> tuple[str, str]:
        key = self._keys.get(number)
        if key is None:
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            key = self._keys[number] = digest(self._secret, _GENERATION + b"%d" % number, "sha256")
        tag = digest(key, code, "sha256")
        gate = digest(key, tag + scope, "sha256")
        return PREFIX + _letters(tag), _letters(gate)


def _letters(found: bytes) -> str:
    return urlsafe_b64encode(found[:15]).decode("ascii")
