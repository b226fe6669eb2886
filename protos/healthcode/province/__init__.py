"""Generated from the schemas of the gateway: see scripts/gen.py."""
