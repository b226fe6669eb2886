"""Receipts that this project signs itself, for verifiers in other languages."""
