"""The demo's own folder: keys that are made on the first run and never leave the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keys.signer import Signer, generate_dev_key, open_signer
from keys.values import Algorithm

DEFAULT: Final = Path("var") / "demo"


@dataclass(frozen=True, slots=True)
class DemoHome:
    """A folder, made if need be, readable by its owner only."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def trust_list(self) -> Path:
        """Where the demo's trust list is written."""
        return self.folder / "trust.json"

    @property
    def config(self) -> Path:
        """Where the demo's configuration is written."""
        return self.folder / "hcgw.toml"

    def key_file(self, name: str) -> Path:
        """Return where the private key of `name` lies; git ignores it."""
        return self.folder / f"{name}.key.pem"

    def signer(self, name: str, algorithm: Algorithm) -> Signer:
        """Return the signer of `name`, with a key that is made the first time it is asked for."""
        file = self.key_file(name)
        if not file.exists():
            generate_dev_key(file, algorithm)
        return open_signer(f"file:{file}")
