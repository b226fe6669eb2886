"""Hostile codes, made from good ones. See tests/adversarial/README.md."""
