"""What a gateway judges with, loaded from what its configuration names: at the start, and again at each reload.

Rules:

- Order: trust, callers, rules, profiles, published lists (which trust vouches for). One that cannot be loaded refuses
  all.
- A reload gives a new whole or changes nothing: trust lists and published lists never go back.
- Nothing here is asked, opened to the outside or signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.callers.registry import Grants
from gateway.callers.registry_file import RegistryInvalid, read_registry
from gateway.callers.roots import DomainRoots, RootsUnusable
from gateway.config import Config
from gateway.config.audit import AuditSection
from gateway.config.status import StatusSection
from gateway.handles.current import Handles, HandleSettings, open_handles
from gateway.handles.observer import HandleObserver
from gateway.places.list_store import NOTHING_PUBLISHED, ListsUnavailable, PublishedLists, load_lists
from gateway.policy.book import PolicyBook, PolicyUnavailable
from gateway.provinces.directory import NO_PROVINCES, ProfilesUnavailable, ProvinceDirectory
from gateway.rpc.methods import known_calls
from gateway.trust.snapshot import TrustSnapshot
from gateway.trust.store import LoadedTrust, TrustStore, TrustUnavailable
from gateway.values import Instant
from gateway.watch.event import Part
from keys.epoch_keys import EpochFolder, EpochKeyUnavailable
from keys.published import PublicKeyUnreadable, read_public_key
from keys.signer import Signer, SignerUnavailable, open_signer


class StartRefused(Exception):
    """Something cannot be loaded or opened, so the gateway does not start, or keeps what it has.

    `part` is what failed, `option` what names it, `file` the file with its line where there is one, `why` is for the
    operator.
    """

    def __init__(self, part: Part, option: str, file: str, why: str) -> None:
        super().__init__(": ".join(word for word in (option, file, why) if word))
        self.part: Part = part
        self.option = option
        self.file = file
        self.why = why

    @property
    def where(self) -> str:
        """The option, and the file if there is one."""
        return f"{self.option}: {self.file}" if self.file else self.option


@dataclass(frozen=True, slots=True)
class Loaded:
    """All of it, loaded together."""

    lists: LoadedTrust
    policies: PolicyBook
    provinces: ProvinceDirectory
    published: PublishedLists
    callers: KnownCallers

    @property
    def trust(self) -> TrustSnapshot:
        """What the trust lists say."""
        return self.lists.snapshot


@dataclass(frozen=True, slots=True)
class KnownCallers:
    """Who may ask what."""

    grants: Grants | None
    """None: everyone may ask."""
    roots: DomainRoots | None
    """None: authorities are not told apart."""


class Loader:
    """Loads what one configuration names."""

    def __init__(self, config: Config, at: Instant) -> None:
        """Load it for the first time. Raises: StartRefused."""
        self._config = config
        self._trust = load_trust(config, at)
        self.current = self._with(self._trust.held, NOTHING_PUBLISHED, at)

    def load(self, at: Instant) -> Loaded:
        """Return all of it as it is on disk, not yet in force. Raises: StartRefused."""
        try:
            lists = self._trust.load(at=at)
        except TrustUnavailable as refused:
            raise StartRefused("trust", "trust.lists", refused.file, refused.why) from None
        return self._with(lists, self.current.published, at)

    def adopt(self, loaded: Loaded) -> None:
        """Put what `load` returned in force."""
        self._trust.adopt(loaded.lists)
        self.current = loaded

    def _with(self, lists: LoadedTrust, before: PublishedLists, at: Instant) -> Loaded:
        config = self._config
        published = load_published(config, lists.snapshot, at, before=before)
        return Loaded(lists, load_policies(config), load_provinces(config), published, load_callers(config))


def load_trust(config: Config, at: Instant) -> TrustStore:
    """Return the trust lists of `config`. Raises: StartRefused."""
    try:
        return TrustStore(config.trust.lists, config.service.environment, at=at)
    except TrustUnavailable as refused:
        raise StartRefused("trust", "trust.lists", refused.file, refused.why) from None


def load_callers(config: Config) -> KnownCallers:
    """Return the registry of callers and the authorities of domains. Raises: StartRefused."""
    chosen = config.callers
    try:
        roots = DomainRoots.load(chosen.authorities) if chosen.authorities else None
    except RootsUnusable as refused:
        raise StartRefused("callers", "callers.roots", f"{refused.domain}: {refused.file}", refused.why) from None
    if chosen.registry is None:
        return KnownCallers(None, roots)
    try:
        grants = read_registry(chosen.registry, known_calls(), None if roots is None else roots.domains)
    except RegistryInvalid as invalid:
        raise StartRefused("callers", "callers.registry", str(chosen.registry), str(invalid)) from None
    return KnownCallers(grants, roots)


def load_policies(config: Config) -> PolicyBook:
    """Return the rules of `config`. Raises: StartRefused."""
    try:
        return PolicyBook.load(config.policy.directory)
    except PolicyUnavailable as refused:
        raise StartRefused("policy", "policy.directory", refused.file, refused.why) from None


def load_provinces(config: Config) -> ProvinceDirectory:
    """Return the profiles of `config`; none if it names no folder. Raises: StartRefused."""
    if config.provinces is None:
        return NO_PROVINCES
    try:
        return ProvinceDirectory.load(config.provinces.directory)
    except ProfilesUnavailable as refused:
        raise StartRefused("provinces", "provinces.directory", refused.where, refused.why) from None


def load_published(
    config: Config, trust: TrustSnapshot, at: Instant, *, before: PublishedLists = NOTHING_PUBLISHED
) -> PublishedLists:
    """Return the published lists of `config`, of issuers of `trust`. Raises: StartRefused."""
    try:
        return load_lists(config.lists.files, trust, at, before=before)
    except ListsUnavailable as refused:
        raise StartRefused("lists", "lists.files", refused.file, refused.why) from None


def load_signer(config: Config) -> Signer:
    """Return the receipt key of `config`. Raises: StartRefused."""
    return _signer(config.receipts.signer, "receipts.signer")


def load_handles(config: Config, observer: HandleObserver, at: Instant) -> Handles | None:
    """Return who makes handles, None if nobody does. Raises: StartRefused if the folder of keys cannot be used."""
    chosen = config.handles
    if chosen is None:
        return None
    settings = HandleSettings(chosen.epoch_s, chosen.makes_keys)
    try:
        return open_handles(EpochFolder(chosen.folder), settings, observer, at)
    except EpochKeyUnavailable as refused:
        raise StartRefused("handles", "handles.folder", "", refused.why) from None


def load_other_keys(config: Config) -> tuple[Mapping[str, object], ...]:
    """Return the public keys that are published beside the receipt key, as JWKs. Raises: StartRefused."""
    found = []
    for file in config.receipts.other_keys:
        try:
            found.append(read_public_key(file))
        except PublicKeyUnreadable as refused:
            raise StartRefused("signer", "receipts.other_keys", str(file), str(refused)) from None
    return tuple(found)


def load_conversion_signer(config: Config) -> Signer | None:
    """Return the key that signs converted codes, None if none are made. Raises: StartRefused."""
    return None if config.conversion is None else _signer(config.conversion.signer, "conversion.signer")


def load_status_signer(status: StatusSection) -> Signer:
    """Return the key that signs snapshots and list tokens. Raises: StartRefused."""
    return _signer(status.signer, "status.signer")


def load_audit_signer(audit: AuditSection) -> Signer:
    """Return the key that signs the heads of the audit log. Raises: StartRefused."""
    return _signer(audit.signer, "audit.signer")


def _signer(uri: str, option: str) -> Signer:
    try:
        return open_signer(uri)
    except SignerUnavailable as refused:
        raise StartRefused("signer", option, "", str(refused)) from None
