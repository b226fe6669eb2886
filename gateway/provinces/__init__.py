"""Connectors to the provinces: an opaque code means something to its issuer only, so its issuer is asked.

A province is a profile (TOML, `deploy/provinces`) that speaks a dialect (a module here). A new province that speaks a
known dialect needs a profile and no code; a new dialect is one module and one line in `dialects.py`.

- `profile.py`        what a profile says; `directory.py` holds all of them
- `profile_file.py`   reads one: `profile_model.py` is its form and JSON Schema, `encodings.py` the words that many
                      share, `toml_file.py` tells each fault with line and member
- `dialect.py`        what a dialect does, and the ways in which an upstream fails
- `dialects.py`       which dialects there are: `alipay.py`, `tencent.py`, `jiangsu.py`, `zhejiang.py`, `national.py`
                      over HTTP (`http.py`), `native.py` over gRPC
- `needs.py`          what a dialect needs of a profile; `credentials.py` reads the files that it names
- `answers.py`        the parsing line: strict JSON in, a handful of words out, everything about the holder dropped
- `lane.py`           one province's lane: what it said a moment ago (`memory.py`), calls that equal questions share
                      (`flights.py`), bounded calls and a line before them (`turnstile.py`), the breaker
                      (`breaker.py`), attempts and deadline
- `issuers.py`        all lanes, and the fall-back to the national platform
- `observer.py`       the seam through which the lanes are watched

Nothing about who checks, where or why goes out, but the gateway's own registered names where a dialect demands some.
"""
