"""Room 4: what it means here.

`LiveCode -> Decision`: the issuer's statement in the common vocabulary, then the receiving division's rules.

- `translation.py`      the issuer's statement -> `CodeState`; never improves
- `facts.py`            what rules look at: the state that counts, where the code comes from, how risky that is
- `rule.py`             one row of the recognition table: whom it fits; all rows of a division
- `rules.py`            the file of one division's rows (TOML), read whole or refused whole
- `rule_sets.py`        CertLogic rules that a row may depend on; `acceptance_rule.py` one of them, `certlogic/` their
                        language
- `replay.py`           what a suspected replay makes of a decision
- `directory.py`        the folder that holds both
- `book.py`             all divisions' rules, the decision, and how it came about
- `divisions/`          the rules that ship with the gateway, one file per receiving division

docs/policy.md tells all of it to who writes rules.
"""
