"""The rules of the house that no linter knows: who may import whom, names, sizes, and what is never in the tree.

The import table is that of ARCHITECTURE.md, "The map". A package that has no row here fails the test: give it one.
"""

from __future__ import annotations

import ast
import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import NetworkRefused

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST = 500
"""Lines of a module. Aim under 300."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a room may import beside itself and the standard library; a package name covers all that is in it."""

    own: tuple[str, ...]
    third_party: tuple[str, ...] | None = None
    """None: anything that pyproject.toml lists."""


WORDS = (
    *("gateway.values", "gateway.errors", "gateway.quick", "gateway.divisions", "gateway.changes", "gateway.clinical"),
    "keys.values",
)

TABLE = {
    "gateway.values": Row(("keys.values", "gateway.clinical", "gateway.errors", "gateway.quick"), ()),
    "gateway.clinical": Row(("keys.values",), ()),
    "gateway.quick": Row((), ()),
    "gateway.errors": Row((), ()),
    "gateway.garbage": Row((), ()),
    "gateway.divisions": Row(("gateway.values",), ()),
    "gateway.changes": Row(("gateway.values", "gateway.errors", "keys.values"), ()),
    "gateway.formats": Row((*WORDS, "keys.strict"), ("cbor2",)),
    "gateway.trust": Row((*WORDS, "keys"), ()),
    "gateway.status": Row(WORDS, ()),
    "gateway.policy": Row((*WORDS, "gateway.lines", "keys.strict"), ()),
    "gateway.disclosure": Row(WORDS, ()),
    "gateway.callers": Row((*WORDS, "gateway.lines"), ("cryptography", "limits")),
    "gateway.provinces": Row(
        (*WORDS, "gateway.formats", "gateway.lines", "gateway.loopback", "gateway.trust.online", "keys", "healthcode")
    ),
    "gateway.places": Row((*WORDS, "gateway.formats", "gateway.lines", "gateway.trust", "keys"), ()),
    "gateway.conversion": Row((*WORDS, "gateway.formats", "gateway.sealed", "gateway.status", "keys"), ()),
    "gateway.lines": Row((), ()),
    "gateway.sealed": Row((), ()),
    "gateway.held": Row((*WORDS, "gateway.status.words"), ()),
    "gateway.store": Row((*WORDS, "keys.own_files"), ("apsw", "asyncpg")),
    "gateway.publishing": Row(
        (*WORDS, "gateway.status.words", "gateway.trust", "gateway.held", "gateway.store.change_log", "keys"), ()
    ),
    "gateway.follow": Row(
        (
            *WORDS,
            *(f"gateway.{one}" for one in ("formats", "status", "trust", "publishing", "loopback", "rpc")),
            "keys",
            "healthcode",
        )
    ),
    "gateway.watches": Row((*WORDS, "gateway.sealed", "gateway.status", "gateway.publishing"), ()),
    "gateway.recording": Row((*WORDS, "gateway.audit", "gateway.receipts.merkle", "gateway.web.pages", "keys")),
    "gateway.keeper": Row(("gateway", "keys")),
    "gateway.supervisor": Row(("gateway", "keys")),
    "gateway.clock_watch": Row(WORDS, ()),
    "gateway.duties": Row((), ()),
    "gateway.edges": Row(("gateway",), ()),
    "gateway.audit": Row((*WORDS, "gateway.instants", "gateway.receipts.merkle", "keys"), ()),
    "gateway.replay": Row((*WORDS, "gateway.loopback"), ("redis",)),
    "gateway.guarding": Row(("gateway", "keys"), ()),
    "gateway.rates_line": Row(("gateway.callers.shared_rates", "gateway.replay.redis_line"), ("redis",)),
    "gateway.handles": Row((*WORDS, "keys"), ()),
    "gateway.receipts": Row((*WORDS, "gateway.disclosure", "keys"), ()),
    "gateway.pipeline": Row(
        (*WORDS, *(f"gateway.{room}" for room in ("formats", "trust", "status", "policy"))),
        (),
    ),
    "gateway.instants": Row(WORDS, ()),
    "gateway.loopback": Row((), ()),
    "gateway.watch": Row((*WORDS, "keys.epoch_keys")),
    "gateway.config": Row(("gateway.loopback", "keys.values")),
    "gateway.rpc": Row(("gateway", "keys", "healthcode")),
    "gateway.web": Row(()),
    "gateway.audit_pages": Row(("gateway.config", "gateway.recording.pages", "gateway.web.pages"), ()),
    "gateway.auditing": Row(("gateway", "keys"), ()),
    "gateway.loading": Row(("gateway", "keys")),
    "gateway.judging": Row(("gateway", "keys")),
    "gateway.app": Row(("gateway", "keys")),
    "gateway.cli": Row(("gateway", "keys")),
    "gateway.demo": Row(("gateway", "keys")),
    "gateway.__main__": Row(("gateway.cli",), ()),
    "gateway": Row((), ()),
    "keys": Row((), ("cryptography", "nacl")),
}

