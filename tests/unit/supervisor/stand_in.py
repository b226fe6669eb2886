"""A process that behaves as gateway/supervisor/child.py asks, and serves nothing: run as a script.

Its line of configuration is JSON: `folder` for its notes, and by its name what is wrong with it (`Wrong`).
SIGUSR1 makes it hang, SIGUSR2 not ready. Each start, reload and drain is a line of the folder's `notes`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TypedDict

from gateway.supervisor.child import Line, LineCut, Post, Role, Word


class Wrong(TypedDict, total=False):
    """What is wrong with a process."""

    dies: list[int]
    """Exit statuses of its first starts, before it is ready; minus 1: it starts soundly."""
    never_ready: bool
    refuses_reload: bool
    deaf: bool
    """SIGTERM does not end it."""
    metrics: str
    key_set: str


METRICS = """\
# HELP stand_in_asked_total Questions.
# TYPE stand_in_asked_total counter
stand_in_asked_total 1.0
# HELP stand_in_ready Whether ready.
# TYPE stand_in_ready gauge
stand_in_ready{kind="a"} 1.0
"""


class StandIn:
    """The process."""

    def __init__(self, post: Post, folder: Path, wrong: Wrong, grpc_port: int | None) -> None:
        self.post = post
        self.notes = folder / "notes"
        self.wrong = wrong
        self.grpc_port = grpc_port
        self.ready = True
        self.stop = asyncio.Event()

    def note(self, what: str) -> None:
        with self.notes.open("a") as notes:
            notes.write(f"{self.post.name} {what}\n")

    def starts(self) -> int:
        return self.notes.read_text().splitlines().count(f"{self.post.name} started") if self.notes.exists() else 0

    async def serve(self, line: Line, path: str) -> None:
        loop = asyncio.get_running_loop()
        if not self.wrong.get("deaf"):
            loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload, line)
        loop.add_signal_handler(signal.SIGUSR1, threading.Event().wait)
        loop.add_signal_handler(signal.SIGUSR2, self.unready)
        server = await asyncio.start_unix_server(self.answer, path)
        if not self.wrong.get("never_ready"):
            line.tell(Word.READY)
        await self.stop.wait()
        server.close()
        self.note("drained")

    def reload(self, line: Line) -> None:
        self.note("reloaded")
        line.tell(Word.REFUSED if self.wrong.get("refuses_reload") else Word.RELOADED)

    def unready(self) -> None:
        self.ready = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        status, kind, body = 200, "application/json", ""
        if path == "/metrics":
            kind, body = "text/plain; version=0.0.4; charset=utf-8", self.wrong.get("metrics", METRICS)
        elif path == "/readyz":
            status = 200 if self.ready else 503
            trust = "ok" if self.ready else "expired"
            body = json.dumps({"ready": self.ready, "checks": {"trust": trust, "port": str(self.grpc_port or "none")}})
        else:
            body = self.wrong.get("key_set", '{"keys":[]}')
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", type=Role)
    parser.add_argument("--number", type=int)
    parser.add_argument("--line", type=int)
    parser.add_argument("--http-socket")
    parser.add_argument("--grpc-port", type=int)
    parser.add_argument("--replay-memory", type=int)
    chosen = parser.parse_args()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line = Line(chosen.line)
    try:
        told: dict[str, Any] = json.loads(line.configuration())
    except LineCut:
        return 9
    post = Post(chosen.role, chosen.number)
    process = StandIn(post, Path(told["folder"]), told.get(post.name, {}), chosen.grpc_port)
    before = process.starts()
    process.note("started")
    if chosen.replay_memory is not None:
        process.note(f"memory {os.fstat(chosen.replay_memory).st_ino}")
    line.end_with_supervisor(5.0)
    dies = process.wrong.get("dies", [])
    if before < len(dies) and dies[before] >= 0:
        return dies[before]
    if not process.wrong.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(process.serve(line, chosen.http_socket))
    return 0


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main())
