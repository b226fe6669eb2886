"""The audit log: what was decided and what was changed, kept so that nobody can change it later and not be noticed.

A log is bytes in, proofs out: but for `entries.py` nothing here knows what an entry says. One writer, any number of
readers.

- `log.py`         the log as its writer has it: append, publish, forget
- `journal.py`     what makes an entry durable before it is in a tile
- `disk.py`        what is asked of the disk
- `tiles.py`       where the parts are and how they are written
- `tree.py`        the hash tree
- `checkpoint.py`  the signed head
- `reading.py`     reads files and hashes
- `proofs.py`      what shows that an entry is in the log, and that one head goes on from another
- `compare.py`     two heads, as two readers have them
- `retention.py`   forgetting, and the statement of it
- `faults.py`      what can be wrong, and where
- `entries.py`     what an entry says: types, their one spelling, a strict reader

Reading a whole log, and saying what is wrong with it:

- `verification.py`  all of it
- `genuine.py`       the tree, judged from the signed head downwards
- `resolve.py`       which of what disagrees is genuine
- `classify.py`      what was done to the entries of a bundle
- `strays.py`        files that do not belong there

docs/audit.md has the form, exact enough for a reader in another language.
"""
