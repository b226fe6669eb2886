"""Keys of epochs: made once by whoever is first, the same for all, and gone for good once destroyed."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keys import epoch_keys, own_files
from keys.epoch_keys import Epoch, EpochFolder, EpochKeyUnavailable, KeyFault, epoch_at
from keys.values import Instant

WEEK = 7 * 86_400
AT = Instant(1_700_000_000.5)
NOW = epoch_at(AT, WEEK)
MESSAGE = b"somebody"


def opened(folder: Path) -> EpochFolder:
    keys = EpochFolder(folder)
    keys.open(AT)
    return keys


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def fault(keys: EpochFolder, epoch: Epoch = NOW, *, make: bool = True) -> KeyFault:
    with pytest.raises(EpochKeyUnavailable) as caught:
        keys.key(epoch, make=make)
    return caught.value.fault


def test_epochs_begin_at_multiples_of_their_length_and_follow_one_another() -> None:
    assert NOW.start % WEEK == 0
    assert NOW.covers(AT)
    assert NOW.covers(Instant(float(NOW.start)))
    assert not NOW.covers(Instant(float(NOW.end)))
    assert NOW.next == epoch_at(Instant(float(NOW.end)), WEEK)


def test_a_key_is_made_once_in_a_file_of_its_own_and_read_by_others(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "handles"
    key, made = opened(folder).key(NOW, make=True)
    again, made_again = EpochFolder(folder).key(NOW, make=True)
    assert (made, made_again) == (True, False)
    assert key.prf.digest(MESSAGE) == again.prf.digest(MESSAGE)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [(file.name, file.stat().st_mode & 0o777, file.stat().st_size) for file in folder.iterdir()] == [
        (f"epoch-{NOW.start}-{NOW.end}.key", 0o600, 32)
    ]
    other, _ = EpochFolder(folder).key(NOW.next, make=True)
    assert other.prf.digest(MESSAGE) != key.prf.digest(MESSAGE)
    assert EpochFolder(folder).epochs() == (NOW, NOW.next)


def _make_in_a_process(folder: str, barrier: object) -> str:
    barrier.wait()  # type: ignore[attr-defined]
    return EpochFolder(Path(folder)).key(NOW, make=True)[0].prf.digest(MESSAGE).hex()


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    opened(tmp_path / "handles")
    context = multiprocessing.get_context("spawn")
    with context.Manager() as shared, context.Pool(4) as pool:
        barrier = shared.Barrier(4)
        found = pool.starmap(_make_in_a_process, [(str(tmp_path / "handles"), barrier)] * 4)
    assert len(set(found)) == 1
    assert names(tmp_path / "handles") == [f"epoch-{NOW.start}-{NOW.end}.key"]


def test_threads_that_make_many_keys_at_once_have_the_same_ones(tmp_path: Path) -> None:
    keys = opened(tmp_path / "handles")
    epochs = [Epoch(place, place + 1) for place in range(20)]
    with ThreadPoolExecutor(8) as pool:
        rounds = [[pool.submit(keys.key, epoch, make=True) for epoch in epochs] for _ in range(4)]
        found = [[one.result() for one in each] for each in rounds]
    for each in zip(*found, strict=True):
        assert len({key.prf.digest(MESSAGE) for key, _ in each}) == 1
        assert sum(made for _, made in each) == 1


def test_where_no_key_may_be_made_a_missing_one_is_missing(tmp_path: Path) -> None:
    keys = opened(tmp_path / "handles")
    assert fault(keys, make=False) is KeyFault.MISSING
    keys.key(NOW, make=True)
    assert keys.key(NOW, make=False)[1] is False


def test_what_is_destroyed_is_written_over_and_stays_destroyed(tmp_path: Path) -> None:
    folder = tmp_path / "handles"
    keys = opened(folder)
    for epoch in (NOW, NOW.next):
        keys.key(epoch, make=True)
    kept = tmp_path / "kept"  # what else points to the file's content
    os.link(folder / f"epoch-{NOW.start}-{NOW.end}.key", kept)
    assert keys.destroy([NOW]) == (NOW,)
    assert kept.read_bytes() == bytes(32)
    assert keys.epochs() == (NOW.next,)
    assert keys.destroyed_until() == NOW.end
    # A clock that was set back, and a file that came back from a backup, bring nothing to life.
    earlier = Epoch(NOW.start - WEEK, NOW.start)
    for epoch in (NOW, earlier):
        assert fault(keys, epoch) is KeyFault.DESTROYED
    name = folder / f"epoch-{NOW.start}-{NOW.end}.key"
    name.write_bytes(b"k" * 32)
    name.chmod(0o600)
    assert fault(EpochFolder(folder)) is KeyFault.DESTROYED
    keys.key(NOW.next, make=False)
    # Another length whose epoch is not over yet has a key of its own.
    assert keys.key(Epoch(NOW.start, NOW.end + 1), make=True)[1]
    assert keys.destroy([]) == ()
    assert keys.destroy([NOW.next, NOW]) == (NOW, Epoch(NOW.start, NOW.end + 1), NOW.next)
    assert names(folder) == [f"destroyed-{NOW.next.end}"]


def test_a_key_that_is_read_while_it_is_destroyed_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = opened(tmp_path / "handles")
    keys.key(NOW, make=True)
    read = own_files.read_secret_file

    def slow(path: Path, most: int) -> bytes:
        found = read(path, most)
        EpochFolder(tmp_path / "handles").destroy([NOW])
        return found

    monkeypatch.setattr(epoch_keys, "read_secret_file", slow)
    assert fault(keys) is KeyFault.DESTROYED


def test_a_key_that_is_made_while_others_destroy_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = opened(tmp_path / "handles")
    link = os.link

    def late(source: Path, target: Path) -> None:
        EpochFolder(tmp_path / "handles").destroy([NOW])
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert fault(keys) is KeyFault.DESTROYED
    assert names(tmp_path / "handles") == [f"destroyed-{NOW.end}"]


def test_a_folder_or_file_that_others_may_touch_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "handles"
    keys = opened(folder)
    keys.key(NOW, make=True)
    file = folder / f"epoch-{NOW.start}-{NOW.end}.key"
    file.chmod(0o640)
    assert fault(keys) is KeyFault.UNUSABLE
    file.chmod(0o600)
    folder.chmod(0o750)
    assert fault(keys) is KeyFault.UNUSABLE
    folder.chmod(0o700)
    for content in (b"short", b"k" * 33, bytes(32)):
        file.write_bytes(content)
        assert fault(keys) is KeyFault.UNUSABLE
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    nowhere.chmod(0o600)
    for place in (nowhere, tmp_path / "missing"):
        assert fault(EpochFolder(place)) is KeyFault.UNUSABLE
    for call in (EpochFolder(nowhere).epochs, EpochFolder(nowhere).destroyed_until):
        with pytest.raises(EpochKeyUnavailable):
            call()
    for place in (nowhere, nowhere / "in"):
        with pytest.raises(EpochKeyUnavailable):
            EpochFolder(place).open(AT)
    with pytest.raises(EpochKeyUnavailable):
        EpochFolder(nowhere).destroy([NOW])


def test_another_users_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = opened(tmp_path / "handles")
    monkeypatch.setattr(os, "geteuid", lambda: 4_711)
    assert fault(keys) is KeyFault.UNUSABLE


def test_what_dead_processes_left_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "handles"
    keys = opened(folder)
    keys.key(NOW, make=True)
    young, old, linked = (folder / f".new-{name}" for name in ("young", "old", "linked"))
    for file in (young, old):
        file.write_bytes(b"k" * 32)
    os.utime(young, (AT, AT))
    os.utime(old, (AT - 7_200, AT - 7_200))
    os.link(folder / f"epoch-{NOW.start}-{NOW.end}.key", linked)
    before = keys.key(NOW, make=False)[0].prf.digest(MESSAGE)
    keys.open(AT)
    assert names(folder) == [".new-young", f"epoch-{NOW.start}-{NOW.end}.key"]
    assert keys.key(NOW, make=False)[0].prf.digest(MESSAGE) == before


def test_no_key_shows_anywhere(tmp_path: Path) -> None:
    keys = opened(tmp_path / "handles")
    key, _ = keys.key(NOW, make=True)
    raw = (tmp_path / "handles" / f"epoch-{NOW.start}-{NOW.end}.key").read_bytes()
    assert raw.hex() not in repr(key)
    assert repr(raw) not in repr(key)
    keys.destroy([NOW])
    with pytest.raises(EpochKeyUnavailable) as caught:
        keys.key(NOW, make=True)
    assert raw.hex() not in str(caught.value)
