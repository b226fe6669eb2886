"""The supervisor: the process that starts the others, tells of them at one HTTP edge, and starts the dead again.

- `supervisor.py`  the whole: order of start and end, readiness, reload
- `guard.py`       keeps one post filled: starts again what dies or hangs
- `process.py`     one life of one process: exec, its line, signals, its end
- `child.py`       what a process and its supervisor know of each other: arguments, words, signals
- `port.py`        holds the gRPC port that the workers share
- `pages.py`       /metrics, /readyz and the key set, gathered from the processes
- `ask.py`         asks one process for a page, bounded in time and size
- `exposition.py`  many expositions made one, each sample labelled with its process
- `settings.py`    which processes there are, and how long is waited for what

`hcgw serve` runs it where there is a keeper or more than one worker; grpc is never imported here.
"""
