"""From file, environment and flags to one checked configuration.

Rules:

- Later sources win, option by option: TOML file < environment < flags.
- All problems that can be found are told at once, each with the path of its option.
- A message never repeats a value.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from .audit import AuditSection, PeerSection
from .forms import SignerUri
from .replay import ReplaySection
from .schema import ENV_PREFIX, CallersSection, Config
from .status import FollowSection, StatusSection, TokenListSection

FILE_LIMIT = 1 << 20

Tree = dict[str, Any]
"""Options as they were read, section by section, not checked yet."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `where` is the path of the option (``grpc.listen``); `what` is for the operator."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ConfigRefused(Exception):
    """The gateway must not start with this configuration. `problems` names each option and what is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def load(file: Path | None = None, settings: Sequence[str] = ()) -> Config:
    """Return the configuration from `file`, the environment and `settings` (``section.key=value``), later ones winning.

    Checks form and range of each option, and how they fit together. Does not look whether the files that they name
    exist or can be read: that is for those who load them (`hcgw config check` does all of it).

    Raises:
        ConfigRefused: with every problem that was found.

    """
    tree = _merge(_merge(_from_file(file), _from_environment()), _from_settings(settings))
    try:
        config = Config(**tree)
    except ValidationError as error:
        raise ConfigRefused(_problems(error)) from None
    return _anchored(config, Path.cwd() if file is None else file.resolve().parent)


def _from_file(file: Path | None) -> Tree:
    if file is None:
        return {}
    try:
        with file.open("rb") as opened:
            raw = opened.read(FILE_LIMIT + 1)
        if len(raw) > FILE_LIMIT:
            raise ConfigRefused([Problem(str(file), f"is larger than {FILE_LIMIT} bytes")])
        return tomllib.loads(raw.decode())
    except OSError as error:
        raise ConfigRefused([Problem(str(file), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigRefused([Problem(str(file), "is not UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigRefused([Problem(str(file), f"is not TOML: {error}")]) from None


def _from_environment() -> Tree:
    sections = set(Config.model_fields)
    for name in os.environ:
        if name.upper().startswith(ENV_PREFIX):
            section = name[len(ENV_PREFIX) :].lower().split("__")[0]
            if section not in sections:
                raise ConfigRefused([Problem(name, f"unknown section {section!r}")])
    try:
        return EnvSettingsSource(Config)()
    except (SettingsError, ValueError):
        raise ConfigRefused([Problem(f"{ENV_PREFIX}*", "a list or section in the environment must be JSON")]) from None


def _from_settings(settings: Sequence[str]) -> Tree:
    tree: Tree = {}
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", path):
            raise ConfigRefused([Problem("--set", "must be section.key=value")])
        branch: Tree = {}
        leaf = branch
        *sections, key = path.split(".")
        for section in sections:
            leaf = leaf.setdefault(section, {})
        leaf[key] = _toml_value(value)
        tree = _merge(tree, branch)
    return tree


def _toml_value(text: str) -> Any:
    """Read a flag's value as TOML, or as the bare string that it looks like."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def _merge(below: Tree, above: Mapping[str, Any]) -> Tree:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _problems(error: ValidationError) -> list[Problem]:
    plain = {"missing": "is required and has no default", "extra_forbidden": "unknown key"}
    return [
        Problem(
            ".".join(map(str, found["loc"])) or "configuration",
            plain.get(found["type"]) or found["msg"].removeprefix("Value error, "),
        )
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _anchored(config: Config, folder: Path) -> Config:
    tls = config.grpc.tls
    if tls is not None:
        tls = tls.model_copy(update={name: folder / path for name, path in tls})
    provinces, conversion, handles = config.provinces, config.conversion, config.handles
    if provinces is not None:
        provinces = provinces.model_copy(update={"directory": folder / provinces.directory})
    if conversion is not None:
        conversion = conversion.model_copy(update={"signer": _anchored_signer(conversion.signer, folder)})
    if handles is not None:
        handles = handles.model_copy(update={"folder": folder / handles.folder})
    receipts = config.receipts
    return config.model_copy(
        update={
            "grpc": config.grpc.model_copy(update={"tls": tls}),
            "trust": config.trust.model_copy(update={"lists": tuple(folder / path for path in config.trust.lists)}),
            "policy": config.policy.model_copy(update={"directory": folder / config.policy.directory}),
            "provinces": provinces,
            "lists": config.lists.model_copy(update={"files": tuple(folder / path for path in config.lists.files)}),
            "conversion": conversion,
            "status": None if config.status is None else _anchored_status(config.status, folder),
            "handles": handles,
            "callers": _anchored_callers(config.callers, folder),
            "replay": _anchored_files(config.replay, folder),
            "audit": None if config.audit is None else _anchored_audit(config.audit, folder),
            "receipts": receipts.model_copy(
                update={
                    "signer": _anchored_signer(receipts.signer, folder),
                    "other_keys": tuple(folder / path for path in receipts.other_keys),
                }
            ),
        }
    )


def _anchored_callers(callers: CallersSection, folder: Path) -> CallersSection:
    return callers.model_copy(
        update={
            "registry": None if callers.registry is None else folder / callers.registry,
            "roots": {domain: folder / file for domain, file in callers.authorities.items()} or None,
        }
    )


def _anchored_status(status: StatusSection, folder: Path) -> StatusSection:
    directory = folder / status.directory
    kind, _, place = status.store.partition(":")
    return status.model_copy(
        update={
            "directory": directory,
            "signer": _anchored_signer(status.signer, folder),
            "store": f"{kind}:{(directory if kind == 'sqlite' else folder) / place}",
            "follow": tuple(_anchored_files(one, folder) for one in status.follow),
            "token_lists": tuple(_anchored_files(one, folder) for one in status.token_lists),
        }
    )


def _anchored_audit(audit: AuditSection, folder: Path) -> AuditSection:
    return audit.model_copy(
        update={
            "directory": folder / audit.directory,
            "signer": _anchored_signer(audit.signer, folder),
            "peers": tuple(_anchored_files(one, folder) for one in audit.peers),
        }
    )


_FileSection = TypeVar("_FileSection", FollowSection, TokenListSection, ReplaySection, PeerSection)


def _anchored_files(section: _FileSection, folder: Path) -> _FileSection:
    files = {name: value for name, value in section if isinstance(value, Path)}
    return section.model_copy(update={name: folder / file for name, file in files.items()})


def _anchored_signer(uri: SignerUri, folder: Path) -> SignerUri:
    scheme, _, rest = uri.partition(":")
    if scheme != "file" or rest.startswith("/"):
        return uri
    return SignerUri(f"file:{quote(str(folder))}/{rest}")
