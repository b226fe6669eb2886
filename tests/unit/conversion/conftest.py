from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.conversion.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a gateway that converts, at noon."""
    return World(tmp_path)
