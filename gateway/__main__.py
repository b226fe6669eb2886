"""`python -m gateway` and the command `hcgw` are the same."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that was typed."""
    from gateway.cli.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
