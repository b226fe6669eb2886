"""What stands behind the edges: the rooms with what they work with, made at the start and made anew at each reload.

Rules:

- A reload is whole: everything is loaded and every connector made before any of it is put in force, as one new desk.
- Trust and rules are seen through the desk in force: who asked before a reload is answered by what was then. Only the
  keys of provinces that sign their answers are those of now: one that is trusted no more vouches for nothing.
- Nothing here knows a transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.callers.meter import Meters
from gateway.callers.registry import CallerRegistry
from gateway.callers.rights import Rights, RightsOf, everyone_may, up_to
from gateway.callers.shared_rates import NOBODY_WATCHES as NOBODY_WATCHES_RATES
from gateway.callers.shared_rates import RatesObserver
from gateway.changes import Listed
from gateway.clinical import ClinicalItem
from gateway.config import Config
from gateway.config.status import StatusSection
from gateway.conversion.converter import BriefSigner, Converter
from gateway.conversion.observer import ConversionObserver
from gateway.conversion.recheck import Rechecks
from gateway.conversion.settings import ConversionRefused, ConversionSettings
from gateway.guarding import everywhere_of, guard_of, redis_access, refuse_longer_lived, shared_rates_of
from gateway.handles.current import Handles
from gateway.handles.observer import HandleObserver, Unobserved
from gateway.handles.upkeep import Upkeep
from gateway.held.mapped_lists import MappedLists
from gateway.loading import (
    KnownCallers,
    Loaded,
    Loader,
    StartRefused,
    load_conversion_signer,
    load_other_keys,
    load_signer,
)
from gateway.pipeline import Pipeline
from gateway.provinces.credentials import CredentialsUnavailable
from gateway.provinces.dialect import Dialect
from gateway.provinces.dialects import connect
from gateway.provinces.issuers import Issuers
from gateway.provinces.observer import ProvinceObserver
from gateway.provinces.profile import ProvinceProfile
from gateway.receipts.receipt import ReceiptIssuer
from gateway.replay.observer import NOBODY_WATCHES, ReplayObserver
from gateway.rpc.admission import Admission
from gateway.rpc.audited import KeepsAudit
from gateway.rpc.desk import UNWATCHED, VerificationDesk, WatchesDisclosures
from gateway.rpc.methods import READS_OF_LISTS
from gateway.status.freshness import Budget, Budgets
from gateway.status.observe import OwnAndFollowed, StatusLists
from gateway.trust.snapshot import TrustSnapshot, with_converter
from gateway.values import Decision, Instant, IssuerId, KeyId, Profile, Purpose, StatusPointer, TrustedKey
from keys.signer import Signer, public_jwks

Trail = Callable[[tuple[str, ...]], KeepsAudit]
"""Trust lists in force -> what decisions are written down with."""


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told what happens. None of them may raise or wait."""

    verdicts: Callable[[Decision], None]
    provinces: ProvinceObserver
    conversions: ConversionObserver
    receipts: Callable[[int], None] = lambda _: None
    """Told at each signature how many receipts it is for."""
    replay: ReplayObserver = NOBODY_WATCHES
    handles: HandleObserver = field(default_factory=Unobserved)
    disclosures: WatchesDisclosures = UNWATCHED
    rates: RatesObserver = NOBODY_WATCHES_RATES