ROOMS = ("formats", "trust", "status", "policy", "disclosure", "receipts")
OWN_TOP = ("gateway", "keys", "healthcode", "buf", "tests", "scripts")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

IO_MODULES = {
    "asyncio", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil", "socket",
    "sqlite3", "ssl", "subprocess", "tempfile", "threading", "urllib",
}  # fmt: skip
"""What a room without I/O has no use for."""

DOES_NO_IO = (*WORDS, "gateway.formats", "gateway.disclosure", "gateway.pipeline")


@dataclass(frozen=True, slots=True)
class Module:
    """A module of ours, parsed."""

    name: str
    path: Path
    tree: ast.Module
    imports: frozenset[str]


def _imports(name: str, path: Path, tree: ast.Module) -> frozenset[str]:
    """Return the absolute names that a module imports: of `from a import b` both, as b may be a module."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            found.update(f"{target}.{alias.name}" for alias in node.names)
    return frozenset(found)


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Return the parsed modules below `folders`, generated ones left out."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name.endswith(("_pb2.py", "_pb2_grpc.py")):
                continue
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_bytes())
            found.append(Module(name, path, tree, _imports(name, path, tree)))
    return tuple(found)


def ours() -> tuple[Module, ...]:
    """Return the modules that are shipped."""
    return modules("gateway", "keys")


@cache
def tree_files() -> tuple[Path, ...]:
    """Return every file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return tuple(path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file())


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Tell whether `name` is one of `packages` or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def row_of(module: Module) -> tuple[str, Row] | None:
    """Return the narrowest row that covers a module. The row `gateway` covers only the package's own __init__."""
    parts = module.name.split(".")
    for length in (2, 1):
        key = ".".join(parts[:length])
        if key in TABLE and (key != "gateway" or module.name == "gateway"):
            return key, TABLE[key]
    return None


def test_every_module_has_a_row() -> None:
    assert [module.name for module in ours() if row_of(module) is None] == []


def test_every_room_has_a_map_that_names_its_modules() -> None:
    wrong = []
    for folder in {module.path.parent for module in ours()}:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_bytes())) or ""
        names = {file.name for file in folder.glob("*.py")} - {"__init__.py"}
        wrong += [f"{folder.relative_to(ROOT)}: {name}" for name in names if f"`{name}`" not in text]
        named = set(re.findall(r"`([a-z0-9_]+\.py)`", text))
        wrong += [f"{folder.relative_to(ROOT)}: no {name}" for name in named - names]
    assert sorted(wrong) == []


