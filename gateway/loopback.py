"""Which hosts only this machine can reach: plaintext is spoken to no others."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether `host` (an address, or localhost) is this machine's own. A name that would be looked up is not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
