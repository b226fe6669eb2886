"""A gateway in this process that knows its callers by real certificates, and who they are."""

from __future__ import annotations

import io
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from gateway.app import App
from gateway.config import load
from gateway.watch.logs import EventLog
from keys.dev_certificates import DevAuthority, IssuedCertificate
from keys.values import Algorithm
from tests.integration.gateway_process import Site
from tests.integration.status_site import StatusSite, listed_key
from tests.simulators.hcert_issuer import HcertIssuer, lab_result, recovery, vaccination
from tests.simulators.signing import make_key

EAST = "spiffe://zj.example/hub/330100/rail/east"
DESK = "spiffe://zj.example/operator/330000/desk"
CLINIC = "spiffe://zj.example/hub/330200/clinic/first"
FEVER = "spiffe://zj.example/hub/330300/clinic/fever"
PROVINCE = "spiffe://sc.example/province/510000/epidemic-control"
VENUE = "spiffe://zj.example/hub/330100/venue/stadium"
PUBLISHER = "spiffe://gz.example/province/520000/big-data"
RELAY = "spiffe://gz.example/gateway/520000/main"
ENROLLED = "spiffe://gz.example/gateway/520000/second"
PLAIN = "Gate 7"

NAMES = {
    "rail": ("zj.example", EAST),
    "desk": ("zj.example", DESK),
    "clinic": ("zj.example", CLINIC),
    "fever": ("zj.example", FEVER),
    "province": ("sc.example", PROVINCE),
    "venue": ("zj.example", VENUE),
    "publisher": ("gz.example", PUBLISHER),
    "relay": ("gz.example", RELAY),
    "enrolled": ("gz.example", ENROLLED),
    "plain": ("zj.example", ""),
    # The right names, signed by the wrong authority.
    "forger": ("gz.example", EAST),
    "plain forger": ("gz.example", ""),
    "reader forger": ("zj.example", ENROLLED),
}
"""Caller -> whose authority signs her certificate, and its URI name."""

REGISTRY = """
version = "test-1"

[[caller]]
domain = "zj.example"
kind = "hub"
division = "330000"
class = "rail"
calls = ["VerificationService/VerifyCode", "VerificationService/VerifyCodes", "VerificationService/StreamVerifications"]
purposes = ["TRANSPORT_DEPARTURE", "TRANSPORT_ARRIVAL"]
divisions = ["330000"]
profiles = ["GATE"]
calls_per_s = 100000
codes_per_s = 100000

[[caller]]
name = "spiffe://zj.example/operator/330000/desk"
calls = [
  "VerificationService/VerifyCode", "VerificationService/VerifyCodes", "VerificationService/StreamVerifications",
  "VerificationService/AssessDisplayedCode", "ConversionService/ConvertCode", "StatusService/WatchCodes",
  "JourneyService/CheckJourney", "PlaceService/AssessPlace", "PlaceService/ListAffectedCommunities",
]
purposes = [
  "TRANSPORT_DEPARTURE", "TRANSPORT_ARRIVAL", "VENUE_ENTRY", "RESIDENCE_ENTRY", "WORK_RESUMPTION", "MEDICAL_CARE",
  "SELF_CHECK",
]
divisions = ["330100"]
profiles = ["GATE", "STAFF"]
calls_per_s = 100000
codes_per_s = 100000

[[caller]]
name = "spiffe://zj.example/hub/330300/clinic/fever"
calls = [
  "VerificationService/VerifyCode", "VerificationService/VerifyCodes", "VerificationService/StreamVerifications",
  "VerificationService/AssessDisplayedCode", "ConversionService/ConvertCode", "StatusService/WatchCodes",
]
purposes = ["VENUE_ENTRY", "MEDICAL_CARE"]
divisions = ["330100"]
profiles = ["CLINIC"]
clinical_items = ["LATEST_TEST", "RECOVERY"]
calls_per_s = 100000
codes_per_s = 100000

[[caller]]
domain = "sc.example"
kind = "province"
calls = [
  "VerificationService/VerifyCode", "VerificationService/VerifyCodes", "VerificationService/StreamVerifications",
  "VerificationService/AssessDisplayedCode", "ConversionService/ConvertCode", "StatusService/WatchCodes",
]
purposes = ["TRANSPORT_ARRIVAL", "MEDICAL_CARE"]
divisions = ["330100"]
profiles = ["PROVINCE"]
calls_per_s = 100000
codes_per_s = 100000

[[caller]]
domain = "zj.example"
kind = "hub"
class = "clinic"
calls = ["VerificationService/VerifyCode", "VerificationService/AssessDisplayedCode"]
purposes = ["MEDICAL_CARE"]
divisions = ["*"]
profiles = ["STAFF"]
calls_per_s = 100000
codes_per_s = 100000

[[caller]]
name = "spiffe://gz.example/province/520000/big-data"
calls = ["StatusService/PublishChanges"]
calls_per_s = 100000

[[caller]]
domain = "gz.example"
kind = "gateway"
division = "520000"
calls = ["StatusService/StreamChanges"]
calls_per_s = 100000

[[caller]]
name = "Gate 7"
domain = "zj.example"
calls = ["JourneyService/CheckJourney"]
purposes = ["SELF_CHECK"]
calls_per_s = 100000
"""