def test_rooms_import_only_what_the_map_allows() -> None:
    wrong = []
    for module in ours():
        row = row_of(module)
        if row is None:
            continue
        room, allowed = row
        for name in sorted(module.imports):
            top = name.split(".")[0]
            if top in OWN_TOP:
                if not within(name, (room, *allowed.own)):
                    wrong.append(f"{module.name} imports {name}")
            elif (
                allowed.third_party is not None
                and top not in sys.stdlib_module_names
                and top not in allowed.third_party
            ):
                wrong.append(f"{module.name} imports {name}")
    assert wrong == []


def test_nothing_is_built_on_the_command_line_or_the_demo() -> None:
    importers = {"gateway.cli": ("gateway.cli", "gateway.__main__"), "gateway.demo": ("gateway.demo", "gateway.cli")}
    wrong = [
        f"{module.name} imports {name}"
        for module in ours()
        for name in sorted(module.imports)
        for top, allowed in importers.items()
        if within(name, (top,)) and not within(module.name, allowed)
    ]
    assert wrong == []


def test_generated_protobuf_is_touched_by_the_edge_only() -> None:
    allowed = ("gateway.rpc", "gateway.provinces.native", "gateway.follow")
    wrong = [
        f"{module.name} imports {name}"
        for module in ours()
        for name in sorted(module.imports)
        if within(name, ("healthcode", "buf")) and not within(module.name, allowed)
    ]
    assert wrong == []


def test_nothing_shipped_imports_tests() -> None:
    wrong = [
        m.name for m in modules("gateway", "keys", "scripts") if any(within(name, ("tests",)) for name in m.imports)
    ]
    assert wrong == []


def test_rooms_without_io_import_none() -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in ours()
        if within(module.name, DOES_NO_IO)
        for name in sorted(module.imports)
        if name.split(".")[0] in IO_MODULES
    ]
    assert wrong == []


CLOCKS = {
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"),
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
}  # fmt: skip


def test_rooms_read_no_clock() -> None:
    """The clock is an input: one reading per request, handed down as `at`."""
    rooms = (*(f"gateway.{room}" for room in ROOMS), "gateway.pipeline")
    wrong = []
    for module in ours():
        if not within(module.name, rooms):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute):
                owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
                if (owner, node.attr) in CLOCKS:
                    wrong.append(f"{module.name}:{node.lineno}")
        wrong += [f"{module.name} imports {n}" for n in module.imports if n in {"time.time", "time.monotonic"}]
    assert wrong == []


def test_names_say_what_is_inside() -> None:
    everything = modules("gateway", "keys", "tests", "scripts")
    assert [m.name for m in everything if FORBIDDEN_NAMES & set(m.name.split("."))] == []


def test_no_module_is_too_long() -> None:
    everything = modules("gateway", "keys", "tests", "scripts")
    lengths = {m.name: len(m.path.read_bytes().splitlines()) for m in everything}
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}


def test_nothing_prints() -> None:
    """Output belongs to the command line, which writes through rich or typer."""
    wrong = [
        f"{module.name}:{node.lineno}"
        for module in ours()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "pprint"}
    ]
    assert wrong == []


MAY_REACH_LOGGERS = ("gateway.watch", "gateway.web.server")
"""The HTTP server only silences the loggers of its library."""


def test_logging_is_set_up_in_one_place() -> None:
    """Every log event and field is defined in gateway/watch, so nothing else may reach a logger of its own."""
    wrong = [
        f"{module.name} imports {name}"
        for module in ours()
        for name in sorted(module.imports)
        if name.split(".")[0] in {"logging", "structlog"} and not within(module.name, MAY_REACH_LOGGERS)
    ]
    assert wrong == []


PRINTERS = {"MessageToJson", "MessageToDict", "MessageToString", "text_format"}


def test_no_message_is_rendered_as_text() -> None:
    """A rendered request holds the scanned code: no redaction option of protobuf's is honoured by Python."""
    wrong = [
        f"{m.name} imports {name}" for m in ours() for name in sorted(m.imports) if name.split(".")[-1] in PRINTERS
    ]
    assert wrong == []


