"""Published lists: journeys that a confirmed case was aboard of, and places by risk.

They are public data, signed by who published them, verified like any issuer's statement and looked up here: nobody is
asked, so nobody learns who asked.

- `published_list.py`  one list: a signed JSON document, read strictly
- `signing.py`         makes one, for who publishes
- `list_store.py`      the lists in files: loaded together, swapped whole or not at all, never rolled back
- `journeys.py`        was a case aboard
- `risks.py`           how risky is a place on a day
- `names.py`           numbers and names as people type them
- `days.py`            days of local time
"""
