"""Following what others publish: lists of other gateways, and plain Token Status Lists.

- `gateways.py`          follows one gateway: batches into the ledger, snapshots where batches are not kept any more
- `gateway_source.py`    a session with it: messages <-> values, silence, bounds
- `snapshots.py`         takes a snapshot: who vouches for it, whether it is whole
- `gateway_observer.py`  the seam through which this is watched
- `token_lists.py`       follows one plain list: when it is fetched, when it lapses
- `token_list_source.py` which list, what its statuses mean, why one is refused; the seams to who keeps and watches it
- `token_list_fetch.py`  one GET, and every way in which that can fail
- `token_list_check.py`  whether what came may be taken; its places as words
"""
