"""Live status lists as they are published, kept and handed on: the only way in which a list changes.

- `ledger.py`         the door: submit, read, subscribe, snapshot, adopt, recover
- `lane.py`           the way of batches into one list, one after another
- `job.py`            one batch on its way, and whoever waits for it
- `held_list.py`      one list: its head, its file, how both follow the log after a crash or another node
- `replay.py`         reading the log again
- `listening.py`      hearing of what other processes put into the log
- `check.py`          may this batch be the next of its list? Pure
- `signatures.py`     whose keys signed a batch
- `digests.py`        what a list's digest would be after a batch
- `snapshot.py`       a list whole, taken for others and taken over from others
- `subscriptions.py`  who hears of each batch as soon as it is visible
- `upkeep.py`         checkpoints, forgetting old batches, trying a store that failed
- `health.py`         whether the store takes what must survive
- `means.py`          what all lists work with; the seam to how batches are encoded
- `settings.py`       what can be chosen, and the bounds that cannot
- `observer.py`       the seam through which gateway/watch counts

The log (gateway/store) is the truth, the files (gateway/held) are its cache: a batch is in the log, durably, before a
word of it is written to a file, and it is acknowledged after every worker can see it.
"""
