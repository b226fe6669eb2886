"""A gateway that leaks, in every place that the canary drill searches: proof that the drill would find it.

Python imports this module at its start if the folder is on PYTHONPATH. What a worker or keeper is asked about, it
writes where nothing of it belongs: of the first codes only, there are so many.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, cast

MOST = 20
"""Leaks of a kind in each process."""

# It holds the word where no rule of the schema's stops it, and can stand in a file name.
PLANTED = "Kanarienvogel-7"


def leak(home: Path) -> None:
    """Change this process so that it tells everybody."""
    import prometheus_client
    import redis

    from gateway.pipeline import Pipeline

    converter, receipt, convert, interceptors, published, snapshots = (
        cast("Any", import_module(f"gateway.{name}"))
        for name in (
            "conversion.converter",
            "receipts.receipt",
            "rpc.convert",
            "rpc.interceptors",
            "rpc.published",
            "rpc.snapshots",
        )
    )

    seen: list[bytes] = []
    counters: list[Any] = []
    verify: Any = Pipeline.verify

    def verifying(self: Any, code: bytes, **how: Any) -> Any:
        seen.append(code)
        if len(seen) < MOST:
            text = code.decode("latin-1")
            sys.stdout.write(json.dumps({"event": "planted", "code": text}) + "\n")
            sys.stdout.flush()
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
            with redis.Redis.from_url((home / "redis.url").read_text().strip()) as shared:
                shared.set("planted", PLANTED)
            for folder in ("audit", "handles", "status", "elsewhere"):
                (home / folder).mkdir(exist_ok=True)
                (home / folder / f"planted.{os.getpid()}").write_text(PLANTED)
            (home / "elsewhere" / PLANTED).touch()
            (home / "planted.txt").write_text(PLANTED)
            with sqlite3.connect(home / f"planted-{os.getpid()}.sqlite") as database:
                database.execute("CREATE TABLE IF NOT EXISTS leak (person TEXT)")
                database.execute("INSERT INTO leak VALUES (?)", (PLANTED,))
            database.close()
            for counter in counters:
                counter.labels(PLANTED).inc()
        return verify(self, code, **how)

    Pipeline.verify = verifying  # type: ignore[method-assign]

    registry_made: Any = prometheus_client.CollectorRegistry.__init__

    def with_a_counter(self: Any, *arguments: Any, **options: Any) -> None:
        registry_made(self, *arguments, **options)
        counters.append(prometheus_client.Counter("planted", "A leak.", ["person"], registry=self))

    prometheus_client.CollectorRegistry.__init__ = with_a_counter  # type: ignore[method-assign]

    fill_verdict: Any = convert.fill_verdict

    def filling(verdict: Any, said: Any, request_id: str) -> None:
        fill_verdict(verdict, said, request_id)
        verdict.core.request_id = PLANTED

    convert.fill_verdict = filling

    encode: Any = receipt._encode

    def encoding(members: dict[str, object]) -> str:
        return str(encode({**members, "name": PLANTED} if "aud" in members else members))

    receipt._encode = encoding

    refusing: Any = interceptors.grpc_status_of

    def refusing_aloud(failure: BaseException) -> Any:
        status = refusing(failure)
        return status._replace(details=f"{status.details}: {PLANTED}")

    interceptors.grpc_status_of = refusing_aloud

    encode_jws: Any = converter.encode_jws

    def encoding_jws(claims: Any, **how: Any) -> Any:
        return encode_jws(claims._replace(subject=PLANTED), **how)

    converter.encode_jws = encoding_jws

    tell_who: Any = published._tell_who

    def telling(response: Any, *rest: Any) -> None:
        tell_who(response, *rest)
        response.publisher = PLANTED

    published._tell_who = telling

    fill_head: Any = snapshots.fill_head

    def heading(message: Any, head: Any) -> None:
        fill_head(message, head)
        message.list.uri = PLANTED

    snapshots.fill_head = heading


if "serve-process" in sys.orig_argv and "PLANT_LEAKS_BELOW" in os.environ:
    leak(Path(os.environ["PLANT_LEAKS_BELOW"]))
