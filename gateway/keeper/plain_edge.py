"""The HTTPS edge for enrolled clients that know plain Token Status Lists: lists as tokens, signed by this gateway.

Source: IETF Token Status List, sections 5.1, 8 and 13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.changes import ListName
from gateway.config import Config
from gateway.formats import status_list, status_list_jwt
from gateway.loading import StartRefused
from gateway.publishing.ledger import Ledger
from gateway.values import Instant, IssuerId
from gateway.web.peers import LOOPBACK, TlsUnusable, mutual_tls
from gateway.web.server import Answered, Failed, HttpServer, VouchedFor
from gateway.web.status_lists import StatusListPages
from gateway.web.token_files import Made, TokenFiles
from keys.signer import Signer

if TYPE_CHECKING:
    import ssl

    from gateway.publishing.snapshot import ListSnapshot

FOLDER: Final = "tokens"
TTL_S: Final = 60
"""How long a client may keep a list before she asks again."""

LIFETIME_S: Final = 900
"""Seconds after which a token says nothing any more: as long as a list may be old here, unless configured otherwise."""

_BITS: Final = 4
_LEVEL: Final = 6
_PIECE: Final = 1 << 20


class PlainEdge:
    """Serves all lists of a ledger. Make, start and stop it in the same event loop."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        signer: Signer,
        *,
        enrolled: Callable[[str], bool],
        vouched_for: VouchedFor | None = None,
        answered: Answered,
        failed: Failed,
    ) -> None:
        """Take what is served, who signs, and who may have it: `enrolled` by name, if `vouched_for` says it is hers.

        Raises: StartRefused if the TLS files cannot be used.
        """
        self._config = config
        if config.status is None or config.status.http_listen is None:
            raise ValueError("no status.http_listen")
        self._listen = config.status.http_listen
        self._folder = config.status.directory
        self._ledger = ledger
        self._signer = signer
        self._issuer = IssuerId(config.status.issuer)
        self._tls = _tls(config)
        self._tokens = TokenFiles(self._folder / FOLDER, self._make, failed=failed)
        pages = StatusListPages(
            lists=ledger.heads,
            tokens=self._tokens,
            enrolled=enrolled,
            base=config.status.http_base or f"https://{self._listen}",
            ttl_s=TTL_S,
        )
        self._server = HttpServer(pages, answered=answered, failed=failed, vouched_for=vouched_for)

    async def start(self) -> int:
        """Listen, and return the port. Raises: StartRefused if the address cannot be had."""
        try:
            return await self._server.start(self._listen.host, self._listen.port, self._tls)
        except OSError as refused:
            why = refused.strerror or "cannot listen"
            raise StartRefused("status", "status.http_listen", str(self._listen), why) from None

    def read_tls(self) -> None:
        """Raise StartRefused if the TLS files cannot be used now."""
        _tls(self._config)

    def renew_tls(self) -> None:
        """Show the certificate that the files hold now, from the next hand-shake on.

        Authorities are added, not taken away: where domains have their own, those decide who is somebody.
        """
        tls, files = self._tls, self._config.grpc.tls
        if tls is not None and files is not None:
            tls.load_cert_chain(files.certificate_file, files.key_file, password="")
            for authorities in (files.client_ca_file, *self._config.callers.authorities.values()):
                tls.load_verify_locations(authorities)

    async def stop(self) -> None:
        """Stop listening; end what is being made."""
        await self._server.stop()
        await self._tokens.close()

    async def _make(self, name: tuple[str, str], path: Path) -> Made:
        """Write the token of a list as it stands."""
        with await self._ledger.snapshot(ListName(IssuerId(name[0]), name[1]), self._folder) as snapshot:
            await asyncio.to_thread(self._write, snapshot, path)
            return Made(snapshot.head.number, snapshot.head.digest)

    def _write(self, snapshot: ListSnapshot, path: Path) -> None:
        head = snapshot.head
        token = status_list_jwt.write(
            uri=head.name.uri,
            bits=_BITS,
            packed=status_list.pack(_pieces(snapshot.path), level=_LEVEL),
            issue_time=head.issued,
            expire_time=Instant(head.issued + LIFETIME_S),
            ttl=TTL_S,
            issuer=self._issuer,
            key_id=self._signer.key_id,
            algorithm=self._signer.algorithm,
            sign=self._signer.sign,
        )
        path.write_bytes(token)


def plain_readers(config: Config) -> frozenset[str]:
    """Return who may have lists where no registry says it: by name of certificate; in plaintext, this machine."""
    status = config.status
    names: frozenset[str] = frozenset() if status is None else frozenset(status.enrolled)
    return names | {LOOPBACK} if config.grpc.insecure_plaintext_on_loopback else names


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        while piece := raw.read(_PIECE):
            yield piece


def _tls(config: Config) -> ssl.SSLContext | None:
    tls = config.grpc.tls
    if tls is None:
        return None
    try:
        context = mutual_tls(tls.certificate_file, tls.key_file, tls.client_ca_file)
        for authorities in config.callers.authorities.values():
            context.load_verify_locations(authorities)
    except OSError as unusable:
        raise StartRefused("status", "callers.roots", "", unusable.strerror or "cannot be used") from None
    except TlsUnusable as unusable:
        raise StartRefused("status", "grpc.tls", "", str(unusable)) from None
    return context
