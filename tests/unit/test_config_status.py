"""The options of live status: what fits together, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigRefused, Endpoint, load

from .test_config import MINIMAL

STATUS = """
[status]
directory = "status"
signer = "file:status.key.pem"
issuer = "https://gateway.test/status"
"""
FOLLOW = '\n[[status.follow]]\ngateway = "https://other.test"\ntarget = "127.0.0.1:9"\n'
FILES = 'ca_file = "a"\ncertificate_file = "b"\nkey_file = "c"\n'
PLAIN = "insecure_plaintext_to_loopback = true\n"


def configured(folder: Path, text: str) -> Path:
    file = folder / "hcgw.toml"
    file.write_text(MINIMAL + text)
    return file


def test_without_the_section_no_list_is_held(tmp_path: Path) -> None:
    assert load(configured(tmp_path, "")).status is None


def test_defaults_and_relative_paths(tmp_path: Path) -> None:
    config = load(configured(tmp_path, STATUS + FOLLOW + FILES))
    status = config.status
    assert status is not None
    assert status.directory == tmp_path / "status"
    assert status.store == f"sqlite:{tmp_path / 'status' / 'log.sqlite'}"
    assert status.signer == f"file:{tmp_path}/status.key.pem"
    assert status.listen == Endpoint("127.0.0.1", 8444)
    assert status.http_listen is None
    assert status.follow[0].ca_file == tmp_path / "a"


def test_a_database_is_named_by_a_file(tmp_path: Path) -> None:
    status = load(configured(tmp_path, STATUS + 'store = "postgresql:db.secret"\n')).status
    assert status is not None
    assert status.store == f"postgresql:{tmp_path / 'db.secret'}"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[status]\ndirectory = "status"\n', {"status.signer", "status.issuer"}),
        (STATUS + "fresh_s = 1000\n", {"status"}),
        (STATUS + 'store = "mysql:x"\n', {"status.store"}),
        (STATUS + "bulk_size = 0\n", {"status.bulk_size"}),
        (STATUS + "nonsense = 1\n", {"status.nonsense"}),
        (STATUS + FOLLOW, {"status.follow.0"}),
        (STATUS + FOLLOW + FILES + PLAIN, {"status.follow.0"}),
        (STATUS + FOLLOW.replace("127.0.0.1:9", "other.test:9") + PLAIN, {"status.follow.0"}),
        (STATUS + "[[status.budgets]]\nfresh_s = 1\nbudget_s = 2\n", {"status.budgets.0"}),
        (STATUS + '[[status.budgets]]\nissuer = "x"\nfresh_s = 3\nbudget_s = 2\n', {"status.budgets.0"}),
        (STATUS + '[[status.budgets]]\npurpose = "FUN"\nfresh_s = 1\nbudget_s = 2\n', {"status.budgets.0.purpose"}),
        (STATUS + 'listen = "0.0.0.0:8444"\n', {"configuration"}),
        (STATUS + 'http_listen = "0.0.0.0:8445"\n', {"configuration"}),
        (
            STATUS + '[[status.token_lists]]\nissuer = "x"\nuri = "http://plain.test/1"\n',
            {"status.token_lists.0.uri"},
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, text: str, where: set[str]) -> None:
    with pytest.raises(ConfigRefused) as refused:
        load(configured(tmp_path, text))
    assert {problem.where for problem in refused.value.problems} == where


def test_plaintext_is_not_followed_in_production(tmp_path: Path) -> None:
    tls = '\n[grpc.tls]\ncertificate_file = "a"\nkey_file = "b"\nclient_ca_file = "c"\n'
    text = MINIMAL.replace('"test"', '"production"').replace("insecure_plaintext_on_loopback = true", "")
    file = tmp_path / "hcgw.toml"
    file.write_text(text + tls + STATUS + FOLLOW + PLAIN)
    with pytest.raises(ConfigRefused):
        load(file)
