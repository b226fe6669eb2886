"""What can be chosen about the supervisor, and how long it waits for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .child import Post, Role


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited. Seconds."""

    start_s: float = 300.0
    """From a start to the word ready: a keeper that reads the whole nation's lists takes a while."""
    look_s: float = 1.0
    """Between two looks at the readiness."""
    answer_s: float = 1.0
    """For /readyz and the key set of one process."""
    scrape_s: float = 1.5
    """For /metrics of one process; all are asked at once, so that one that hangs costs a scrape this, not more."""
    silent_s: float = 20.0
    """Without any answer from a process that had been ready: it hangs, and is killed."""
    reload_s: float = 60.0
    """For the word that a reload is over."""
    beyond_grace_s: float = 5.0
    """For the end of a process, after the grace of its open calls."""
    first_again_s: float = 0.1
    """Before a dead process is started again; twice as long each time that it dies young."""
    longest_again_s: float = 15.0
    sound_s: float = 5.0
    """One that became ready and has lived so long did not die young, and is replaced almost at once: a start costs
    about a second. Not longer, or a few deaths within a minute would leave a gateway without its keeper for much of it.
    """


@dataclass(frozen=True, slots=True)
class ReplayMemory:
    """The memory of showings (gateway/replay)."""

    capacity: int
    generation_s: float


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """Which processes there are, and where they are reached."""

    posts: tuple[Post, ...]
    grpc_host: str
    grpc_port: int
    """0 lets the system choose."""
    http_host: str
    http_port: int
    lame_duck_s: float
    grace_s: float
    configuration: bytes = field(repr=False)
    """What each process is given to serve by: one line."""
    tls: bool = False
    replay: ReplayMemory | None = None
    """How large the memory of showings is that all workers share; None: they share none."""
    patience: Patience = Patience()


KEEPER: Final = Post(Role.KEEPER)


def posts(*, workers: int, keeper: bool) -> tuple[Post, ...]:
    """Return the posts in the order of their start."""
    its = tuple(Post(Role.WORKER, number) for number in range(workers))
    return (KEEPER, *its) if keeper else its


def again_s(patience: Patience, young_deaths: int) -> float:
    """Return how long to wait before a process is started that died young so many times in a row."""
    return min(patience.longest_again_s, patience.first_again_s * 2.0 ** min(young_deaths, 20))
