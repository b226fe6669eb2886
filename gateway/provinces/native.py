"""The native dialect: a province serves `healthcode.province.v1.CodeService`, and signs (docs/dialects.md, 7).

- The answer is bound to the question by a nonce, and signed with a key that the trust list holds: neither another's
  answer nor yesterday's is ever taken for it.
- As in all dialects, the claims are read and forgotten in one place, and nothing is raised while they are alive.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from healthcode.province.v1 import code_service_pb2 as pb

from gateway.divisions import is_division, lies_within
from gateway.errors import CodeStopped, CodeUnreadable, Reason
from gateway.formats.jws import CompactJws, read_compact, read_json
from gateway.loopback import is_loopback
from gateway.values import Instant, OpaqueCode, ReasonClass
from keys.values import EARLIEST, LATEST

from .answers import MAX_ANSWER_BYTES, MAX_WORD_CHARACTERS, NotStated
from .credentials import CredentialsUnavailable, read_public, read_secret
from .dialect import FindsKeys, Stated, UpstreamFailed, UpstreamFailure
from .http import within
from .profile import ProvinceProfile

METHOD: Final = "/healthcode.province.v1.CodeService/ResolveCode"
ANSWER_TYPE: Final = "hcg-answer+jwt"
NONCE_BYTES: Final = 16

_MAX_DEPTH: Final = 8
_VERDICTS: Final[Mapping[str, Reason]] = {
    "expired": Reason.EXPIRED,
    "not_found": Reason.CODE_NOT_FOUND,
    "not_mine": Reason.NOT_ITS_ISSUERS,
}
_FAILURES: Final = {
    grpc.StatusCode.DEADLINE_EXCEEDED: UpstreamFailure.TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: UpstreamFailure.UNREACHABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: UpstreamFailure.OVERLOADED,
    grpc.StatusCode.PERMISSION_DENIED: UpstreamFailure.REFUSED,
    grpc.StatusCode.UNAUTHENTICATED: UpstreamFailure.REFUSED,
    # It says that this question is no good, which says nothing of others.
    grpc.StatusCode.INVALID_ARGUMENT: UpstreamFailure.ERROR_NUMBER,
    grpc.StatusCode.OUT_OF_RANGE: UpstreamFailure.ERROR_NUMBER,
    **dict.fromkeys(
        (
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.UNKNOWN,
            grpc.StatusCode.ABORTED,
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.DATA_LOSS,
        ),
        UpstreamFailure.SERVER_ERROR,
    ),
}
_OPTIONS: Final = (
    # One answer is some hundred bytes. The room above it is for the frame around it.
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    # Inflated before its size is looked at: identity only.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.max_metadata_size", 8_192),
    ("grpc.absolute_max_metadata_size", 16_384),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    # A province that was down is found again within seconds, not minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.use_local_subchannel_pool", 1),
)
_TOO_LARGE: Final = "larger than max"
"""What grpc core itself says of a message over the limit, under the status that also means overloaded."""


class Native:
    """Asks one province over gRPC. See `Dialect`."""

    def __init__(self, profile: ProvinceProfile, keys: FindsKeys) -> None:
        """Read the certificate. Raises: CredentialsUnavailable, also for an endpoint that may not be spoken to."""
        self._issuer = profile.issuer
        self._division = profile.division
        self._states = frozenset(profile.states)
        self._keys = keys
        self._endpoint = profile.endpoint
        self._credentials = _credentials(profile)
        self._channel: grpc.aio.Channel | None = None
        self._closed = False

    async def ask(self, code: OpaqueCode, *, at: Instant, time_left: float) -> Stated:
        """See `Dialect`."""
        if self._closed:
            raise UpstreamFailed(UpstreamFailure.UNREACHABLE, "closed")
        text, nonce = code.text.encode(), secrets.token_bytes(NONCE_BYTES)
        outcome = await within(time_left, self._exchange(text, nonce, at, time_left))
        if isinstance(outcome, Stated):
            return outcome
        raise outcome

    async def close(self) -> None:
        """See `Dialect`."""
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _exchange(self, text: bytes, nonce: bytes, at: Instant, time_left: float) -> Stated | NotStated:
        resolve = self._opened().unary_unary(
            METHOD,
            request_serializer=pb.ResolveCodeRequest.SerializeToString,
            response_deserializer=bytes,
        )
        try:
            answer = await resolve(pb.ResolveCodeRequest(code=text, nonce=nonce), timeout=max(0.0, time_left))
        except grpc.aio.AioRpcError as failed:
            return UpstreamFailed(_failure_of(failed), "status")
        except asyncio.CancelledError:
            # A channel that is closed here cancels its calls.
            asker = asyncio.current_task()
            if not self._closed or asker is None or asker.cancelling():
                raise
            return UpstreamFailed(UpstreamFailure.UNREACHABLE, "closed")
        return self.read(answer, text, nonce, at)

    def read(self, answer: bytes, text: bytes, nonce: bytes, at: Instant) -> Stated | NotStated:
        """Return what a serialized `ResolveCodeResponse` states about the question (`text`, `nonce`), or why nothing.

        1. A JWS of the answer's kind.
        2. Signed with a key of the province's, valid at `at` and not limited to certificates.
        3. By this province, about this question.
        4. Its times.
        5. What it says.
        """
        try:
            jws = read_compact(
                pb.ResolveCodeResponse.FromString(answer).signed_answer.encode(), types={ANSWER_TYPE}
            )  # 1
            if not self._signed_by_it(jws, at):  # 2
                return UpstreamFailed(UpstreamFailure.BAD_SIGNATURE, "signed_answer")
            claims = read_json(jws.payload, max_depth=_MAX_DEPTH, what="payload")
        except (DecodeError, CodeUnreadable):
            return UpstreamFailed(UpstreamFailure.GARBAGE, "signed_answer")
        if not isinstance(claims, dict):
            return UpstreamFailed(UpstreamFailure.GARBAGE, "payload")
        return self._stated(claims, urlsafe_b64encode(hashlib.sha256(nonce + text).digest()).rstrip(b"=").decode())

    def _signed_by_it(self, jws: CompactJws, at: Instant) -> bool:
        key_id, algorithm = jws.header.key_id, jws.header.algorithm
        return key_id is not None and any(
            key.verifier.verify(jws.signature, jws.signing_input)
            for key in self._keys(self._issuer, key_id)
            if key.algorithm is algorithm and not key.uses and key.valid_at(at)
        )

    def _stated(self, claims: Mapping[str, object], bind: str) -> Stated | NotStated:
        division, said, reason = claims.get("div"), claims.get("st"), claims.get("rc")
        # 3
        if not isinstance(division, str) or not is_division(division):
            return UpstreamFailed(UpstreamFailure.GARBAGE, "div")
        ours = claims.get("iss") == self._issuer and lies_within(division, self._division)
        if not ours or claims.get("bind") != bind:
            return UpstreamFailed(UpstreamFailure.WRONG_CODE, "bind")
        # 4
        issued, ends = _time(claims.get("iat")), _time(claims.get("exp"))
        if issued is None or ("exp" in claims and (ends is None or ends <= issued)):
            return UpstreamFailed(UpstreamFailure.GARBAGE, "iat")
        # 5
        if not isinstance(said, str) or len(said) > MAX_WORD_CHARACTERS:
            return UpstreamFailed(UpstreamFailure.GARBAGE, "st")
        if said in _VERDICTS:
            return CodeStopped(_VERDICTS[said], "st")
        word = said if said in self._states else ""
        return Stated(word, ReasonClass.__members__.get(reason) if isinstance(reason, str) else None, issued, ends)

    def _opened(self) -> grpc.aio.Channel:
        """Return the channel, made inside the running loop when it is first needed."""
        if self._channel is None:
            self._channel = (
                grpc.aio.insecure_channel(self._endpoint, _OPTIONS)
                if self._credentials is None
                else grpc.aio.secure_channel(self._endpoint, self._credentials, _OPTIONS)
            )
        return self._channel


def _time(value: object) -> Instant | None:
    if isinstance(value, int) and not isinstance(value, bool) and EARLIEST <= value <= LATEST:
        return Instant(float(value))
    return None


def _failure_of(failed: grpc.aio.AioRpcError) -> UpstreamFailure:
    if failed.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in (failed.details() or ""):
        return UpstreamFailure.GARBAGE
    return _FAILURES.get(failed.code(), UpstreamFailure.GARBAGE)


def _credentials(profile: ProvinceProfile) -> grpc.ChannelCredentials | None:
    """Return how both sides prove who they are; None is plaintext, to this machine only."""
    host, colon, port = profile.endpoint.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not host or "/" in profile.endpoint:
        raise CredentialsUnavailable(f"{profile.name}.toml", "endpoint url: not host:port")
    if profile.insecure_http_to_loopback:
        if not is_loopback(host.strip("[]")):
            raise CredentialsUnavailable(f"{profile.name}.toml", "endpoint url: plaintext to loopback only")
        return None
    given = profile.credentials
    return grpc.ssl_channel_credentials(
        read_public(profile.ca_file) if profile.ca_file else None,
        read_secret(given["client_key"]) if "client_key" in given else None,
        read_public(given["client_certificate"]) if "client_certificate" in given else None,
    )
