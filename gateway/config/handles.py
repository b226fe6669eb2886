"""The options of handles: where the keys of epochs are, and how long an epoch is."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from .forms import Section


class HandlesSection(Section):
    """Names of people for one caller and epoch."""

    folder: Path = Field(
        description="Folder of the keys of epochs, this user's alone; made if it is not there. Not for backups."
    )
    epoch_s: int = Field(
        default=7 * 86_400, ge=3_600, le=90 * 86_400, description="Seconds after which every handle is another one."
    )
    makes_keys: bool = Field(
        default=True, description="Make a key where an epoch has none; false if keys come from another machine."
    )
