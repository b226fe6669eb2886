"""A configuration that is handed on to another process is the same there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.handed_on import hand_on, taken

EXAMPLE = Path(__file__).parents[2] / "deploy" / "config" / "example.toml"


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["service.workers=4", "log.level=debug", "grpc.listen=[::1]:0"],
        [
            "grpc.default_deadline_s=0.1",
            "trust.lists=['a.json', '/b.json']",
            "receipts.signer=file:key with blanks.pem",
        ],
    ],
)
def test_it_is_the_same_there(settings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(EXAMPLE, settings)
    line = hand_on(config)
    assert line.count(b"\n") == 1
    # What has changed here since, or stands in the environment there, has no effect.
    monkeypatch.setenv("HCGW__SERVICE__WORKERS", "9")
    monkeypatch.chdir("/")
    assert taken(line) == config


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b'{"service": 1}\n', b"\xff\n"])
def test_what_is_no_configuration_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        taken(line)
