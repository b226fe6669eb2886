"""When Python looks for garbage (gc): not while a process loads, and never through what stays until its end.

- A start makes some hundred thousand objects that live as long as the process: modules, classes, tables. Looked through
  again and again while they are made, they make an import a tenth longer.
- Every full look later would go through them once more, and while it does, nothing is answered.
- What is made once the edges are open is never exempt: a code that is dropped is dropped.

Source: gc.freeze in Python's library reference.
"""

from __future__ import annotations

import gc


def wait() -> None:
    """Look for none until `go_on`. Called first of all in a process that serves."""
    gc.disable()


def go_on() -> None:
    """Look for garbage again, but not among what has been made so far. Called before the first caller is let in."""
    gc.freeze()
    gc.enable()
