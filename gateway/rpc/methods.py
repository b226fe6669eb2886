"""Every RPC that is served, and what it demands of a call: no row, no call.

Health and reflection stand here too, so that what anyone may call without an identity is written down, not forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

VERIFICATION: Final = "healthcode.interop.v1.VerificationService"
CONVERSION: Final = "healthcode.interop.v1.ConversionService"
JOURNEYS: Final = "healthcode.interop.v1.JourneyService"
PLACES: Final = "healthcode.interop.v1.PlaceService"
STATUS: Final = "healthcode.interop.v1.StatusService"
HEALTH: Final = "grpc.health.v1.Health"


@dataclass(frozen=True, slots=True)
class MethodRow:
    """What a method demands."""

    identity: bool
    """Whether the transport must tell who calls."""
    long: bool = False
    """A stream: may stay open, has no deadline but the caller's own, and is ended early by a drain."""


METHODS: Final[Mapping[str, MethodRow]] = MappingProxyType(
    {
        f"/{VERIFICATION}/VerifyCode": MethodRow(identity=True),
        f"/{VERIFICATION}/VerifyCodes": MethodRow(identity=True),
        f"/{VERIFICATION}/StreamVerifications": MethodRow(identity=True, long=True),
        f"/{VERIFICATION}/AssessDisplayedCode": MethodRow(identity=True),
        f"/{CONVERSION}/ConvertCode": MethodRow(identity=True),
        f"/{JOURNEYS}/CheckJourney": MethodRow(identity=True),
        f"/{PLACES}/AssessPlace": MethodRow(identity=True),
        f"/{PLACES}/ListAffectedCommunities": MethodRow(identity=True),
        # Served by the process that keeps the lists, on an address of its own.
        f"/{STATUS}/PublishChanges": MethodRow(identity=True),
        f"/{STATUS}/ListStatusLists": MethodRow(identity=True),
        f"/{STATUS}/StreamSnapshot": MethodRow(identity=True, long=True),
        f"/{STATUS}/StreamChanges": MethodRow(identity=True, long=True),
        f"/{STATUS}/WatchCodes": MethodRow(identity=True, long=True),
        # Asked by load balancers and kubelets, which have no certificate of ours; tells nothing but serving or not.
        f"/{HEALTH}/Check": MethodRow(identity=False),
        f"/{HEALTH}/Watch": MethodRow(identity=False, long=True),
        # Only there in development: tells the schema, which is public.
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": MethodRow(identity=False, long=True),
    }
)
"""Full name on the wire -> what it demands."""
