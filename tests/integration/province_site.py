"""A gateway's folder that is connected to simulated provinces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.integration.gateway_process import Site

PURPOSELY_ODD_CHECKPOINT = "gate-checkpoint-7731"
"""A caller's name for a gate, to be searched for where it must not be."""


def connected_site(folder: Path, issuers: Iterable[Mapping[str, object]]) -> Site:
    """Return a site whose profiles lie in `folder/provinces`; `issuers` are added to its trust list."""
    site = Site(folder)
    listed = json.loads(site.trust.read_text())
    listed["issuers"] += [dict(issuer) for issuer in issuers]
    site.trust.write_text(json.dumps(listed))
    text = site.config.read_text()
    site.config.write_text(text + '\n[provinces]\ndirectory = "provinces"\n')
    return site
