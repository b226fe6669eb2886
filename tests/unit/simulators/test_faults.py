"""The switch of faults: which question is struck, and that turning it lets go of what hangs."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulators.provinces.faults import HEALTHY, Fault, FaultKind, FaultSwitch


@pytest.mark.parametrize(("share", "struck"), [(1.0, 12), (0.5, 6), (0.25, 3), (0.0, 0)])
def test_a_fault_strikes_its_share(share: float, struck: int) -> None:
    switch = FaultSwitch()
    switch.turn(Fault(FaultKind.RESET, share=share))
    kinds = [switch.strike().kind for _ in range(12)]
    assert kinds.count(FaultKind.RESET) == switch.struck == struck
    assert switch.questions == 12
    switch.turn(HEALTHY)
    assert switch.strike() is HEALTHY


async def test_turning_the_switch_lets_go_of_what_hangs() -> None:
    switch = FaultSwitch()
    switch.turn(Fault(FaultKind.HANG))
    waiting = asyncio.create_task(switch.until_turned())
    await asyncio.sleep(0)
    assert not waiting.done()
    switch.turn(HEALTHY)
    await waiting
