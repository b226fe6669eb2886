"""Every option: its section, type, range, default and meaning.

Rules:

- Nothing that trust rests on has a default.
- A secret is a path to a file, never a value.
- An option that is not here is refused.
- Each option has a description: it ends in the JSON Schema and is told again, at length, in deploy/config/example.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from keys.values import Environment

from .audit import AuditSection
from .forms import Endpoint, ListenOn, Section, Signer
from .handles import HandlesSection
from .replay import ReplaySection
from .status import StatusSection

ENV_PREFIX = "HCGW__"


TrustDomain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,255}$")]
"""As SPIFFE ids have it."""


class MaxProfile(StrEnum):
    """The most that any caller may be told. CLINIC is not among them: it is no more than PROVINCE, but other."""

    GATE = "GATE"
    STAFF = "STAFF"
    PROVINCE = "PROVINCE"


class LogLevel(StrEnum):
    """The least severe events that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ServiceSection(Section):
    """Which gateway this is."""

    environment: Environment = Field(description="The world this gateway belongs to; each trust list must name it too.")
    instance: str = Field(
        default="hcgw", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Name of this process in its log lines."
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="Worker processes that answer on grpc.listen; one per core is enough."
    )


class TlsSection(Section):
    """Mutual TLS: callers are who their certificate says they are."""

    certificate_file: Path = Field(description="PEM chain that callers see.")
    key_file: Path = Field(description="PEM private key of that certificate.")
    client_ca_file: Path = Field(description="PEM authorities whose certificates callers must show.")


class GrpcSection(Section):
    """The gRPC edge."""

    listen: ListenOn = Field(default=Endpoint("127.0.0.1", 8443), description="host:port of the gRPC server.")
    tls: TlsSection | None = Field(default=None, description="Mutual TLS. Required unless plaintext is chosen.")
    insecure_plaintext_on_loopback: bool = Field(
        default=False, description="Serve without TLS, on a loopback address and in the test environment only."
    )
    default_deadline_s: float = Field(
        default=3.0, gt=0, le=60, allow_inf_nan=False, description="Seconds for a call whose caller set no deadline."
    )
    lame_duck_s: float = Field(
        default=5.0,
        ge=0,
        le=300,
        allow_inf_nan=False,
        description="Seconds of serving on after not ready, when told to stop.",
    )
    grace_s: float = Field(
        default=10.0, ge=0, le=300, allow_inf_nan=False, description="Seconds that open calls get to end, after that."
    )
    reflection: bool = Field(default=False, description="Publish the schema to callers; test environment only.")

    @model_validator(mode="after")
    def _one_way_of_knowing_the_caller(self) -> Self:
        if self.tls is None and not self.insecure_plaintext_on_loopback:
            raise ValueError("either [grpc.tls] or insecure_plaintext_on_loopback = true is required")
        if self.tls is not None and self.insecure_plaintext_on_loopback:
            raise ValueError("insecure_plaintext_on_loopback must not be set beside [grpc.tls]")
        if self.insecure_plaintext_on_loopback and not self.listen.is_loopback:
            raise ValueError("insecure_plaintext_on_loopback needs a loopback address in listen")
        return self


class HttpSection(Section):
    """The HTTP edge for operators: /metrics, /livez, /readyz, /.well-known/jwks.json."""

    listen: ListenOn = Field(default=Endpoint("127.0.0.1", 9464), description="host:port of the HTTP server.")


class TrustSection(Section):
    """Whose signatures count."""

    lists: tuple[Path, ...] = Field(min_length=1, description="Trust lists (JSON), all of service.environment.")


class PolicySection(Section):
    """What a state means here."""

    directory: Path = Field(description="Folder with one policy file (TOML) per receiving division.")


class ProvincesSection(Section):
    """Whose opaque codes are resolved, and how."""

    directory: Path = Field(description="Folder with one profile (TOML) per province.")


class ListsSection(Section):
    """What has been published about journeys and places."""

    files: tuple[Path, ...] = Field(default=(), description="Published lists (signed), of issuers of the trust lists.")


class ConversionSection(Section):
    """Codes of a receiving division, made from those of others."""

    signer: Signer = Field(description="URI of the private key that signs converted codes.")
    issuer: str = Field(
        pattern=r"^[!-~]{1,128}$",
        description="Name of this gateway in converted codes (`iss`), as trust lists have it.",
    )
    status_uri: str = Field(
        pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*$",
        max_length=200,
        description="Where the status list of converted codes is named to be (`uri`), without its last part.",
    )
    max_lifetime_s: int = Field(
        default=14_400, ge=60, le=86_400, description="Seconds that a converted code lives at most."
    )
    recheck_s: float = Field(
        default=60, ge=1, le=3_600, allow_inf_nan=False, description="Seconds between two looks at the original."
    )
    stale_after_s: float = Field(
        default=300,
        ge=1,
        le=86_400,
        allow_inf_nan=False,
        description="Seconds without a word of the original's issuer after which a converted code is MANUAL.",
    )
    questions_per_s: int = Field(
        default=50, ge=1, le=10_000, description="Looks at opaque originals that are put to one province in a second."
    )
    capacity: int = Field(default=100_000, ge=1, le=1_000_000, description="Converted codes that may live at one time.")


class DisclosureSection(Section):
    """How much is said."""

    max_profile: MaxProfile = Field(description="The most that any caller may be told.")
    clinic: bool = Field(default=False, description="Whether callers may be granted CLINIC: one clinical item.")


