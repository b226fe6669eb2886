"""A gateway that others follow, and one that follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.publishing.settings import LedgerSettings
from tests.conftest import FakeClock

from .house import House
from .memory_log import MemoryLog


@pytest.fixture
async def source(tmp_path: Path, clock: FakeClock) -> House:
    return await House(tmp_path / "source", MemoryLog(), clock).start()


@pytest.fixture
async def follower(tmp_path: Path, clock: FakeClock) -> House:
    return await House(tmp_path / "follower", MemoryLog(), clock, LedgerSettings(prune_s=0, max_lists=1)).start()
