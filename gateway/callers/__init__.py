"""Who may ask what, and how much: identities from certificates, the registry of callers, their rates.

- `identity.py`       what a name says: domain, kind, division, class of checkpoint
- `roots.py`          whose certificates may name callers of which domain
- `rights.py`         what one caller may ask
- `meter.py`          how much she may ask in a second
- `windows.py`        what was counted in this window of time and in the last one
- `shared_rates.py`   several processes and nodes count together
- `registry_file.py`  the registry as it is written (TOML), read whole or refused whole
- `registry.py`       the registry in force: from a caller to her rights
"""
