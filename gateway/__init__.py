"""The cross-province health-code interop gateway: the map.

The way of a code is `pipeline.py`, from room to room; each room takes what the one before it returned:

- `formats/`     what does it say?       bytes -> ClaimedCode
- `trust/`       who says it?            ClaimedCode -> AuthenticCode
- `status/`      is it still true?       AuthenticCode -> LiveCode
- `policy/`      what does it mean here? LiveCode -> Decision
- `disclosure/`  who may see what?       Decision -> Disclosure
- `receipts/`    what was said?          Disclosure -> Receipt

Around them:

- `values.py`, `errors.py`  the words, and the one table of reasons
- `rpc/`, `web/`            the gRPC edge; the HTTP edge for operators
- `watch/`                  every metric, log event and field
- `config/`, `app.py`       the configuration, and the process put together from it
- `cli/`, `demo/`           the `hcgw` command; sample provinces to try it with

Key material is handled in the package `keys`, nowhere else. ARCHITECTURE.md says who may import whom, and why things
are as they are.
"""