# The patterns are put together here, so that this file does not match itself.
NEVER_IN_THE_TREE = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE" + rb" KEY-----(?:\\n|[\s\"'])*[A-Za-z0-9+/]{16}"),
    "a JWK with a private part": re.compile(
        rb'"kty"\s*:\s*"(?:EC|OKP)"[^{}]{0,400}"d"' + rb'\s*:\s*"[A-Za-z0-9_-]{20,}'
    ),
    "a package registry": re.compile(
        rb"(?:pypi\.|files\.python" + rb"hosted\.|registry\.np" + rb"mjs\.|proxy\.go" + rb"lang\.)(?:org|com|io)"
    ),
    "an index option": re.compile(rb"--(?:extra-)?index-url[ =]http|--find" + rb"-links[ =]|--reg" + rb"istry[ =]"),
    "a path of one machine": re.compile(rb"(?<![\w.}/-])/(?:home|root|work|Users|tmp|opt/pypi)" + rb"/[\w.]"),
}


@pytest.mark.parametrize("what", NEVER_IN_THE_TREE)
def test_never_in_the_tree(what: str) -> None:
    pattern = NEVER_IN_THE_TREE[what]
    wrong = []
    for path in tree_files():
        found = pattern.search(path.read_bytes())
        if found:
            line = path.read_bytes()[: found.start()].count(b"\n") + 1
            wrong.append(f"{path.relative_to(ROOT)}:{line}")
    assert wrong == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a private key", b"-----BEGIN EC PRIVATE" + b" KEY-----\nMHcCAQEEIJ0123456789"),
        (
            "a JWK with a private part",
            b'{"kty":"EC","crv":"P-256","d"' + b':"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}',
        ),
        ("a package registry", b"https://pypi" + b".org/simple"),
        ("an index option", b"--index-url" + b" https://example"),
        ("a path of one machine", b'"/home' + b'/someone/x"'),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, text: bytes) -> None:
    assert NEVER_IN_THE_TREE[what].search(text)


PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; [^\\]*)? \\$", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return package -> version of a lock file, names normalised."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return {re.sub(r"[-_.]+", "-", m[1]).lower(): m[2] for m in PIN.finditer(text)}


def test_locks_agree() -> None:
    """What is tested is what runs: dev.txt pins the versions of run.txt and build.txt, fuzz.txt those of run.txt."""
    run, build, dev, fuzz = (pins(name) for name in ("run", "build", "dev", "fuzz"))
    assert len(run) > 20
    assert {k: v for k, v in (run | build).items() if dev.get(k) != v} == {}
    assert {k: v for k, v in fuzz.items() if k in run and run[k] != v} == {}


@pytest.mark.parametrize("name", ["run", "build", "dev", "fuzz"])
def test_every_pin_has_a_hash(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pinned = [number for number, line in enumerate(lines) if "==" in line and not line.lstrip().startswith("#")]
    assert pinned
    assert [lines[n] for n in pinned if not lines[n + 1].lstrip().startswith("--hash=sha256:")] == []


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "gateway.example"])
def test_no_test_leaves_the_machine(host: str) -> None:
    with pytest.raises(NetworkRefused):
        socket.create_connection((host, 9), timeout=0.01)


@pytest.mark.parametrize(
    "reach",
    [
        lambda udp: udp.connect(("192.0.2.1", 9)),
        lambda udp: udp.connect_ex(("192.0.2.1", 9)),
        lambda udp: udp.sendto(b"", ("192.0.2.1", 9)),
        lambda udp: udp.sendto(b"", 0, ("192.0.2.1", 9)),
        lambda udp: udp.sendmsg([b""], [], 0, ("192.0.2.1", 9)),
        lambda _: asyncio.run(asyncio.open_connection("gateway.example", 9)),
    ],
)
def test_no_test_leaves_the_machine_by_another_way(reach: Callable[[socket.socket], object]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, pytest.raises(NetworkRefused):
        reach(udp)
