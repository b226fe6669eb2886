"""What stands behind the edges: the rooms with what they work with, made at the start and made anew at each reload.

Rules:

- A reload is whole: everything is loaded and every connector made before any of it is put in force, as one new desk.
- Trust and rules are seen through the desk in force: who asked before a reload is answered by what was then. Only the
  keys of provinces that sign their answers are those of now: one that is trusted no more vouches for nothing.
- Nothing here knows a transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gateway.config import Config
from gateway.conversion.converter import Converter
from gateway.conversion.observer import ConversionObserver
from gateway.conversion.recheck import Rechecks
from gateway.conversion.settings import ConversionRefused, ConversionSettings
from gateway.loading import Loaded, Loader, StartRefused, load_conversion_signer, load_signer
from gateway.pipeline import Pipeline
from gateway.provinces.credentials import CredentialsUnavailable
from gateway.provinces.dialect import Dialect
from gateway.provinces.dialects import connect
from gateway.provinces.issuers import Issuers
from gateway.provinces.observer import ProvinceObserver
from gateway.provinces.profile import ProvinceProfile
from gateway.receipts.receipt import ReceiptIssuer
from gateway.rpc.desk import Rights, VerificationDesk, everyone_may
from gateway.status.observe import NO_LISTS
from gateway.trust.snapshot import TrustSnapshot, with_converter
from gateway.values import Decision, Instant, IssuerId, KeyId, Profile, TrustedKey
from keys.signer import Signer


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told what happens. None of them may raise or wait."""

    verdicts: Callable[[Decision], None]
    provinces: ProvinceObserver
    conversions: ConversionObserver


class Judging:
    """The rooms of one gateway. Make, start, reload and close it in the same event loop."""

    def __init__(self, config: Config, clock: Callable[[], Instant], watchers: Watchers) -> None:
        """Load everything; ask nobody. Raises: StartRefused."""
        self._clock = clock
        self._loader = Loader(config, clock())
        self.signer = load_signer(config)
        self.converter = _converter(config, watchers)
        with _refusing():
            self._trust(self.loaded)
            self._issuers = Issuers(self.loaded.provinces, self._connect, watchers.provinces)
        self.desk = VerificationDesk(
            pipeline=self._pipeline(),
            receipts=ReceiptIssuer(config.receipts.issuer, self.signer),
            rights_of=everyone_may(Rights(Profile[config.disclosure.max_profile.value])),
            converter=self.converter,
            published=self.loaded.published,
            clock=clock,
            watch=watchers.verdicts,
        )
        self._rechecks: Rechecks | None = None
        if self.converter is not None:
            self._rechecks = Rechecks(self.converter, lambda: self.desk.pipeline, clock, watchers.conversions)

    @property
    def loaded(self) -> Loaded:
        """What is in force."""
        return self._loader.current

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Whose public keys are to be published."""
        return (self.signer,) if self.converter is None else (self.signer, self.converter.signer)

    def start(self) -> None:
        """Begin to look at the originals of converted codes."""
        if self._rechecks is not None:
            self._rechecks.start()

    async def reload(self) -> None:
        """Load everything anew and put it in force. Raises: StartRefused, and then what is in force stays."""
        loaded = await asyncio.to_thread(self._loader.load, self._clock())
        with _refusing():
            self._trust(loaded)
            self._issuers = self._issuers.renewed(loaded.provinces)
        self._loader.adopt(loaded)
        self.desk = replace(self.desk, pipeline=self._pipeline(), published=loaded.published)
        if self._rechecks is not None:
            self._rechecks.trust_changed()

    async def close(self) -> None:
        """Ask nobody any more. In bounded time."""
        if self._rechecks is not None:
            await self._rechecks.stop()
        await self._issuers.close()

    def _pipeline(self) -> Pipeline:
        loaded = self.loaded
        return Pipeline(
            self._trust(loaded),
            loaded.policies,
            opaque=loaded.provinces.shapes,
            online=loaded.provinces.online,
            asks=self._issuers,
            lists=NO_LISTS if self.converter is None else self.converter,
            risks=loaded.published.risks,
        )

    def _trust(self, loaded: Loaded) -> TrustSnapshot:
        converter = self.converter
        if converter is None:
            return loaded.trust
        return with_converter(loaded.trust, converter.settings.issuer, converter.signer)

    def _connect(self, profile: ProvinceProfile) -> Dialect:
        return connect(profile, keys=self._find_keys)

    def _find_keys(self, issuer: IssuerId, key_id: KeyId) -> tuple[TrustedKey, ...]:
        return self.loaded.trust.ring.find(issuer, key_id)


def _converter(config: Config, watchers: Watchers) -> Converter | None:
    chosen, signer = config.conversion, load_conversion_signer(config)
    if chosen is None or signer is None:
        return None
    try:
        settings = ConversionSettings(
            issuer=IssuerId(chosen.issuer),
            status_uri=chosen.status_uri,
            max_lifetime_s=chosen.max_lifetime_s,
            recheck_s=chosen.recheck_s,
            stale_after_s=chosen.stale_after_s,
            questions_per_s=chosen.questions_per_s,
            capacity=chosen.capacity,
        )
        return Converter(settings, signer, watchers.conversions)
    except ConversionRefused as refused:
        raise StartRefused("conversion", "conversion", "", str(refused)) from None


@contextmanager
def _refusing() -> Iterator[None]:
    """Tell in the gateway's words what a connector misses, or what contradicts a trust list."""
    try:
        yield
    except CredentialsUnavailable as refused:
        raise StartRefused("provinces", "provinces.directory", str(refused.file), refused.why) from None
    except ValueError as refused:
        raise StartRefused("conversion", "conversion.issuer", "", str(refused)) from None
