"""What tests of following share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adversarial.status_scene import Scene, begun_scene
from tests.conftest import FakeClock


@pytest.fixture
async def scene(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Scene]:
    """Return a node that holds nothing yet, and a source that it may follow."""
    async with begun_scene(tmp_path, clock) as made:
        yield made
