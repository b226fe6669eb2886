"""The options of the replay guard: which codes it guards, for how long, and who else is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from .forms import Section

SLACK_S: Final = 60.0
"""Seconds beyond a code's life: clocks may be half of that apart, and a code is shown before it was issued."""


class ReplaySection(Section):
    """A dynamic code is good for one passage through one gate."""

    insecure_no_guard: bool = Field(
        default=False, description="Let a screenshot pass at any number of gates; test environment only."
    )
    dynamic_max_s: float = Field(
        default=300,
        ge=10,
        le=3_600,
        allow_inf_nan=False,
        description="Seconds that a native code lives at most to be good for one passage only.",
    )
    same_passage_s: float = Field(
        default=10,
        ge=0,
        le=120,
        allow_inf_nan=False,
        description="Seconds after a showing in which the same gate may show the code again.",
    )
    capacity: int = Field(
        default=250_000,
        ge=1_000,
        le=50_000_000,
        description="Showings of one generation; two are held, so 256 bytes of memory each.",
    )
    redis: Path | None = Field(
        default=None, description="File with the URL of the Redis that several nodes share; absent: one node."
    )
    redis_key: Path | None = Field(
        default=None, description="File with the secret that all nodes share, at least 32 bytes. Required beside redis."
    )
    redis_ca_file: Path | None = Field(
        default=None, description="PEM authorities of a rediss:// server; absent: the system's."
    )
    redis_budget_ms: float = Field(
        default=30,
        ge=1,
        le=1_000,
        allow_inf_nan=False,
        description="Milliseconds that an answer waits for Redis at most.",
    )
    insecure_redis_in_plaintext: bool = Field(
        default=False, description="Talk to a Redis on another machine without TLS; test environment only."
    )

    @property
    def generation_s(self) -> float:
        """How long showings are remembered at the least: as long as the longest-lived code that is guarded."""
        return self.dynamic_max_s + SLACK_S

    @model_validator(mode="after")
    def _redis_and_its_key_belong_together(self) -> Self:
        if (self.redis is None) != (self.redis_key is None):
            raise ValueError("redis and redis_key belong together")
        if self.redis is None and (self.redis_ca_file is not None or self.insecure_redis_in_plaintext):
            raise ValueError("redis_ca_file and insecure_redis_in_plaintext are for a gateway with redis")
        if self.insecure_no_guard and self.redis is not None:
            raise ValueError("insecure_no_guard must not be set beside redis")
        if self.same_passage_s > self.dynamic_max_s:
            raise ValueError("same_passage_s must not be more than dynamic_max_s")
        return self