class CallersSection(Section):
    """Who may ask what."""

    registry: Path | None = Field(
        default=None, description="The registry of callers (TOML). Required unless everyone may ask."
    )
    roots: dict[TrustDomain, Path] | None = Field(
        default=None,
        max_length=1_000,
        description="Trust domain -> PEM authorities of its callers. Required beside a registry and [grpc.tls].",
    )
    insecure_everyone_may_ask: bool = Field(
        default=False,
        description="Whoever gets in may ask all that disclosure.max_profile allows; test environment only.",
    )

    rates_in_redis: bool = Field(
        default=False,
        description="Whether all processes and nodes count rates together, over the Redis of [replay].",
    )

    @property
    def authorities(self) -> Mapping[str, Path]:
        """The authorities of all trust domains that have their own."""
        return self.roots or {}

    @model_validator(mode="after")
    def _one_way_of_knowing_what_a_caller_may(self) -> Self:
        if self.registry is None and not self.insecure_everyone_may_ask:
            raise ValueError("either registry or insecure_everyone_may_ask = true is required")
        if self.registry is not None and self.insecure_everyone_may_ask:
            raise ValueError("insecure_everyone_may_ask must not be set beside registry")
        if self.rates_in_redis and self.registry is None:
            raise ValueError("rates_in_redis needs registry, which has the rates")
        return self


class ReceiptsSection(Section):
    """Proof of what was said."""

    signer: Signer = Field(description="URI of the private key that signs receipts.")
    issuer: str = Field(min_length=1, max_length=256, description="Name of this gateway in its receipts (`iss`).")
    lifetime_s: int = Field(
        default=90 * 86_400,
        ge=3_600,
        le=3_660 * 86_400,
        description="Seconds after which a receipt proves nothing any more (`exp`).",
    )
    other_keys: tuple[Path, ...] = Field(
        default=(),
        max_length=16,
        description="Public keys (PEM or JWK) that are published beside the signer's: the one before, and the next.",
    )


class LogSection(Section):
    """What is written to standard output."""

    level: LogLevel = Field(default=LogLevel.INFO, description="The least severe events that are written.")


class Config(BaseSettings):
    """The whole configuration, checked. Make it with `load`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        title="Configuration of the health-code gateway",
    )

    service: ServiceSection
    grpc: GrpcSection
    http: HttpSection = HttpSection()
    trust: TrustSection
    policy: PolicySection
    provinces: ProvincesSection | None = Field(default=None, description="Absent: no opaque code is resolved.")
    lists: ListsSection = ListsSection()
    conversion: ConversionSection | None = Field(
        default=None, description="Absent: no code is converted, and ConvertCode answers the verdict alone."
    )
    status: StatusSection | None = Field(
        default=None, description="Absent: no status list is held, and a code that points to one is MANUAL."
    )
    callers: CallersSection
    disclosure: DisclosureSection
    handles: HandlesSection | None = Field(
        default=None, description="Absent: nobody is given a handle. Required for disclosure.max_profile = PROVINCE."
    )
    receipts: ReceiptsSection
    replay: ReplaySection = ReplaySection()
    audit: AuditSection | None = Field(default=None, description="Absent: no audit log is kept.")
    log: LogSection = LogSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what `load` merged, so that the order of the sources is written down in one place."""
        return (init_settings,)

    @model_validator(mode="after")
    def _nothing_of_a_test_in_production(self) -> Self:
        if self.service.environment is Environment.PRODUCTION:
            if self.grpc.insecure_plaintext_on_loopback:
                raise ValueError('grpc.insecure_plaintext_on_loopback is for service.environment = "test" only')
            if self.grpc.reflection:
                raise ValueError('grpc.reflection is for service.environment = "test" only')
            if self.callers.insecure_everyone_may_ask:
                raise ValueError('callers.insecure_everyone_may_ask is for service.environment = "test" only')
            if self.replay.insecure_no_guard:
                raise ValueError('replay.insecure_no_guard is for service.environment = "test" only')
            if self.replay.insecure_redis_in_plaintext:
                raise ValueError('replay.insecure_redis_in_plaintext is for service.environment = "test" only')
            if self.audit is None:
                raise ValueError('[audit] is required where service.environment = "production"')
        return self

    @model_validator(mode="after")
    def _a_province_has_handles(self) -> Self:
        if self.disclosure.max_profile is MaxProfile.PROVINCE and self.handles is None:
            raise ValueError('[handles] is required with disclosure.max_profile = "PROVINCE"')
        return self

    @model_validator(mode="after")
    def _rates_that_are_shared_have_a_redis(self) -> Self:
        if self.callers.rates_in_redis and self.replay.redis is None:
            raise ValueError("callers.rates_in_redis needs replay.redis and replay.redis_key")
        return self

    @model_validator(mode="after")
    def _callers_are_known_by_their_own_authorities(self) -> Self:
        if self.grpc.tls is None:
            if self.callers.roots:
                raise ValueError("callers.roots needs [grpc.tls]")
        elif self.callers.registry is not None and not self.callers.roots:
            raise ValueError("callers.roots is required beside callers.registry and [grpc.tls]")
        if self.callers.roots and self.status is not None:
            for name in self.status.enrolled:
                if not name.startswith("spiffe://"):
                    raise ValueError("status.enrolled: beside callers.roots only SPIFFE ids, which name their domain")
        return self

    @model_validator(mode="after")
    def _status_is_served_as_codes_are(self) -> Self:
        status = self.status
        if status is None:
            return self
        if self.grpc.tls is None and not (status.listen.is_loopback and status.http_is_loopback):
            raise ValueError("status.listen and status.http_listen need [grpc.tls], or a loopback address")
        if self.grpc.tls is not None and any(one.insecure_plaintext_to_loopback for one in status.follow):
            raise ValueError("status.follow: insecure_plaintext_to_loopback must not be set beside [grpc.tls]")
        if self.service.environment is Environment.PRODUCTION and status.follows_in_plaintext:
            raise ValueError('status: insecure_plaintext_to_loopback is for service.environment = "test" only')
        return self
