"""The supervisor: the process that starts the others, tells of them at one HTTP edge, and starts the dead again.

- `child.py`       what a process and its supervisor know of each other: arguments, words, signals
"""
