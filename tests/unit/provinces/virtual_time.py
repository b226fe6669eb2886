"""An event loop whose time passes only when nothing else is left to do: hours in a moment, and the same every time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.BaseSelector):
    """Never waits: says how long it would have."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if not ready:
            assert timeout is not None, "everybody waits for something that will never happen"
            self.now += max(0.0, timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time` is virtual. No thread and no socket may be waited for."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def virtually(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main` in virtual time, and see to it that it leaves no task behind."""

    async def alone() -> T:
        outcome = await main()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"{len(left)} tasks are left"
        return outcome

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(alone())


def now() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()
