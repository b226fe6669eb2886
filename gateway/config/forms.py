"""The forms that options have: addresses, signers, sections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, NewType

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_settings import NoDecode

from gateway.loopback import is_loopback

SignerUri = NewType("SignerUri", str)
"""Where a key that signs lives, as `keys.signer` understands it: ``file:<path of a PEM>`` of Ed25519, P-256 or SM2."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen. Port 0 lets the system choose one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


ENDPOINT_PATTERN = r"^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):[0-9]{1,5}$"


def _endpoint(value: object) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    if not isinstance(value, str) or not re.fullmatch(ENDPOINT_PATTERN, value, re.ASCII):
        raise ValueError('must be "host:port", IPv6 as "[::1]:8443"')
    host, _, port = value.rpartition(":")
    if int(port) > 65_535:
        raise ValueError("must have a port of 0 to 65535")
    return Endpoint(host.strip("[]"), int(port))


def _signer_uri(value: str) -> str:
    scheme, colon, rest = value.partition(":")
    if not colon or not scheme.isalnum() or not rest:
        raise ValueError('must be a signer URI such as "file:receipts.key.pem"')
    return value


ListenOn = Annotated[
    Endpoint,
    PlainValidator(_endpoint),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": ENDPOINT_PATTERN}),
    NoDecode,  # in the environment too it is a plain string, not JSON
]
Signer = Annotated[SignerUri, AfterValidator(_signer_uri)]


class Section(BaseModel):
    """A section of the file: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
