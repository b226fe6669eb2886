"""One connection to Redis, and what is asked over it.

Rules:

- All showings of one question are one call of one script, so that each is looked up and recorded in one step.
- Redis' own clock counts, so that nodes need not agree on the time; a code's end comes as seconds from now.
- A Redis that may forget showings for want of memory, or has only a copy of them, is not asked.
- Nothing of an address is ever told but its kind: it holds a password.

Source: Redis commands EVALSHA, INFO, SCRIPT LOAD; docs/replay.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisGone

from gateway.loopback import is_loopback

from .observer import Silence
from .questions import Question, RedisSilent

CONNECT_S: Final = 5.0
"""Seconds to connect and to be let in. Nobody waits for it."""

SINCE: Final = "hcgw:replay:since"
SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[1])
local since = redis.call('GET', KEYS[1])
if not since then
  since = string.format('%.0f', now)
  redis.call('SET', KEYS[1], since)
end
local answers = {math.max(0, now - tonumber(since))}
for i = 1, (#KEYS - 1) / 2 do
  local names = {KEYS[2 * i], KEYS[2 * i + 1]}
  local base = 4 * i - 2
  local gates = {ARGV[base], ARGV[base + 1]}
  local left, ago = tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
  local shown = now - ago
  local which = 1
  local held = redis.call('GET', names[1])
  if not held then
    which = 2
    held = redis.call('GET', names[2])
  end
  if not held then
    redis.call('SET', names[1], gates[1] .. string.format(' %.0f', shown), 'PX', left)
    answers[i + 1] = 0
  else
    local gate, last = string.match(held, '^(%S+) (%d+)$')
    if gate == gates[which] and shown - tonumber(last) <= window then
      last = string.format('%.0f', math.max(shown, tonumber(last)))
      answers[i + 1] = 1
    else
      answers[i + 1] = 3
    end
    if gate then
      left = math.max(left, redis.call('PTTL', names[which]))
      redis.call('SET', names[which], gate .. ' ' .. last, 'PX', left)
    end
  end
end
return answers
"""
"""KEYS: how long this memory has been here; then two names for each showing. ARGV: milliseconds of a passage; then for
each showing its gate under either name, milliseconds that it is remembered, and that have passed since.
Returns the age of the memory in milliseconds, then for each showing its `Seen`."""


class RedisRefused(ValueError):
    """An address cannot be used. `why` is for the operator and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is, and who asks."""

    scheme: str
    host: str = field(repr=False)
    port: int
    db: int
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


