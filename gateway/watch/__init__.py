"""What an operator sees: every metric name, log event and field is defined in this room and nowhere else.

- `events.py`     the log events: one frozen type each, with its fields. What is not there cannot be logged.
- `events_status.py`, `events_replay.py`, `events_handles.py`, `events_audit.py`, `events_callers.py`  those of a room;
                  `event.py` says what an event is
- `logs.py`       writes events as JSON lines; keeps the libraries' and Python's own words off the output
- `metrics.py`    one registry per gateway and everything that is in it
- `verdicts.py`   verifications by issuer, format, measure and reason
- `rpc.py`        the grpc_server_* metrics
- `provinces.py`  questions to the provinces, breakers, fall-backs
- `callers.py`    callers who were turned away, rates that are counted together; fills the seam of gateway/callers
- `conversion.py`  converted codes, looks at their originals; fills the seam of gateway/conversion
- `audit.py`      the audit log and other nodes' heads; fills the seams of gateway/recording
- `receipts.py`   receipts and signatures under them
- `replay.py`     showings of dynamic codes, and how Redis does; fills the seam of gateway/replay
- `disclosures.py`  verdicts by profile, clinical items that were asked for
- `handles.py`    the keys of handles; fills the seam of gateway/handles
- `status.py`     batches and lists of live status; fills the seam of gateway/publishing
- `following.py`  sources that are followed, and watches; fills the seams of gateway/follow and gateway/watches
- `observer.py`   fills the seams of gateway/rpc and gateway/provinces
- `processes.py`  the processes of a gateway of several; fills the seam of gateway/supervisor
- `trust.py`      age and end of the trust lists, keys and their ends
- `lists.py`      age and end of the published lists

Nothing here ever holds a code, a token, a caller's own word or the text of an exception.
"""
