"""Room 4: what it means here.

`LiveCode -> Decision`: the issuer's statement in the common vocabulary, then the receiving division's rules.

- `translation.py`  the issuer's statement -> `CodeState`; never improves
- `rules.py`        one division's rules, compiled from a TOML file
- `book.py`         all divisions' rules, and the decision
- `divisions/`      the rules that ship with the gateway, one file per receiving division

Door for later: CertLogic rules join the table of `rules.py` as further rows of a division.
"""
