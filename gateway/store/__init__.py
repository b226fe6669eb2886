"""What must survive: the log of signed batches, in SQLite or in PostgreSQL behind one interface.

- `change_log.py`           the interface
- `open.py`                 which store: its address, and the store behind it
- `numbering.py`            what may follow what in a list: both stores' rules
- `sqlite_log.py`           the log in a SQLite file (`sqlite_schema.py`, `sqlite_statements.py`)
- `group_commit.py`         its one writing thread: who comes at one time shares one commit
- `postgres_log.py`         the log in PostgreSQL (`postgres_link.py`, `postgres_schema.py`, `postgres_statements.py`)
- `postgres_appends.py`     how one node appends there, and what it does about a commit that was not answered
- `inspection.py`           what looking at a log whole, and copying it, needs beyond the interface
- `drop.py`                 a store deleted for good
- `copy.py`                 one log copied into another while the gateway serves
- `migrations.py`           the schema, numbered SQL files in `migrations/`
"""
