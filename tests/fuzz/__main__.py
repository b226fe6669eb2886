"""`python -m tests.fuzz`: the same as `python -m tests.fuzz.run`."""

from __future__ import annotations

import sys

from .run import main

sys.exit(main())
