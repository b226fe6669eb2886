"""The guard that a configuration wants: what is refused, and what is put in force."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.callers.meter import Meters
from gateway.callers.shared_rates import NOBODY_WATCHES as NOBODY_COUNTS
from gateway.config.replay import ReplaySection
from gateway.guarding import everywhere_of, guard_of, redis_access, refuse_longer_lived, shared_rates_of
from gateway.loading import StartRefused
from gateway.provinces.directory import ProvinceDirectory
from gateway.replay.memory import create_shared
from gateway.replay.observer import NOBODY_WATCHES
from gateway.replay.showing import Seen, Showing
from gateway.values import CodeMarks, Instant
from tests.unit.replay.gates import AT, GATE, ISSUER

SHIPPED = Path(__file__).parents[2] / "deploy" / "provinces"


def now() -> Instant:
    return AT


def secret(folder: Path, name: str, text: str, mode: int = 0o600) -> Path:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


def section(folder: Path, url: str = "unix:///run/redis.sock", key: str = "k" * 32, **changes: object) -> ReplaySection:
    files = {"redis": secret(folder, "url", url), "redis_key": secret(folder, "key", key)}
    return ReplaySection.model_validate(files | changes)


def test_a_generation_is_longer_than_any_code_that_is_guarded() -> None:
    assert ReplaySection().generation_s == 360
    assert ReplaySection(dynamic_max_s=3_600).generation_s == 3_660


@pytest.mark.parametrize(
    "options",
    [
        {"redis": "url"},
        {"redis_key": "key"},
        {"redis_ca_file": "ca.pem"},
        {"insecure_redis_in_plaintext": True},
        {"insecure_no_guard": True, "redis": "url", "redis_key": "key"},
        {"same_passage_s": 60, "dynamic_max_s": 30},
        {"dynamic_max_s": 5},
        {"dynamic_max_s": 4_000},
        {"same_passage_s": -1},
        {"capacity": 10},
        {"redis_budget_ms": 0},
        {"redis_budget_ms": float("nan")},
        {"unknown": 1},
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReplaySection.model_validate(options)


def test_without_a_guard_there_is_none() -> None:
    chosen = ReplaySection(insecure_no_guard=True)
    assert guard_of(chosen, None, None, now, NOBODY_WATCHES) is None
    assert redis_access(chosen) is None
    assert everywhere_of(None, chosen, NOBODY_WATCHES) is None


def shown(memory: int | None) -> Seen:
    guard = guard_of(ReplaySection(), memory, None, now, NOBODY_WATCHES)
    assert guard is not None
    marks = CodeMarks(ISSUER, b"", b"code-1", Instant(AT + 60))
    guarded = guard.show(Showing(marks, GATE, AT, 1))
    assert isinstance(guarded, tuple)
    return guarded.seen


def test_a_process_has_its_own_memory_or_the_one_that_it_is_handed() -> None:
    memory = create_shared(1_000, 360.0)
    try:
        assert [shown(memory), shown(memory), shown(None), shown(None)] == [
            Seen.FIRST,
            Seen.SAME_PASSAGE,
            Seen.FIRST,
            Seen.FIRST,
        ]
    finally:
        os.close(memory)


def test_a_descriptor_that_is_no_memory_refuses_the_start(tmp_path: Path) -> None:
    file = os.open(secret(tmp_path, "other", "x" * 8_192), os.O_RDWR)
    try:
        with pytest.raises(StartRefused) as refused:
            guard_of(ReplaySection(), file, None, now, NOBODY_WATCHES)
        assert (refused.value.part, refused.value.option) == ("replay", "replay.capacity")
    finally:
        os.close(file)


@pytest.mark.parametrize(
    ("url", "key", "option"),
    [
        ("http://c4n4ry.example", "k" * 32, "replay.redis"),
        ("redis://:c4n4ry@redis.example", "k" * 32, "replay.redis"),
        ("", "k" * 32, "replay.redis"),
        ("unix:///run/redis.sock", "c4n4ry", "replay.redis_key"),
        ("unix:///run/redis.sock", "", "replay.redis_key"),
    ],
)
def test_what_redis_is_named_with_is_read_at_the_start(tmp_path: Path, url: str, key: str, option: str) -> None:
    with pytest.raises(StartRefused) as refused:
        redis_access(section(tmp_path, url, key))
    assert (refused.value.part, refused.value.option) == ("replay", option)
    assert "c4n4ry" not in str(refused.value)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    chosen = section(tmp_path)
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(StartRefused) as refused:
        redis_access(chosen)
    assert refused.value.file == str(tmp_path / "key")
    (tmp_path / "key").unlink()
    with pytest.raises(StartRefused):
        redis_access(chosen)


def test_access_is_equal_as_long_as_the_files_say_the_same(tmp_path: Path) -> None:
    before = redis_access(section(tmp_path))
    assert before == redis_access(section(tmp_path, "unix:///run/redis.sock\n"))
    assert before is not None
    assert before != redis_access(section(tmp_path, key="o" * 32))
    assert before != redis_access(section(tmp_path, "unix:///run/other.sock"))
    assert "k" * 32 not in repr(before)
    assert everywhere_of(before, section(tmp_path), NOBODY_WATCHES) is not None


def test_rates_are_shared_where_there_is_a_redis_and_meters_that_count_together(tmp_path: Path) -> None:
    chosen = section(tmp_path)
    access = redis_access(chosen)
    assert access is not None
    together, apart = Meters(together=True), Meters()
    assert shared_rates_of(access, chosen, together, NOBODY_COUNTS) is not None
    assert shared_rates_of(access, chosen, apart, NOBODY_COUNTS) is None
    assert shared_rates_of(None, ReplaySection(), together, NOBODY_COUNTS) is None
    assert "k" * 32 not in repr(access.rates_line())


def test_a_province_whose_codes_outlive_the_memory_is_refused() -> None:
    profiles = ProvinceDirectory.load(SHIPPED).profiles
    refuse_longer_lived(profiles, ReplaySection())
    shanghai = next(one for one in profiles if one.name == "shanghai")
    assert shanghai.dynamic_s == 60
    longer = [replace(shanghai, dynamic_s=301.0)]
    with pytest.raises(StartRefused) as refused:
        refuse_longer_lived(longer, ReplaySection())
    assert "shanghai" in str(refused.value)
    refuse_longer_lived(longer, ReplaySection(dynamic_max_s=600))
    refuse_longer_lived(longer, ReplaySection(insecure_no_guard=True))


def test_issuers_of_dynamic_codes_are_known_to_the_trust_room() -> None:
    directory = ProvinceDirectory.load(SHIPPED)
    dynamic = {one.name for one in directory.profiles if directory.online.issuers[one.issuer].dynamic_s is not None}
    assert dynamic == {"shanghai"}
