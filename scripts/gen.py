"""Generates the Python code of our schemas, and guards it.

Rules:

- The root is `protos/`, so a schema and its generated module have the same import path, and nothing is rewritten.
- Generated code is committed beside its .proto, by the protoc that requirements/dev.txt pins: never by hand.
- `--check` regenerates into a temporary folder and fails on any difference, on a file too many too; and it fails on
  what `buf lint`, `buf format` and `buf breaking` find, all offline.
- `--release` renews `protos/released.binpb`, the image that `buf breaking` compares with: only when a release is
  tagged, and only if nothing breaks the clients of the last one.

Usage: python scripts/gen.py [--check | --release]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent / "protos"
PACKAGES = ("healthcode", "buf")
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


def schemas() -> list[str]:
    """Return every schema, as protoc names it: relative to the root, sorted."""
    return sorted(p.relative_to(ROOT).as_posix() for package in PACKAGES for p in (ROOT / package).rglob("*.proto"))


def has_service(schema: str) -> bool:
    """Tell whether `schema` declares a service: only then is a `*_pb2_grpc.py` worth having."""
    return any(line.startswith("service ") for line in (ROOT / schema).read_text().splitlines())


def generate(out: Path) -> None:
    """Write the generated modules of all schemas below `out`. Raises SystemExit if protoc refuses one."""
    messages = schemas()
    services = [schema for schema in messages if has_service(schema)]
    with as_file(files("grpc_tools") / "_proto") as well_known:
        include = [f"-I{ROOT}", f"-I{well_known}"]
        for args in (
            [f"--python_out={out}", f"--pyi_out={out}", *messages],
            [f"--grpc_python_out={out}", *services],
        ):
            if protoc.main(["protoc", *include, *args]) != 0:
                raise SystemExit("protoc refused the schemas")


def generated(root: Path) -> dict[str, bytes]:
    """Return the generated files below `root`: relative path -> content."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for package in PACKAGES
        for pattern in GENERATED
        for path in (root / package).rglob(pattern)
    }


def fresh() -> dict[str, bytes]:
    """Return what protoc makes of the schemas today: relative path -> content. The tree is not touched."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        return generated(Path(scratch))


def stale() -> list[str]:
    """Return the paths whose committed content is not what protoc makes of the schemas today."""
    wanted, committed = fresh(), generated(ROOT)
    return sorted(path for path in wanted.keys() | committed.keys() if wanted.get(path) != committed.get(path))


def renew() -> None:
    """Make the committed code what the schemas generate; touches only what differs."""
    wanted = fresh()
    for path in stale():
        if path in wanted:
            (ROOT / path).write_bytes(wanted[path])
        else:
            (ROOT / path).unlink()


def buf(*args: str) -> bool:
    """Run the pinned buf beside this interpreter, which prints what it finds; True if it found nothing."""
    program = Path(sys.executable).parent / "buf"
    return subprocess.run([program, *args], cwd=ROOT.parent, check=False).returncode == 0  # noqa: S603


LINT = ("lint", "protos")
FORMAT = ("format", "--diff", "--exit-code", "protos", "--path", "protos/healthcode")
BREAKING = ("breaking", "protos", "--against", "protos/released.binpb")
IMAGE = ("build", "protos", "--path", "protos/healthcode", "--exclude-source-info", "-o", "protos/released.binpb")


def main() -> int:
    """Do what the flag says; 0 if all is as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="fail if the committed code differs from the schemas")
    mode.add_argument("--release", action="store_true", help="renew protos/released.binpb: when a release is tagged")
    arguments = parser.parse_args()
    if arguments.check:
        differing = stale()
        for path in differing:
            sys.stderr.write(f"protos/{path}: not what the schema generates; run: python scripts/gen.py\n")
        clean = [buf(*command) for command in (LINT, FORMAT, BREAKING)]
        return 0 if all(clean) and not differing else 1
    if arguments.release:
        return 0 if buf(*BREAKING) and buf(*IMAGE) else 1
    renew()
    return 0 if buf(*LINT) else 1


if __name__ == "__main__":
    raise SystemExit(main())