class Judging:
    """The rooms of one gateway. Make, start, reload and close it in the same event loop."""

    def __init__(
        self,
        config: Config,
        clock: Callable[[], Instant],
        watchers: Watchers,
        *,
        converts: bool = True,
        replay_memory: int | None = None,
        handles: Handles | None = None,
        trail: Trail | None = None,
    ) -> None:
        """Load everything; ask nobody. `converts`: whether codes are shown to this process, and converted.

        `replay_memory`: the descriptor of the showings that all workers remember together; None: this one is alone.
        `handles`: who makes them, if any.

        `trail` makes what decisions are written down with, under these trust lists; None: they are not.

        Raises: StartRefused.
        """
        self._clock = clock
        self._receipt_settings = config.receipts
        self._watch_receipts = watchers.receipts
        self._trail = trail
        self._most = most_profiles(config)
        self._enrolled = () if config.status is None else config.status.enrolled
        # A keeper of its own is the only one on its machine; workers share what a caller may ask.
        self.meters = Meters(workers=config.service.workers if converts else 1, together=config.callers.rates_in_redis)
        """What counts the calls of this process."""
        self._replay_settings = config.replay
        self._loader = Loader(config, clock())
        refuse_longer_lived(self.loaded.provinces.profiles, config.replay)
        asks_redis = converts or config.callers.rates_in_redis
        self._redis = redis_access(config.replay) if asks_redis else None
        self._everywhere = everywhere_of(self._redis, config.replay, watchers.replay) if converts else None
        self._shared_rates = shared_rates_of(self._redis, config.replay, self.meters, watchers.rates)
        self.replay = (
            guard_of(config.replay, replay_memory, self._everywhere, clock, watchers.replay) if converts else None
        )
        self.signer = load_signer(config)
        self._other_keys = load_other_keys(config)
        self.own_codes = _own_codes(config)
        self.converter = _converter(config, self.own_codes, watchers) if converts else None
        self.mapped = tuple(MappedLists(folder) for folder in list_folders(config.status))
        self.budgets = budgets_of(config)
        with _refusing():
            self._trust(self.loaded)
            self._issuers = Issuers(self.loaded.provinces, self._connect, watchers.provinces)
        self.pipeline = self._pipeline()
        """In force: a reload puts another in its place."""
        self._upkeep = None if handles is None else Upkeep(handles, clock, watchers.handles)
        self.desk = VerificationDesk(
            pipeline=self.pipeline,
            receipts=self._receipts(),
            rights_of=self._rights_of(self.loaded.callers),
            converter=self.converter,
            published=self.loaded.published,
            replay=self.replay,
            suspect=self.loaded.policies.suspect,
            clock=clock,
            watch=watchers.verdicts,
            handles=handles,
            disclosures=watchers.disclosures,
            audit=self._audit(),
        )
        self.admission = Admission(self.desk.rights_of, self.loaded.callers.roots)
        """Who gets in. In force: as the desk."""
        self._rechecks: Rechecks | None = None
        if self.converter is not None:
            self._rechecks = Rechecks(self.converter, lambda: self.pipeline, clock, watchers.conversions)

    @property
    def loaded(self) -> Loaded:
        """What is in force."""
        return self._loader.current

    @property
    def trust(self) -> TrustSnapshot:
        """What is trusted now: what the trust lists say, and the codes that this gateway converts."""
        return self._trust(self.loaded)

    def key_set(self) -> bytes:
        """Return the public keys that this gateway's receipts and codes are verified with, as a JWKS document."""
        signers = (self.signer,) if self.own_codes is None else (self.signer, self.own_codes.signer)
        return public_jwks(signers, self._other_keys)

    def start(self) -> None:
        """Begin to look at originals and at the keys of handles, to forget showings, and to count with others."""
        if self._shared_rates is not None:
            self._shared_rates.start()
        if self.replay is not None:
            self.replay.start()
        if self._upkeep is not None:
            self._upkeep.start()
        if self._rechecks is not None:
            self._rechecks.start()

    async def reload(self) -> None:
        """Load everything anew and put it in force. Raises: StartRefused, and then what is in force stays."""
        if self._upkeep is not None:
            await self._upkeep.look()
        loaded = await asyncio.to_thread(self._loader.load, self._clock())
        refuse_longer_lived(loaded.provinces.profiles, self._replay_settings)
        redis = None if self._redis is None else redis_access(self._replay_settings)
        with _refusing():
            self._trust(loaded)
            self._issuers = self._issuers.renewed(loaded.provinces)
        rights_of = self._rights_of(loaded.callers)
        self._loader.adopt(loaded)
        if redis is not None and redis != self._redis:
            self._redis = redis
            if self._everywhere is not None:
                self._everywhere.renew(redis.line, redis.questions())
            if self._shared_rates is not None:
                self._shared_rates.renew(redis.rates_line, redis.secret)
        self.pipeline = self._pipeline()
        self.desk = replace(
            self.desk,
            pipeline=self.pipeline,
            published=loaded.published,
            suspect=loaded.policies.suspect,
            rights_of=rights_of,
            receipts=self._receipts(),
            audit=self._audit(),
        )
        self.admission = Admission(rights_of, loaded.callers.roots)
        if self._rechecks is not None:
            self._rechecks.trust_changed()

    async def close(self) -> None:
        """Ask nobody any more. In bounded time."""
        if self._upkeep is not None:
            await self._upkeep.stop()
        if self._rechecks is not None:
            await self._rechecks.stop()
        if self.replay is not None:
            await self.replay.close()
        if self._shared_rates is not None:
            await self._shared_rates.close()
        await self._issuers.close()

    def _receipts(self) -> ReceiptIssuer:
        chosen = self._receipt_settings
        return ReceiptIssuer(
            chosen.issuer, self.signer, chosen.lifetime_s, self.loaded.lists.versions, self._watch_receipts
        )

    def _audit(self) -> KeepsAudit | None:
        return None if self._trail is None else self._trail(self.loaded.lists.versions)

    def _rights_of(self, callers: KnownCallers) -> RightsOf:
        if callers.grants is None:
            return everyone_may(Rights(self._most, clinical_items=frozenset(ClinicalItem)))
        registry = CallerRegistry(
            callers.grants, self.meters, most=self._most, enrolled=self._enrolled, reads=READS_OF_LISTS
        )
        return registry.rights_of

    def _pipeline(self) -> Pipeline:
        loaded = self.loaded
        return Pipeline(
            self._trust(loaded),
            loaded.policies,
            opaque=loaded.provinces.shapes,
            online=loaded.provinces.online,
            asks=self._issuers,
            lists=self._lists(),
            budgets=self.budgets,
            risks=loaded.published.risks,
            dynamic_max_s=self._replay_settings.dynamic_max_s,
        )

    def _lists(self) -> StatusLists:
        followed: StatusLists = self.mapped[0] if len(self.mapped) == 1 else _EachInTurn(self.mapped)
        converter = self.converter
        return followed if converter is None else OwnAndFollowed({converter.settings.issuer: converter}, followed)

    def _trust(self, loaded: Loaded) -> TrustSnapshot:
        own = self.own_codes
        return loaded.trust if own is None else with_converter(loaded.trust, own.issuer, own.signer)

    def _connect(self, profile: ProvinceProfile) -> Dialect:
        return connect(profile, keys=self._find_keys)

    def _find_keys(self, issuer: IssuerId, key_id: KeyId) -> tuple[TrustedKey, ...]:
        return self.loaded.trust.ring.find(issuer, key_id)


