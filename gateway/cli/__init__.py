"""The command `hcgw`: one module per command.

- `main.py`     which commands there are; each is imported when it is called
- `demo.py`       demo: sample provinces, sample codes, verdicts
- `verify.py`     verify: one code or many, offline (`jsonl.py`, `trust_sources.py`)
- `ask.py`        ask: one code of a running gateway (`scanned.py`: what was scanned, typed or piped)
- `explain.py`    explain: the way of one code, room by room
- `receipt.py`    receipt verify: is it one, and what does it say
- `serve.py`      serve: the process, its signals, systemd (`serve_process.py`: one process of several)
- `config.py`     config check | show | schema
- `trust.py`      trust import | show | check: trust lists (`trust_import.py`, `trust_report.py`)
- `provinces.py`  provinces check | list | probe | schema: profiles (`provinces_ready.py`, `provinces_probe.py`)
- `rules.py`      rules check | test: CertLogic rules
- `lists.py`      lists sign | check: published lists
- `callers.py`    callers check | show: the registry of callers
- `handles.py`    handles make | list | destroy: the keys that handles are made with
- `dev_certs.py`  dev-certs: throw-away certificates
- `dev_key.py`    dev-key: a throw-away key to sign with
- `status.py`     status lists | open | publish | close | watch: live status (`status_changes.py`, `status_watch.py`)
- `db.py`         db migrate | check | copy: the store of signed batches (`db_check.py`)
- `audit.py`      audit key | verify | show | prove | check-proof | compare | appeal: the audit log
                  (`audit_show.py`, `audit_proof.py`, `audit_appeal.py`, `audit_head.py`)
- `purge.py`      purge: delete all that a gateway kept (`purge_places.py`: what that is)
- `version.py`    version

Exit status: 0 done; 2 called wrongly; other numbers are told by each command's help.
"""
