"""The one writer of a machine's lists: takes what issuers publish, follows others, hands on, tells who watches.

- `keeper.py`            all of it, put together from the configuration, opened, started and closed
- `sources.py`           whom it follows
- `token_list_files.py`  where plain Token Status Lists are kept that it follows
- `plain_edge.py`        its lists as plain Token Status Lists, over HTTPS
- `colours.py`           each batch of colours on its way into the audit log
- `own_lists.py`         closes lists of converted codes whose writer has gone
- `register.py`          the workers' side: how the lists of converted codes reach the keeper
- `process.py`           the keeper as a process of its own
"""
