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
- `provinces/`                asks the issuers of opaque codes
- `conversion/`               makes codes of a receiving division out of others
- `places/`                   looks journeys and places up in published lists
- `rpc/`, `web/`              the gRPC edge; the HTTP edge for operators
- `watch/`                    every metric, log event and field
- `config/`                   the configuration
- `loading.py`, `judging.py`  what it names, loaded together; the rooms made of that, and made anew at a reload
- `app.py`                    the process, put together
- `cli/`, `demo/`             the `hcgw` command (`__main__.py`); sample provinces to try it with
- `lines.py`, `instants.py`, `loopback.py`, `quick.py`  lines of faults, times, this machine, quick values

Key material is handled in the package `keys`, nowhere else. ARCHITECTURE.md says who may import whom, and why things
are as they are.
"""