@dataclass(frozen=True, slots=True)
class OwnCodes:
    """Whose codes the converted ones of this gateway are."""

    issuer: IssuerId
    signer: Signer


def most_profiles(config: Config) -> frozenset[Profile]:
    """Return the profiles that the configuration allows at all."""
    most = up_to(Profile[config.disclosure.max_profile.value])
    return most | {Profile.CLINIC} if config.disclosure.clinic else most


def _own_codes(config: Config) -> OwnCodes | None:
    chosen, signer = config.conversion, load_conversion_signer(config)
    if chosen is None or signer is None:
        return None
    return OwnCodes(IssuerId(chosen.issuer), BriefSigner(signer))


def _converter(config: Config, own: OwnCodes | None, watchers: Watchers) -> Converter | None:
    chosen = config.conversion
    if chosen is None or own is None:
        return None
    try:
        settings = ConversionSettings(
            issuer=own.issuer,
            status_uri=chosen.status_uri,
            max_lifetime_s=chosen.max_lifetime_s,
            recheck_s=chosen.recheck_s,
            stale_after_s=chosen.stale_after_s,
            questions_per_s=chosen.questions_per_s,
            capacity=chosen.capacity,
        )
        return Converter(settings, own.signer, watchers.conversions)
    except ConversionRefused as refused:
        raise StartRefused("conversion", "conversion", "", str(refused)) from None


class _EachInTurn:
    """Lists in several folders."""

    def __init__(self, folders: Sequence[MappedLists]) -> None:
        self._folders = folders

    def look_up(self, issuer: IssuerId, pointer: StatusPointer, at: Instant) -> Listed | None:
        """See gateway.status.observe.StatusLists."""
        for folder in self._folders:
            found = folder.look_up(issuer, pointer, at)
            if found is not None:
                return found
        return None


def lists_folder(status: StatusSection) -> Path:
    """Return where the files of lists are that are changed by batches."""
    return status.directory / "lists"


def token_lists_folder(status: StatusSection) -> Path:
    """Return where the files of plain lists are, which come whole."""
    return status.directory / "token-lists"


def list_folders(status: StatusSection | None) -> tuple[Path, ...]:
    """Return all folders of lists that codes are judged by."""
    if status is None:
        return ()
    folders = (lists_folder(status), token_lists_folder(status))
    return folders if status.token_lists else folders[:1]


def budgets_of(config: Config) -> Budgets:
    """Return how old a list may be, by issuer and purpose.

    Nobody looks after a list of converted codes whose writer has gone: what it says last may be an original's word of
    `recheck_s` ago, and is MANUAL, as everywhere, once that is `stale_after_s` old.
    """
    status, conversion = config.status, config.conversion
    if status is None:
        return Budgets()
    issuers: dict[IssuerId, Budget] = {}
    purposes: dict[Purpose, Budget] = {}
    both: dict[tuple[IssuerId, Purpose], Budget] = {}
    if conversion is not None:
        longest = max(0.0, conversion.stale_after_s - conversion.recheck_s)
        issuers[IssuerId(conversion.issuer)] = Budget(min(status.fresh_s, longest), longest)
    for one in status.budgets:
        budget = Budget(one.fresh_s, one.budget_s)
        issuer = None if one.issuer is None else IssuerId(one.issuer)
        purpose = None if one.purpose is None else Purpose[one.purpose.value]
        if issuer is not None and purpose is not None:
            both[issuer, purpose] = budget
        elif issuer is not None:
            issuers[issuer] = budget
        elif purpose is not None:
            purposes[purpose] = budget
    default = Budget(status.fresh_s, status.budget_s)
    return Budgets(default, by_issuer=issuers, by_purpose=purposes, by_both=both)


@contextmanager
def _refusing() -> Iterator[None]:
    """Tell in the gateway's words what a connector misses, or what contradicts a trust list."""
    try:
        yield
    except CredentialsUnavailable as refused:
        raise StartRefused("provinces", "provinces.directory", str(refused.file), refused.why) from None
    except ValueError as refused:
        raise StartRefused("conversion", "conversion.issuer", "", str(refused)) from None
