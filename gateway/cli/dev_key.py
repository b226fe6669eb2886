"""`hcgw dev-key`: a throw-away key for the gateway to sign with."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from keys.signer import SignerUnavailable, generate_dev_key
from keys.values import Algorithm


class SigningAlgorithm(StrEnum):
    """What a gateway may sign with (keys.signer.SIGNING)."""

    ED25519 = Algorithm.ED25519.value
    ES256 = Algorithm.ES256.value
    SM2 = Algorithm.SM2.value


def dev_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; nothing is written over.")],
    algorithm: Annotated[
        SigningAlgorithm, typer.Option(case_sensitive=False, help="What it signs with.")
    ] = SigningAlgorithm.ED25519,
) -> None:
    """Make a private key (PKCS #8, mode 0600) that receipts, converted codes or lists can be signed with.

    The signer's URI for the configuration and the public key, a JWK, go to standard output. SM2 is signed with Z and
    the common ID, as r || s; it needs the system's libcrypto. Exit status: 0 made, 1 not.

    For example:

      hcgw dev-key --algorithm SM2 var/receipts.key.pem
    """
    try:
        signer = generate_dev_key(file, Algorithm(algorithm.value))
    except SignerUnavailable as failed:
        typer.secho(f"hcgw dev-key: {failed}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f'signer = "file:{file.resolve()}"')
    typer.echo(json.dumps(dict(signer.public_jwk)))
