"""Where the public test vectors are. They stay outside the project; tests read them from there."""

from __future__ import annotations

import os
from pathlib import Path

WHERE_TO_GET_THEM = (
    "public test vectors not found: set HCGW_VECTORS to a folder laid out as tests/conformance/README.md says"
)


def vectors_dir() -> Path | None:
    """Return the folder of public vectors (HCGW_VECTORS, else ../shared/vectors beside the project), or None."""
    named = os.environ.get("HCGW_VECTORS")
    folder = Path(named) if named else Path(__file__).resolve().parent.parent.parent / "shared" / "vectors"
    return folder if (folder / "README.md").is_file() else None


def require_vectors() -> Path:
    """Return the folder of public vectors; without it the test is skipped with a word, and fails under CI=true."""
    import pytest  # not above: the fuzzer asks only where the vectors are, in an environment without pytest

    folder = vectors_dir()
    if folder is None:
        if os.environ.get("CI") == "true":
            pytest.fail(WHERE_TO_GET_THEM)
        pytest.skip(WHERE_TO_GET_THEM)
    return folder
