"""Watches: who holds codes is told when the verdict on one changes, by a handle of her own (docs/live-status.md, 5).

- `settings.py`  how many, for how long, and why one is refused
- `watch.py`     one caller's watch: her codes, what is to be told of them, and where she goes on after a cut
- `index.py`     which codes stand at the places that a batch changes
- `standing.py`  how the lists stand that they point to
- `due.py`       when a code is to be judged again though nobody said anything
- `watches.py`   all watches of a gateway: codes come and go, batches touch them, they are judged anew
- `follow.py`    the tasks: following the ledger, judging what was touched, looking at the clock
- `observer.py`  the seam through which gateway/watch counts

Nothing is asked of an issuer, so none learns who watches whom. Nothing is written down: a restart knows no watch.
"""