NAME, BORN, IDENTIFIER, MAKER, CENTRE = (
    "Canarywang",
    "1951-11-03",
    "URN:UVCI:01:XA:CANARY#7",
    "CANARYMAKER",
    "CANARYCENTRE",
)
SEALED: dict[str, Any] = {"ci": IDENTIFIER, "is": "CANARYOFFICE", "ma": MAKER, "mp": "EU/1/20/1528", "dt": "2021-05-18"}
CANARIES = (NAME, NAME.upper(), BORN, IDENTIFIER, MAKER, CENTRE, "CANARYOFFICE")
"""What no answer may hold, whoever asks."""

Connect = Callable[..., Any]


@dataclass
class CallersSite:
    """What is on disk, and every caller's certificate."""

    folder: Path
    site: Site = field(init=False)
    callers: dict[str, IssuedCertificate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at = time.time()
        self.site = StatusSite(self.folder)
        self.servers = DevAuthority("servers", at)
        self.authorities = {domain: DevAuthority(domain, at) for domain in DOMAINS}
        for domain, authority in self.authorities.items():
            (self.folder / f"{domain}.pem").write_bytes(authority.certificate)
        for caller, (domain, uri) in NAMES.items():
            self.callers[caller] = self.authorities[domain].issue_caller(PLAIN, uri, at)
        self._trust_a_country()
        self.serve_as("first")
        self.registry = self.folder / "callers.toml"
        self.registry.write_text(REGISTRY)
        config = self.site.config
        text = config.read_text().replace("insecure_plaintext_on_loopback = true", TLS)
        text = text.replace("{ insecure_everyone_may_ask = true }", CALLERS)
        text = text.replace('disclosure = { max_profile = "STAFF" }', DISCLOSURE)
        config.write_text(
            text.replace(
                "checkpoint_s = 0.5", f'checkpoint_s = 0.5\nhttp_listen = "127.0.0.1:0"\nenrolled = ["{ENROLLED}"]'
            )
        )

    def _trust_a_country(self) -> None:
        """Put a country on the trust list that issues vaccination, test and recovery certificates."""
        self.country = make_key(Algorithm.ED25519, "xa-1")
        document = json.loads(self.site.trust.read_text())
        document["issuers"].append(
            {"issuer": "XA", "name": "Country", "formats": ["hcert"], "keys": [listed_key(self.country)]}
        )
        self.site.trust.write_text(json.dumps(document))

    def certificate(self) -> bytes:
        """Return a certificate that holds every clinical item, and everything of its holder."""
        issuer = HcertIssuer(self.country.sign, self.country.key_id, Algorithm.ED25519)
        holder = {**vaccination(**SEALED), "nam": {"fn": NAME, "fnt": NAME.upper()}, "dob": BORN}
        holder |= {"t": lab_result(nm=MAKER, tc=CENTRE, ci=IDENTIFIER)["t"], "r": recovery(ci=IDENTIFIER)["r"]}
        return issuer.issue(holder, issued=time.time() - 60, expires=time.time() + 3_600)

    def serve_as(self, name: str) -> None:
        """Write another certificate of the server's, with this common name."""
        issued = self.servers.issue_server(name, ["127.0.0.1"], time.time())
        (self.folder / "server.pem").write_bytes(issued.certificate)
        (self.folder / "server.key.pem").write_bytes(issued.key)

    def channel(self, port: int, caller: str, connect: Connect = grpc.aio.secure_channel) -> Any:
        """Return a channel of a caller's own."""
        return self.channel_with(port, self.callers[caller], connect)

    def channel_with(
        self, port: int, certificate: IssuedCertificate, connect: Connect = grpc.aio.secure_channel
    ) -> Any:
        """Return a channel of whoever has this certificate."""
        credentials = grpc.ssl_channel_credentials(self.servers.certificate, certificate.key, certificate.certificate)
        # Channels of one process share their connections, unless they are told apart.
        return connect(f"127.0.0.1:{port}", credentials, options=[("grpc.use_local_subchannel_pool", 1)])


TLS = """tls = { certificate_file = "server.pem", key_file = "server.key.pem", client_ca_file = "zj.example.pem" }"""
DOMAINS = ("zj.example", "gz.example", "sc.example")
ROOTS = ", ".join(f'"{domain}" = "{domain}.pem"' for domain in DOMAINS)
CALLERS = f'{{ registry = "callers.toml", roots = {{ {ROOTS} }} }}'


DISCLOSURE = """disclosure = { max_profile = "PROVINCE", clinic = true }
handles = { folder = "handles" }"""


@dataclass
class Running:
    """A gateway that runs, and what it has logged."""

    site: CallersSite
    app: App
    log: io.StringIO

    def app_now(self) -> float:
        """Return the instant."""
        return time.time()

    def numbers(self) -> str:
        """Return its metrics."""
        return self.app._metrics.exposition("")[0].decode()

    def plain_lists_port(self) -> int:
        """Return where its plain lists are."""
        keeper = self.app._keeper
        assert keeper is not None
        return keeper.http_port

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what was logged under this name."""
        found = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [one for one in found if one["event"] == name]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    """Run a gateway in this process."""
    site, log = CallersSite(folder), io.StringIO()
    app = App(load(site.site.config), log=EventLog(log))
    await app.start()
    try:
        yield Running(site, app, log)
    finally:
        await app.drain()
