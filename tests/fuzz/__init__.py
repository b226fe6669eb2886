"""Fuzzing of everything that reads bytes from outside. See tests/fuzz/README.md."""
