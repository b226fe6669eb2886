"""A profile with every member that there is, and others that differ from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FULL = """\
name = "example"
title = "Example province, 省"
division = "520000"
issuer = "https://code.example.invalid"
dialect = "tencent"
source = "assumed: an example"

[endpoint]
url = "https://api.example.invalid:8443/gate"
ca_file = "tls/ca.pem"
insecure_http_to_loopback = false
source = "assumed: placeholder"

[credentials]
secret_key = "secrets/example.secret-key"
source = "Tencent-family decode API"

[registered_as]
app_id = "healthcode-interop-gateway"
source = "assumed: placeholder"

[parameters]
path = "/decode"
expired_codes = "7 8"
source = "assumed"

[budget]
fresh_for_s = 60
deadline_s = 1.5
in_flight = 16
attempts = 2
breaker_failures = 5
breaker_rest_s = 5
falls_back = true
source = "assumed: a minute"

[states]
encoding = "tencent"
source = "Tencent-family decode API"

[[state]]
said = "01"
state = "UNCONFIRMED"
meaning = "Two tests within three days."
reason_class = "YELLOW_OTHER"
source = "assumed"

[[state]]
said = "99"
state = "RED"
meaning = "Another red."
reason_class = "RED_CLOSE_CONTACT"
source = "assumed"

[[reason]]
code = "A4"
class = "RED_CLOSE_CONTACT"
source = "Guangxi's reasons"

[[reason]]
code = "B6"
class = "YELLOW_OTHER"
source = "Guangxi's reasons"

[[displayed]]
word = "green"
state = "GREEN"
source = "assumed"

[[displayed]]
word = "01"
state = "UNCONFIRMED"
source = "assumed"

[[recognise]]
kind = "url"
page = "qr.example.invalid/show"
parameter = "qrCode"
national_parameter = "stateCouncilBarCode"
template = "EX<{hex:32}>"
source = "assumed"

[[recognise]]
kind = "text"
template = "EX{division}<{token:8-16}>"
source = "assumed"
"""

NATIONAL = (
    FULL.replace('"example"', '"national"')
    .replace('"520000"', '"100000"')
    .replace("code.example.invalid", "code.national.invalid")
    .replace('dialect = "tencent"', 'dialect = "national"')
    .replace("falls_back = true", "falls_back = false")
    .replace("EX", "CN")
    .replace("qr.example", "qr.national")
    .replace('path = "/decode"', 'path = "/verify"')
)

NATIVE = (
    FULL.replace('dialect = "tencent"', 'dialect = "native"')
    .replace("https://api.example.invalid:8443/gate", "api.example.invalid:8443")
    .replace('secret_key = "secrets/example.secret-key"\n', "")
    .replace('app_id = "healthcode-interop-gateway"\n', "")
    .replace('path = "/decode"\nexpired_codes = "7 8"\n', "")
)


class Assignment(NamedTuple):
    """One line of a text that gives a member a value."""

    line: int
    path: str
    section: str
    """The header that it stands under; empty at the top."""
    section_line: int | None
    value: str


def assignments(text: str) -> Iterator[Assignment]:
    """Yield the members of a text written as FULL is."""
    section, header, header_line = "", "", None
    rows: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("["):
            header, header_line = line, number
            section = line.strip("[]")
            if line.startswith("[["):
                rows[section] = rows.get(section, -1) + 1
                section += f"[{rows[section]}]"
        elif line:
            found = re.fullmatch(r"(\w+) = (.*)", line)
            assert found is not None
            yield Assignment(number, f"{section}.{found[1]}".lstrip("."), header, header_line, found[2])


def write(folder: Path, text: str, name: str = "example") -> Path:
    """Write a profile's file."""
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file