def read_address(url: str, *, ca_file: Path | None = None, plaintext_elsewhere: bool = False) -> RedisAddress:
    """Return what a URL says: rediss://, unix:, or redis:// to this machine (to any, if `plaintext_elsewhere`).

    Raises: RedisRefused. Options in a query are refused: they could switch the check of a certificate off.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise RedisRefused("is no URL") from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise RedisRefused("must begin with rediss://, redis:// or unix://")
    if parts.query or parts.fragment:
        raise RedisRefused("must have no options and no fragment")
    if ca_file is not None and parts.scheme != "rediss":
        raise RedisRefused("redis_ca_file is for rediss://")
    user, password = (None if one is None else unquote(one) for one in (parts.username, parts.password))
    if parts.scheme == "unix":
        if not parts.path.startswith("/"):
            raise RedisRefused("unix:// needs the path of a socket")
        return RedisAddress("unix", unquote(parts.path), 0, 0, user or None, password)
    db = parts.path.strip("/") or "0"
    if not host or not db.isdecimal():
        raise RedisRefused("must be host:port, and a number of a database")
    if parts.scheme == "redis" and not is_loopback(host) and not plaintext_elsewhere:
        raise RedisRefused("plaintext is for this machine: use rediss://, or insecure_redis_in_plaintext in a test")
    return RedisAddress(parts.scheme, host, port or 6379, int(db), user or None, password, ca_file)


class ScriptLine:
    """A connection over which one script is called. After a failure it is of no use."""

    def __init__(self, address: RedisAddress) -> None:
        self._connection = connection_to(address)
        self._script = ""

    async def close(self) -> None:
        """Give the connection up; whatever is under way on it is lost."""
        with suppress(Exception):  # what a dying connection has to say helps nobody
            await self._connection.disconnect(nowait=True)

    async def _load(self, script: str) -> None:
        self._script = _text(await self._call("SCRIPT", "LOAD", script))

    async def _call(self, *words: str) -> object:
        await self._connection.send_command(*words, check_health=False)
        return await self._connection.read_response(disconnect_on_error=False)


class RedisLine(ScriptLine):
    """The replay guard's connection. Make it, `open` it, ask, `close` it."""

    async def open(self, probe_s: float) -> float:
        """Connect, and return for how many seconds the server has been up.

        1. Connect and be let in.
        2. It keeps what it is told: it evicts nothing, and is no copy of another.
        3. The script.
        4. A probe, which is answered within `probe_s` seconds.

        Raises: RedisSilent.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connection.connect()  # type: ignore[no-untyped-call]  # 1
                about = _facts(await self._call("INFO"))
                uptime_s = float(about.get("uptime_in_seconds", "0"))
                evicts = about.get("maxmemory", "0") != "0" and about.get("maxmemory_policy") != "noeviction"
                if evicts or about.get("role", "master") != "master":  # 2
                    raise RedisSilent(Silence.FORGETFUL)
                await self._load(SCRIPT)  # 3
            async with asyncio.timeout(probe_s):
                await self._call("PING")  # 4
        except (TimeoutError, OSError, RedisError, ValueError) as failed:
            raise RedisSilent(why_silent(failed)) from None
        return uptime_s

    async def send(self, questions: Sequence[Question], ago_ms: Sequence[int]) -> None:
        """Send one call. `ago_ms`: how long ago each was shown. Raises: RedisSilent."""
        names, arguments = [SINCE], [str(questions[0].window_ms)]
        for one, ago in zip(questions, ago_ms, strict=True):
            names += (one.name, one.other_name)
            arguments += (one.gate, one.other_gate, str(max(1, one.left_ms - ago)), str(ago))
        packed = self._connection.pack_commands([("EVALSHA", self._script, len(names), *names, *arguments)])
        try:
            await self._connection.send_packed_command(packed, check_health=False)
        except (TimeoutError, OSError, RedisError) as failed:
            raise RedisSilent(why_silent(failed)) from None

    async def receive(self) -> tuple[float, list[int]]:
        """Return the next answer: seconds that the memory has been there, and what each showing was.

        Raises: RedisSilent.
        """
        try:
            answer: Any = await self._connection.read_response(disconnect_on_error=False)
        except (TimeoutError, OSError, RedisError) as failed:
            raise RedisSilent(why_silent(failed)) from None
        if not isinstance(answer, list) or not answer or not all(isinstance(one, int) for one in answer):
            raise RedisSilent(Silence.BROKEN)
        return answer[0] / 1_000, answer[1:]


def why_silent(failed: BaseException) -> Silence:
    """Return a failure as a word."""
    if isinstance(failed, AuthenticationError | NoPermissionError):
        return Silence.REFUSED
    if isinstance(failed, ResponseError | ValueError):
        return Silence.BROKEN
    if isinstance(failed, TimeoutError):
        return Silence.SLOW
    return Silence.UNREACHABLE if isinstance(failed, OSError | RedisGone) else Silence.BROKEN


def connection_to(address: RedisAddress) -> AbstractConnection:
    """Return a connection that is not open yet, keeps no time and never tries again by itself."""
    about: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "protocol": 2,
        # Who asks keeps the time, and tries again.
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_S,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,
    }
    if address.scheme == "unix":
        return UnixDomainSocketConnection(path=address.host, **about)
    about.update(host=address.host, port=address.port)
    if address.scheme == "redis":
        return Connection(**about)
    ca_file = None if address.ca_file is None else str(address.ca_file)
    return SSLConnection(ssl_cert_reqs="required", ssl_check_hostname=True, ssl_ca_certs=ca_file, **about)


def _text(said: object) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _facts(said: object) -> dict[str, str]:
    """Return what INFO says, name by name."""
    lines = (line.partition(":") for line in _text(said).splitlines())
    return {name: value.strip() for name, colon, value in lines if colon}
