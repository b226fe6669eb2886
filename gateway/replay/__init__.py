"""The replay guard: a dynamic code is good for one passage through one gate.

A screenshot that is shown at a second gate is a suspected replay, and the receiving division says what becomes of it.
The guard remembers showings for a few minutes, as keyed digests, and no longer (docs/replay.md).

- `showing.py`      the words: what is asked, what can come out
- `layout.py`       where what stands in the memory, byte by byte
- `memory.py`       the memory: of one process, or one mapped by all workers of a machine
- `locks.py`        who may write where: record locks, which the kernel lifts when their holder dies
- `generations.py`  keys and slabs, and how a generation is dropped
- `table.py`        the memory of one machine: first showing, same passage, or suspected
- `shared.py`       the memory of several nodes: one round trip to Redis within a budget
- `questions.py`    what is asked of them, in words that say nothing
- `redis_line.py`   one connection to Redis, and the script that runs there
- `offers.py`       what was recorded here while Redis was away, to be told it afterwards
- `guard.py`        both together: the stricter of the two counts
- `observer.py`     who is told what happens
"""
