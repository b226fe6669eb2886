"""A province that serves healthcode.province.v1 itself: a real gRPC server whose answers are signed.

- The network in front of it can be cut; a question that is struck by RESET takes the whole connection with it, as a
  real RST does.
- What goes wrong in words goes wrong in the signed claims: another person's binding, a past expiry, a claim more than
  there should be, with the holder's name in it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from healthcode.province.v1 import code_service_pb2 as pb
from healthcode.province.v1 import code_service_pb2_grpc

from gateway.values import CodeState

from .faults import HEALTHY, Fault, FaultKind, FaultSwitch
from .finding import find
from .garbage import KINDS, bodies
from .http_system import Settings
from .people import Person
from .population import Clock
from .relay import Relay
from .screens import Screens

ANSWER_TYPE = "hcg-answer+jwt"

WORDS = {
    CodeState.GREEN: "green",
    CodeState.YELLOW: "yellow",
    CodeState.RED: "red",
    CodeState.UNDER_REVIEW: "under_review",
    CodeState.STALE_DECLARATION: "stale_declaration",
    CodeState.UNCONFIRMED: "unconfirmed",
}


class NativeSystem:
    """One province's gRPC server."""

    def __init__(self, screens: Screens, clock: Clock, settings: Settings, *, issuer: str) -> None:
        self.screens = screens
        self.clock = clock
        self.switch = FaultSwitch()
        self._issuer = issuer
        self._division = settings.division
        self._words = {**WORDS, **settings.words}
        self._key = Ed25519PrivateKey.generate()
        self._relay = Relay()
        self._server: grpc.aio.Server | None = None
        self._inner_port = 0
        self._garbage = 0

    @property
    def key_id(self) -> str:
        """Return the id of its answer key."""
        return f"{self._division}-answers-1"

    @property
    def endpoint(self) -> str:
        """Return where it is reached."""
        return f"127.0.0.1:{self._relay.port}"

    def public_jwk(self) -> dict[str, str]:
        """Return its answer key as a trust list holds it."""
        public = urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": public, "kid": self.key_id}

    async def start(self) -> None:
        """Serve, on the same port as before if it served before."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers: Any = code_service_pb2_grpc.add_CodeServiceServicer_to_server
        handlers(_Servicer(self), server)
        self._inner_port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._server = server
        await self._relay.open(self._inner_port)

    async def stop(self) -> None:
        """Stop serving and let go of every question."""
        self.switch.turn(HEALTHY)
        await self._relay.close()
        server, self._server = self._server, None
        if server is not None:
            await server.stop(0)

    async def cut(self) -> None:
        """Take it off the network: connections are reset, new ones refused."""
        await self._relay.close()

    async def restore(self) -> None:
        """Bring it back where it was."""
        await self._relay.open(self._inner_port)

    async def resolve(self, request: Any, context: Any) -> Any:
        """Answer one question."""
        fault = self.switch.strike()
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        elif fault.kind in (FaultKind.HANG, FaultKind.DRIP):
            await self.switch.until_turned()
        elif fault.kind is FaultKind.RESET:
            self._relay.reset_all()
        claims, about = self._claims(bytes(request.code), bytes(request.nonce), fault)
        if fault.kind is FaultKind.SERVER_ERROR:
            await context.abort(grpc.StatusCode.UNKNOWN, f"KeyError: {about.story}")
        if fault.kind is FaultKind.OVERLOAD:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, about.story, (("x-holder-bin", about.story.encode()),)
            )
        context.set_trailing_metadata((("x-holder-bin", about.story.encode()),))
        if fault.kind is FaultKind.GARBAGE:
            body = bodies(about, claims)[self._garbage % KINDS]
            self._garbage += 1
            if self._garbage % 2:
                return pb.ResolveCodeResponse(signed_answer=body[: 1 << 20].decode("latin-1"))
            return pb.ResolveCodeResponse(signed_answer=self._sign(body[: 1 << 20]))
        signed = self._sign(json.dumps(claims, ensure_ascii=False).encode())
        if fault.kind is FaultKind.WRONG_SIGNATURE:
            start, _, signature = signed.rpartition(".")
            signed = f"{start}.{signature[::-1]}"
        return pb.ResolveCodeResponse(signed_answer=signed)

    def _claims(self, code: bytes, nonce: bytes, fault: Fault) -> tuple[dict[str, object], Person]:
        now = self.clock()
        bound = hashlib.sha256(nonce + code).digest()
        claims: dict[str, object] = {"iss": self._issuer, "div": self._division, "iat": int(now)}
        finding = find(self.screens, code.decode("utf-8", "replace"), fault, now)
        about = finding.about
        if finding.colour is None or finding.shown is None:
            return claims | {"st": "not_found", "bind": _base64url(bound), "name": about.name}, about
        if fault.kind is FaultKind.OTHER_PERSON:
            bound = hashlib.sha256(nonce + finding.echo.encode()).digest()
        claims |= {"st": self._words[finding.colour.state], "exp": int(finding.shown.expires) + 1}
        claims["bind"] = _base64url(bound)
        if finding.lies_expired:
            claims |= {"iat": int(now) - 120, "exp": int(now) - 60}
        elif finding.expired:
            claims |= {"st": "expired", "exp": int(now) + 1}
        claims["rc"] = finding.colour.reason or about.story
        # A careless province says more than it was asked for.
        claims |= {"name": about.name, "idcard": about.id_number, "tel": about.phone, "addr": about.address}
        return claims, about

    def _sign(self, payload: bytes) -> str:
        header = json.dumps({"alg": "Ed25519", "kid": self.key_id, "typ": ANSWER_TYPE}).encode()
        signing_input = f"{_base64url(header)}.{_base64url(payload)}"
        return f"{signing_input}.{_base64url(self._key.sign(signing_input.encode()))}"


class _Servicer(code_service_pb2_grpc.CodeServiceServicer):
    def __init__(self, system: NativeSystem) -> None:
        self._system = system

    async def ResolveCode(self, request: Any, context: Any) -> Any:  # noqa: N802 the name in the schema
        return await self._system.resolve(request, context)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
