"""The audit log: what was decided and what was changed, kept so that nobody can change it later and not be noticed.

A log is bytes in, proofs out: this room does not know what an entry says. One writer, any number of readers.

- `log.py`         the log as its writer has it: append, publish, forget
- `journal.py`     what makes an entry durable before it is in a tile
- `disk.py`        what is asked of the disk
- `tiles.py`       where the parts are and how they are written
- `tree.py`        the hash tree
- `checkpoint.py`  the signed head
- `reading.py`     reads files and hashes
- `retention.py`   forgetting, and the statement of it
- `faults.py`      what can be wrong, and where

docs/audit.md has the form, exact enough for a reader in another language.
"""
