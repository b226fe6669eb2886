"""Nodes that guard together: gateways with one province and one Redis, and gates that show codes to them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from healthcode.interop.v1 import verdict_pb2
from healthcode.interop.v1 import verification_service_pb2 as pb

from tests.integration.gateway_process import Gateway, Site, running
from tests.simulators.redis_server import RedisServer

LIFE_S = 240
NOTE = "REPLAY_GUARD_LOCAL"


@dataclass
class Country:
    """A province whose codes live for four minutes, and the sites of the nodes that trust it."""

    folder: Path
    redis: RedisServer | None = None
    province: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def site(self, name: str, replay: str = "") -> Site:
        """Return the site of a node. `replay` are more lines of its section."""
        folder = self.folder / name
        folder.mkdir()
        site = Site(folder, self.province)
        lines = ["[replay]", replay]
        if self.redis is not None:
            for file, secret in (("redis.url", self.redis.url), ("replay.key", "k" * 43)):
                (folder / file).write_text(secret + "\n")
                (folder / file).chmod(0o600)
            lines += ['redis = "redis.url"', 'redis_key = "replay.key"']
        site.config.write_text(site.config.read_text() + "\n".join(lines) + "\n")
        self._site = site
        return site

    def code(self, *, life_s: float = LIFE_S) -> bytes:
        """Return another green code, made just now."""
        now = int(time.time())
        return self._site.code(
            issue_time=now - 1, expire_time=now - 1 + int(life_s), code_id=f"showing-{next(self._numbers):012d}"
        )


@contextmanager
def nodes(country: Country, count: int, *settings: str, replay: str = "") -> Iterator[list[Gateway]]:
    """Give so many nodes that serve."""
    with ExitStack() as all_:
        yield [
            all_.enter_context(running(country.site(f"node-{number}", replay), *settings)) for number in range(count)
        ]


def shown(code: bytes, gate: str, *, receipt: bool = False) -> pb.VerifyCodeRequest:
    """Return the question of a gate."""
    context = pb.VerificationContext(
        purpose=verdict_pb2.PURPOSE_TRANSPORT_ARRIVAL, receiving_division="330000", checkpoint=gate
    )
    return pb.VerifyCodeRequest(context=context, code=code, receipt_requested=receipt)
