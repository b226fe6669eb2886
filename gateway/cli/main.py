"""Which commands there are. Each module is imported when its command is called: `hcgw version` loads no grpc."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final = {
    "demo": "gateway.cli.demo:demo",
    "verify": "gateway.cli.verify:verify",
    "ask": "gateway.cli.ask:ask",
    "explain": "gateway.cli.explain:explain",
    "receipt": "gateway.cli.receipt:app",
    "serve": "gateway.cli.serve:serve",
    "config": "gateway.cli.config:app",
    "trust": "gateway.cli.trust:app",
    "provinces": "gateway.cli.provinces:app",
    "rules": "gateway.cli.rules:app",
    "lists": "gateway.cli.lists:app",
    "callers": "gateway.cli.callers:app",
    "handles": "gateway.cli.handles:app",
    "dev-certs": "gateway.cli.dev_certs:dev_certs",
    "dev-key": "gateway.cli.dev_key:dev_key",
    "status": "gateway.cli.status:app",
    "db": "gateway.cli.db:app",
    "audit": "gateway.cli.audit:app",
    "purge": "gateway.cli.purge:purge",
    "version": "gateway.cli.version:version",
}
"""Name of the command -> where it is: a function, or a typer app with commands of its own."""

HIDDEN: Final = {"serve-process": "gateway.cli.serve_process:serve_process"}
"""Not for people: the supervisor starts its processes by it."""


class Commands(TyperGroup):
    """The group of all commands, imported one by one as they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 the library's signature
        """Return the names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return one command, or None if there is none of this name."""
        place = COMMANDS.get(cmd_name) or HIDDEN.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            alone.command(cmd_name)(found)
            command = typer.main.get_command(alone)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="hcgw", cls=Commands, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.callback()
def hcgw() -> None:
    """Recognise, verify and judge health codes of other provinces.

    For example:

      hcgw demo

      hcgw verify --trust trust.json --division 330000 'HC1:...'

      hcgw config check /etc/hcgw/hcgw.toml

      hcgw serve --config /etc/hcgw/hcgw.toml
    """


def run() -> int:
    """Run the command line and return its exit status."""
    try:
        app(prog_name="hcgw")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BrokenPipeError:
        # Whoever read our output (head, less) has left: that is no fault of ours, and no traceback is wanted.
        sys.stderr.close()
        return 0
    return 0
