"""Simulated provinces: real servers on loopback, with people, colours, rotating codes and faults that can be switched.

- `world.py`        any set of provinces, started together, with the profiles that lead to them
- `people.py`       people who plainly do not exist; every datum carries a mark to search for
- `population.py`   who has which colour when; check-ins; codes that rotate
- `screens.py`      what stands on a screen, by the province's template
- `faults.py`       what can go wrong, and the switch; `garbage.py`, `wire.py`, `relay.py` are what it looks like
- `finding.py`      what a system finds; `http_system.py` is what all HTTP systems have in common
- `*_system.py`     one module per dialect, built from docs/dialects.md and from nothing of the gateway's own side
- `profiles.py`     shipped profiles with another endpoint and other credentials
"""
