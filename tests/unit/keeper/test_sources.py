"""Whom the keeper follows, of its configuration: every file and word that does not fit is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from gateway.config import load
from gateway.config.status import StatusSection
from gateway.keeper.sources import followed_gateways, plain_lists
from gateway.loading import StartRefused
from gateway.status import words
from tests.unit.test_config import MINIMAL

STATUS = '\n[status]\ndirectory = "status"\nsigner = "file:status.key.pem"\nissuer = "https://gateway.test/status"\n'
PLAIN = (
    '[[status.follow]]\ngateway = "https://other.test"\ntarget = "127.0.0.1:9"\ninsecure_plaintext_to_loopback = true\n'
)
TLS = (
    '[[status.follow]]\ngateway = "https://other.test"\ntarget = "other.test:8444"\nissuers = ["https://gz.test"]\n'
    'ca_file = "ca.pem"\ncertificate_file = "own.pem"\nkey_file = "own.key.pem"\n'
)
LIST = '[[status.token_lists]]\nissuer = "https://gz.test"\nuri = "https://status.gz.test/1"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ca = trustme.CA()
    own = ca.issue_cert("gateway.test")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "own.pem")
    own.private_key_pem.write_to_path(tmp_path / "own.key.pem")
    (tmp_path / "empty.pem").write_text("")
    return tmp_path


def status(folder: Path, text: str) -> StatusSection:
    file = folder / "hcgw.toml"
    file.write_text(MINIMAL + STATUS + text)
    found = load(file).status
    assert found is not None
    return found


def test_gateways_are_followed_in_plaintext_on_this_machine_and_by_certificate_elsewhere(folder: Path) -> None:
    near, far = followed_gateways(status(folder, PLAIN + TLS))
    assert (near.gateway, near.target, near.credentials) == ("https://other.test", "127.0.0.1:9", None)
    assert (far.target, sorted(far.issuers)) == ("other.test:8444", ["https://gz.test"])
    assert far.credentials is not None


@pytest.mark.parametrize(
    ("text", "file"),
    [
        (TLS.replace("ca.pem", "gone.pem"), "gone.pem"),
        (TLS.replace("own.key.pem", "empty.pem"), "empty.pem"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder: Path, text: str, file: str) -> None:
    with pytest.raises(StartRefused) as refused:
        followed_gateways(status(folder, text))
    assert (refused.value.part, refused.value.option) == ("status", "status.follow.0")
    assert refused.value.file == str(folder / file)


def test_plain_lists_have_their_issuers_words(folder: Path) -> None:
    text = LIST + 'words = { "2" = "RED", "9" = "YELLOW" }\n' + LIST.replace("/1", "/2") + 'signed_by = "https://hub"\n'
    (own, _), (other, _) = plain_lists(status(folder, text))
    assert own.words == {
        0: words.AS_SIGNED,
        1: words.CANCELLED,
        2: words.RED,
        9: words.YELLOW,
    }
    assert own.signer == "https://gz.test"
    assert (other.words, other.signer) == (None, "https://hub")


@pytest.mark.parametrize(
    ("text", "option"),
    [
        (LIST + 'words = { "256" = "RED" }\n', "status.token_lists.0.words"),
        (LIST + 'words = { "one" = "RED" }\n', "status.token_lists.0.words"),
        (LIST + 'words = { "1" = "MAUVE" }\n', "status.token_lists.0.words"),
        (LIST + 'address = "http://elsewhere.test/1"\n', "status.token_lists.0"),
        (LIST + 'ca_file = "gone.pem"\n', "status.token_lists.0"),
        (LIST + LIST + 'ca_file = "empty.pem"\n', "status.token_lists.1"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_option(folder: Path, text: str, option: str) -> None:
    with pytest.raises(StartRefused) as refused:
        plain_lists(status(folder, text))
    assert (refused.value.part, refused.value.option) == ("status", option)
