"""`hcgw dev-certs`: a throw-away hierarchy of certificates, for trying callers out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.instants import now
from keys.dev_certificates import DevAuthority, FileExists, IssuedCertificate, write_new

DAYS: Final = 30

CALLERS: Final = {
    "zj.example": {
        "province-zj": "spiffe://zj.example/province/330000/epidemic-control",
        "hub-zj-rail": "spiffe://zj.example/hub/330100/rail/hangzhou-east",
        "hub-zj-clinic": "spiffe://zj.example/hub/330100/clinic/first-hospital",
        "operator-zj": "spiffe://zj.example/operator/330000/duty",
    },
    "gz.example": {
        "province-gz": "spiffe://gz.example/province/520000/big-data",
        "hub-gz-coach": "spiffe://gz.example/hub/520100/coach/jinyang",
        "gateway-gz": "spiffe://gz.example/gateway/520000/main",
    },
}
"""Trust domain -> file -> name of the caller."""

REGISTRY: Final = """\
# Written by hcgw dev-certs. Who may ask what, of the certificates beside it; docs/callers.md tells what stands here.
version = "dev"

[[caller]]
domain = "zj.example"
kind = "hub"
class = "rail"
calls = ["VerificationService/VerifyCode", "VerificationService/VerifyCodes", "VerificationService/StreamVerifications"]
purposes = ["TRANSPORT_DEPARTURE", "TRANSPORT_ARRIVAL"]
divisions = ["330000"]
profiles = ["GATE"]
calls_per_s = 100
codes_per_s = 500

[[caller]]
domain = "gz.example"
kind = "hub"
calls = ["VerificationService/VerifyCode"]
purposes = ["TRANSPORT_DEPARTURE"]
divisions = ["*"]
profiles = ["GATE", "STAFF"]
calls_per_s = 100
codes_per_s = 100

[[caller]]
domain = "zj.example"
kind = "hub"
class = "clinic"
calls = ["VerificationService/VerifyCode"]
purposes = ["MEDICAL_CARE"]
divisions = ["330000"]
profiles = ["GATE", "CLINIC"]
clinical_items = ["LATEST_VACCINATION", "LATEST_TEST", "RECOVERY"]
calls_per_s = 20
codes_per_s = 20

[[caller]]
name = "spiffe://zj.example/province/330000/epidemic-control"
calls = [
  "VerificationService/VerifyCode", "VerificationService/VerifyCodes",
  "StatusService/PublishChanges", "StatusService/ListStatusLists",
]
purposes = ["TRANSPORT_ARRIVAL", "WORK_RESUMPTION"]
divisions = ["330000"]
profiles = ["GATE", "STAFF", "PROVINCE"]
calls_per_s = 50
codes_per_s = 500

[[caller]]
name = "spiffe://gz.example/province/520000/big-data"
calls = ["StatusService/PublishChanges"]
calls_per_s = 50

[[caller]]
domain = "gz.example"
kind = "gateway"
calls = ["StatusService/ListStatusLists", "StatusService/StreamSnapshot", "StatusService/StreamChanges"]
calls_per_s = 10
"""

_CONFIG: Final = """\
[grpc.tls]
certificate_file = "{folder}/server.pem"
key_file = "{folder}/server.key.pem"
client_ca_file = "{folder}/zj.example-ca.pem"

[callers]
registry = "{folder}/callers.toml"
roots = {{ {roots} }}
"""


def dev_certs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is not there.")],
    host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Of the server, beside this machine's. Repeatable.")
    ] = None,
) -> None:
    """Make throw-away certificates: two trust domains, a server, provinces, hubs, a gateway, an operator.

    Nothing is written over. The keys of the authorities are not kept: make another folder for more. The lines for the
    configuration go to standard output. Exit status: 0 made, 1 not.

    For example:

      hcgw dev-certs var/certs
    """
    try:
        _write(folder, ["localhost", "127.0.0.1", "::1", *(host or ())])
    except (FileExists, OSError) as failed:
        why = str(failed) if isinstance(failed, FileExists) else f"{folder}: {failed.strerror}"
        typer.secho(f"hcgw dev-certs: {why}", err=True)
        raise typer.Exit(1) from None
    folder = folder.resolve()
    roots = ", ".join(f'"{domain}" = "{folder}/{domain}-ca.pem"' for domain in CALLERS)
    typer.echo(_CONFIG.format(folder=folder, roots=roots))
    typer.echo(f"# Callers trust {folder}/server-ca.pem and show NAME.pem with NAME.key.pem, {DAYS} days long:")
    for callers in CALLERS.values():
        for file, name in callers.items():
            typer.echo(f"# {file:14} {name}")


def _write(folder: Path, hosts: list[str]) -> None:
    at = now()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExists(f"{folder}: is not empty, and nothing is written over")
    server = DevAuthority("hcgw dev servers", at, days=DAYS)
    write_new(folder / "server-ca.pem", server.certificate, secret=False)
    _write_pair(folder, "server", server.issue_server("hcgw dev server", hosts, at, days=DAYS))
    for domain, callers in CALLERS.items():
        authority = DevAuthority(f"hcgw dev {domain}", at, days=DAYS)
        write_new(folder / f"{domain}-ca.pem", authority.certificate, secret=False)
        for file, name in callers.items():
            _write_pair(folder, file, authority.issue_caller(file, name, at, days=DAYS))
    write_new(folder / "callers.toml", REGISTRY.encode(), secret=False)


def _write_pair(folder: Path, name: str, issued: IssuedCertificate) -> None:
    write_new(folder / f"{name}.pem", issued.certificate, secret=False)
    write_new(folder / f"{name}.key.pem", issued.key, secret=True)
