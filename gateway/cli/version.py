"""`hcgw version`."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version as installed
from typing import Annotated

import typer

TOLD = ("grpcio", "protobuf", "cryptography")
"""The libraries whose version matters when something is reported."""


def version(
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer in JSON, with Python and the main libraries.")
    ] = False,
) -> None:
    """Show which version this is.

    For example:

      hcgw version --json
    """
    own = installed("healthcode-gateway")
    if not as_json:
        typer.echo(f"hcgw {own}")
        return
    told = {"version": own, "python": platform.python_version()} | {name: installed(name) for name in TOLD}
    typer.echo(json.dumps(told))
