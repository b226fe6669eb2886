"""`hcgw demo`: the whole gateway on one machine, without any other service."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.demo.home import DEFAULT


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End by itself; exit 0 if all verdicts were the expected ones.")
    ] = False,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Keeps keys, trust list and configuration.")] = DEFAULT,
    grpc: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where gRPC listens, live status on the next port; port 0: any.")
    ] = "127.0.0.1:8443",
    http: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where HTTP listens; port 0: any.")] = "127.0.0.1:9464",
) -> None:
    """Start a gateway with sample provinces, verify codes of every format over gRPC, show the verdicts, keep serving.

    A code turns red while it is watched: its province publishes that to the running gateway.

    Exit status: 0 all verdicts were the expected ones, 1 one was not or the gateway could not start.

    For example:

      hcgw demo

      hcgw demo --once --grpc 127.0.0.1:0 --http 127.0.0.1:0
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from gateway.demo.home import DemoHome
    from gateway.demo.run import run_demo
    from gateway.loading import StartRefused

    try:
        right = asyncio.run(run_demo(DemoHome(folder), once=once, grpc=grpc, http=http, log_to=sys.stderr))
    except StartRefused as refused:
        typer.secho(f"hcgw demo: {refused} (other ports: --grpc, --http)", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if right else 1)
