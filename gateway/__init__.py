"""The cross-province health-code interop gateway: the map.

The way of a code is `pipeline.py`, from room to room; each room takes what the one before it returned:

- `formats/`     what does it say?       bytes -> ClaimedCode
- `trust/`       who says it?            ClaimedCode -> AuthenticCode
- `status/`      is it still true?       AuthenticCode -> LiveCode
- `policy/`      what does it mean here? LiveCode -> Decision
- `disclosure/`  who may see what?       Decision -> Disclosure
- `receipts/`    what was said?          Disclosure -> Receipt

Around them:

- `values.py`, `errors.py`    the words, and the one table of reasons; `divisions.py` which division lies in which
- `clinical.py`               the words of clinical items, and the seal that one travels under
- `changes.py`                the words of live status: lists, and the signed batches that change them
- `callers/`                  who may ask what, and how much of it
- `provinces/`                asks the issuers of opaque codes
- `handles/`                  names people, for one caller and epoch each
- `replay/`                   which dynamic codes were shown at which gate
- `conversion/`               makes codes of a receiving division out of others
- `publishing/`, `store/`     takes what issuers publish of live status; what must survive of it
- `held/`                     the lists as files that all workers map
- `follow/`                   takes lists over from other gateways and issuers
- `watches/`                  tells who holds a code when it changes
- `places/`                   looks journeys and places up in published lists
- `rpc/`, `web/`              the gRPC edge; the HTTP edge for operators
- `watch/`                    every metric, log event and field
- `config/`                   the configuration
- `loading.py`, `judging.py`  what it names, loaded together; the rooms made of that, and made anew at a reload
- `guarding.py`               the replay guard that it wants, and the rates that nodes count together (`rates_line.py`)
- `app.py`                    the process, put together, with the duties (`duties.py`) and edges (`edges.py`) it has
- `audit/`, `recording/`      the log that nobody can change unnoticed; how entries get there
- `auditing.py`, `audit_pages.py`  both as the configuration has them: of one process, and for readers
- `keeper/`, `supervisor/`    the one process that writes lists; who starts it and the workers
- `cli/`, `demo/`             the `hcgw` command (`__main__.py`); sample provinces to try it with
- `lines.py`, `instants.py`, `loopback.py`, `quick.py`  lines of faults, times, this machine, quick values
- `sealed.py`, `clock_watch.py`  bytes that show nowhere; whether the clock was set
- `garbage.py`                when Python looks for garbage, in a process that serves

Key material is handled in the package `keys`, nowhere else. ARCHITECTURE.md says who may import whom, and why things
are as they are.
"""
