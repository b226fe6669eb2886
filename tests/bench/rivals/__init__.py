"""Programs that run a rival in an environment of its own and talk to the bench over lines of JSON.

The bench writes `{"codes": [{"code", "kid", "spki", "x", "y"}]}`; the rival answers `{"accepted": [indices]}`. For each
`{"round": [indices]}` it then verifies those codes, from the text to the signature, and answers `{"cpu": seconds}`.
"""
