"""What a start keeps from Python's search for garbage, and what it does not."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from gateway import garbage


class Ring:
    """Refers to itself: only a search finds that nobody else does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def test_while_a_process_loads_nothing_is_searched() -> None:
    garbage.wait()
    assert not gc.isenabled()
    garbage.go_on()
    assert gc.isenabled()


def test_what_was_made_before_is_kept_and_what_is_made_after_is_dropped() -> None:
    garbage.wait()
    before = weakref.ref(Ring())
    garbage.go_on()
    after = weakref.ref(Ring())
    gc.collect()
    assert before() is not None
    assert after() is None
