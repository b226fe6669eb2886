"""The numbered files of the schema, and what may be done with a store that some of them were applied to."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from gateway.store.migrations import Dialect, Migration, StoreUnfit, missing, read_migrations, shipped
from gateway.store.numbering import refuse_malformed, refuse_not_anew
from gateway.store.sqlite_schema import applied, migrate

from .batches import batch, name, row

ONE, TWO, THREE = (Migration(number, f"step_{number}", f"CREATE TABLE t{number} (a)") for number in (1, 2, 3))


@pytest.mark.parametrize("dialect", list(Dialect))
def test_both_dialects_have_the_same_steps(dialect: Dialect) -> None:
    steps = [(one.number, one.subject) for one in shipped(dialect)]
    assert steps == [(one.number, one.subject) for one in shipped(Dialect.SQLITE)]
    assert steps


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        ([], []),
        (["0001_a.sqlite.sql", "0002_b.sqlite.sql", "0001_a.postgresql.sql", "README.md"], [1, 2]),
        (["0001_a.sqlite.sql", "0003_c.sqlite.sql"], None),
        (["0002_b.sqlite.sql"], None),
        (["0001_a.sqlite.sql", "0001_b.sqlite.sql"], None),
    ],
)
def test_files_are_numbered_without_gaps(tmp_path: Path, names: list[str], numbers: list[int] | None) -> None:
    for file in names:
        (tmp_path / file).write_text("SELECT 1")
    if numbers is None:
        with pytest.raises(ValueError, match="numbered"):
            read_migrations(tmp_path, Dialect.SQLITE)
    else:
        assert [one.number for one in read_migrations(tmp_path, Dialect.SQLITE)] == numbers


@pytest.mark.parametrize(
    ("done", "to_do"),
    [
        pytest.param({}, (ONE, TWO), id="none yet"),
        pytest.param({1: ONE.digest}, (TWO,), id="some"),
        pytest.param({1: ONE.digest, 2: TWO.digest}, (), id="all"),
        pytest.param({1: ONE.digest, 2: TWO.digest, 3: THREE.digest}, None, id="of a newer release"),
        pytest.param({1: TWO.digest}, None, id="of another file"),
        pytest.param({2: TWO.digest}, None, id="one left out"),
    ],
)
def test_what_is_missing(done: dict[int, str], to_do: tuple[Migration, ...] | None) -> None:
    if to_do is None:
        with pytest.raises(StoreUnfit):
            missing((ONE, TWO), done)
    else:
        assert missing((ONE, TWO), done) == to_do


def test_a_file_is_brought_up_step_by_step(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "a.db"))
    assert migrate(db, [ONE]) == (ONE,)
    assert migrate(db, [ONE, TWO, THREE]) == (TWO, THREE)
    assert migrate(db, [ONE, TWO, THREE]) == ()
    assert applied(db) == {one.number: one.digest for one in (ONE, TWO, THREE)}
    with pytest.raises(StoreUnfit):
        migrate(db, [ONE, TWO])
    db.close()


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "a.db"))
    broken = Migration(2, "broken", "CREATE TABLE b (a); CREATE TABLE t1 (a)")
    with pytest.raises(apsw.SQLError):
        migrate(db, [ONE, broken])
    assert applied(db) == {1: ONE.digest}
    assert not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'b'").get
    assert migrate(db, [ONE, TWO]) == (TWO,)
    db.close()


@pytest.mark.parametrize("uri", ["https://a.example/" + "x" * 2_000, "https://a.example/\0", "https://a.example/\n"])
def test_a_name_that_no_store_can_keep_is_refused(uri: str) -> None:
    of = name()._replace(uri=uri)
    with pytest.raises(ValueError, match="name"):
        refuse_malformed([batch(1, of)])
    with pytest.raises(ValueError, match="name"):
        refuse_not_anew(row(3, of))


def test_a_list_begins_anew_at_its_base() -> None:
    begins = row(3)
    for wrong in (begins.__class__(begins.name, 10, begins.opened, 2, 3, begins.digest, begins.issued), row(0)):
        with pytest.raises(ValueError, match="base"):
            refuse_not_anew(wrong)
