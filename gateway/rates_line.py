"""The connection to Redis over which processes and nodes count the rates of callers together.

Rules:

- All keys of one exchange are one call of one script. What it keeps are counters, which end by themselves.
- It is reached as the replay guard's Redis is. One that forgets is good enough: a total that is gone begins anew.

Source: Redis commands EVALSHA, INCRBY, PEXPIRE, SCRIPT LOAD; docs/callers.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from redis.exceptions import RedisError

from gateway.callers.shared_rates import Count, RatesSilent
from gateway.replay.redis_line import ScriptLine, why_silent

SCRIPT: Final = """
local totals = {}
for i, name in ipairs(KEYS) do
  totals[i] = redis.call('INCRBY', name, ARGV[2 * i - 1])
  redis.call('PEXPIRE', name, ARGV[2 * i])
end
return totals
"""
"""KEYS: names of counters. ARGV: for each what is added, and milliseconds that it is kept. Returns the new totals."""


class RatesLine(ScriptLine):
    """The connection of the rates. Make it, `open` it, add, `close` it."""

    async def open(self) -> None:
        """Connect and be let in. Raises: RatesSilent."""
        try:
            await self._connection.connect()  # type: ignore[no-untyped-call]
            await self._load(SCRIPT)
        except (TimeoutError, OSError, RedisError) as failed:
            raise RatesSilent(why_silent(failed).value) from None

    async def add(self, counts: Sequence[Count]) -> list[int]:
        """Add these, in one step; return the new totals. Raises: RatesSilent."""
        names = [one.name for one in counts]
        arguments = [str(number) for one in counts for number in (one.amount, one.kept_ms)]
        try:
            said = await self._call("EVALSHA", self._script, str(len(names)), *names, *arguments)
        except (TimeoutError, OSError, RedisError) as failed:
            raise RatesSilent(why_silent(failed).value) from None
        if not isinstance(said, list) or not all(isinstance(one, int) for one in said):
            raise RatesSilent("broken")
        return said
