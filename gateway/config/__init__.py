"""The configuration: what the operator says, checked whole before anything is opened.

Rules:

- One TOML file < environment (``HCGW__SECTION__KEY``) < flags (``--set section.key=value``).
- An unknown key is refused with its path, wherever it came from. So is every value out of its range.
- Nothing that trust rests on has a default: a missing one refuses to start and is named.
- Secrets stand in files; this holds their paths only. Nothing here is secret, so all of it may be shown.
- A relative path is relative to the folder of the TOML file (without a file: the working folder).
- The result is frozen. A changed file needs a restart; SIGHUP re-reads what it names (trust lists, rules, profiles with
  their credentials, published lists, the registry of callers, TLS files, the address and secret of the replay guard's
  Redis), not this.

- `schema.py`   every option, with its form and its default; `status.py`, `handles.py`, `replay.py`, `audit.py` those of
                one room; `forms.py` the forms
- `sources.py`  file, environment and flags, put together and told of when wrong
- `handed_on.py`  from one process of a gateway to the others
"""

from .forms import Endpoint, SignerUri
from .schema import ENV_PREFIX, Config, LogLevel, MaxProfile
from .sources import ConfigRefused, Problem, load

__all__ = [
    "ENV_PREFIX",
    "Config",
    "ConfigRefused",
    "Endpoint",
    "LogLevel",
    "MaxProfile",
    "Problem",
    "SignerUri",
    "load",
]
