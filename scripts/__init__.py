"""Tools of the project that run from a checkout: not part of the wheel."""
