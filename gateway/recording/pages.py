"""What others may read of the logs over HTTP: signed heads and hashes, and entries where that is configured.

    /audit/decisions/checkpoint         the signed head
    /audit/decisions/tile/0/x001/067    hashes, as C2SP tlog-tiles has them; /tile/entries/... what entries say
    /audit/decisions/forgotten          the signed statement of what was deleted, if anything was
    /audit/changes/...                  the same of the changes
    /audit/seen                         the last heads of other nodes that were seen here: JSON, origin -> head

Rules:

- Files are read as they lie there: whoever serves need not be who writes.
- A path is read as the name of a part of a log before the disk is asked; anything else is 404.
- Heads are never to be kept by caches, hashes of full tiles never change.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final

from gateway.audit.entries import LogName
from gateway.audit.reading import MAX_NOTE_BYTES
from gateway.audit.retention import FORGOTTEN
from gateway.audit.tiles import CHECKPOINT, parse_path
from gateway.web.pages import JSON, TEXT, Answer, Question, plain

AUDIT: Final = "/audit/"
"""Below which all of it stands."""

PEERS: Final = "peers"
"""Folder, in that of the logs, of the heads of other nodes."""

NOTE: Final = ".note"

_BINARY: Final = "application/octet-stream"
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_LOGS: Final = {log.value: log for log in LogName}


class AuditPages:
    """Serves the files of one machine's logs."""

    def __init__(self, directory: Path, *, entries: bool) -> None:
        """Serve what lies in `directory`; `entries`: what they say, too."""
        self._directory = directory
        self._entries = entries

    async def answer(self, question: Question) -> Answer:
        """Return the page at a path below AUDIT."""
        name, _, part = question.path.removeprefix(AUDIT).partition("/")
        if name == "seen" and not part:
            return Answer(AUDIT, HTTPStatus.OK, await asyncio.to_thread(self._seen), JSON)
        log = _LOGS.get(name)
        if log is None:
            return plain(AUDIT, HTTPStatus.NOT_FOUND)
        if part in (CHECKPOINT, FORGOTTEN):
            return await self._file(log, part, TEXT, {})
        tile = parse_path(part)
        if tile is None or (tile.level is None and not self._entries):
            return plain(AUDIT, HTTPStatus.NOT_FOUND)
        return await self._file(log, tile.path, _BINARY, _FOR_EVER)

    async def _file(self, log: LogName, part: str, content_type: str, headers: dict[str, str]) -> Answer:
        file = await asyncio.to_thread(_opened, self._directory / log.value / part)
        if file is None:
            return plain(AUDIT, HTTPStatus.NOT_FOUND)
        return Answer(AUDIT, HTTPStatus.OK, content_type=content_type, headers=headers, file=file)

    def _seen(self) -> bytes:
        found = {}
        for file in sorted((self._directory / PEERS).glob(f"*{NOTE}")):
            with suppress(OSError, UnicodeDecodeError):
                note = file.read_bytes()[:MAX_NOTE_BYTES].decode()
                found[note.partition("\n")[0]] = note
        return json.dumps(found).encode() + b"\n"


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:
        return None
