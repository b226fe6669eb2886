"""A folder of list files, its writer, and a boot that a test can end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.held import layout
from gateway.held.list_files import ListFiles
from gateway.held.mapped_lists import MappedLists


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the lists lie; not made yet."""
    return tmp_path / "status" / "lists"


@pytest.fixture
def reboot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what gives the machine another boot id; it has one."""
    boot_id = tmp_path / "boot_id"
    monkeypatch.setattr(layout, "BOOT_ID", boot_id)

    def again() -> None:
        boot_id.write_text(f"{secrets.token_hex(16)}\n")

    again()
    return again


@pytest.fixture
def opened(folder: Path) -> Iterator[Callable[[], ListFiles]]:
    """Return what opens the folder to write, after letting go of it."""
    writers: list[ListFiles] = []

    def again() -> ListFiles:
        for before in writers:
            before.close()
        files = ListFiles(folder)
        writers.append(files)
        files.open_all()
        return files

    yield again
    for files in writers:
        files.close()


@pytest.fixture
def files(opened: Callable[[], ListFiles]) -> ListFiles:
    """Return the writer of an empty folder."""
    return opened()


@pytest.fixture
def readers(folder: Path) -> MappedLists:
    """Return what a worker holds of the folder."""
    return MappedLists(folder)
