"""How entries get into the audit log: kept in each process until they are durable, and written by one.

- `settings.py`   when an answer waits, what happens when the log cannot be written, and the bounds
- `outbox.py`     what one process has to write into one log: numbered, bounded, kept until it is durable
- `recorder.py`   all that one process writes
- `trail.py`      the decisions: what a handler calls
- `wire.py`       the frames between a process and the owner
- `link.py`       from an outbox to the owner: over its socket, or in the same process
- `owner.py`      the one writer of one log: group commit, checkpoints, what cannot be written
- `gate.py`       the socket that the owner listens on
- `keeping.py`    both logs of a machine: opened, written for all, forgotten when it is time
- `positions.py`  up to which batch each list stands in the log
- `pages.py`      what others may read of the logs over HTTP
- `peers.py`      other nodes' heads, compared (`peer_http.py`: how they are asked)
- `thread.py`     the one thread that waits for the disk
"""
