"""The command `hcgw`: one module per command.

- `main.py`     which commands there are; each is imported when it is called
- `serve.py`    serve: the process, its signals, systemd
- `config.py`   config check | show | schema
- `version.py`  version
- `trust.py`    trust import | show | check: trust lists
- `verify.py`   verify: one code or many, offline (`jsonl.py`, `trust_sources.py`)
- `rules.py`    rules check | test: CertLogic rules
- `explain.py`  explain: the way of one code, room by room
- `demo.py`     demo: sample provinces, sample codes, verdicts

Exit status: 0 done; 2 called wrongly; other numbers are told by each command's help.
"""
