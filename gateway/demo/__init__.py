"""The demonstration: sample provinces that really sign, sample codes of every format, and the verdicts they must get.

- `home.py`       a folder of its own: dev keys made on the first run, a trust list of the test environment
- `provinces.py`  the sample issuers
- `samples.py`    their codes, each with the verdict that is expected of it
- `live.py`       a list of live status, and a code that turns red while it is watched
- `public.py`     codes that nobody here wrote, if the public vectors are at hand
- `simulated.py`  simulated provinces that are asked about opaque codes, if the source tree is at hand
- `run.py`        starts the gateway, asks it over gRPC, shows the table

Nothing here is used by a gateway in service.
"""
