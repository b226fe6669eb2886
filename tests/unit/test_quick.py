"""A quick class is the dataclass that it was: only its making differs."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from gateway.quick import quick


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    first: int
    second: str = field(repr=False)
    third: float | None = None


@dataclass(frozen=True, slots=True)
class Plain:
    first: int
    second: str = field(repr=False)
    third: float | None = None


def test_it_is_of_its_own_type_and_equal_to_its_like() -> None:
    made = Quick(1, second="two")
    assert type(made) is Quick
    assert made == Quick(1, "two", None)
    assert made != Quick(1, "two", 3.0)
    assert hash(made) == hash(Plain(1, "two"))
    assert repr(made) == "Quick(first=1, third=None)"
    assert replace(made, third=3.0) == Quick(1, "two", 3.0)
    assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made


def test_it_is_frozen() -> None:
    made = Quick(1, "two")
    with pytest.raises(FrozenInstanceError):
        made.first = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.first
    assert made.first == 1


@pytest.mark.parametrize("arguments", [(), (1,), (1, "two", 3.0, 4)])
def test_wrong_arguments_are_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        Quick(*arguments)  # type: ignore[arg-type]


def test_what_it_cannot_build_it_refuses() -> None:
    @dataclass(frozen=True, slots=True)
    class Made:
        members: list[int] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Checked:
        member: int

        def __post_init__(self) -> None:
            assert self.member

    for elaborate in (Made, Checked):
        with pytest.raises(TypeError):
            quick(elaborate)
