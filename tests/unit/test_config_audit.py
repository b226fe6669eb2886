"""The options of the audit log: what fits together, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigRefused, load
from gateway.config.audit import AnswerWhen, Unavailable
from gateway.recording.settings import Answer, WhenUnavailable

from .test_config import AUDIT, MINIMAL, REGISTRY, ROOTS, TLS

SECTION = '\n[audit]\ndirectory = "audit"\norigin = "gw.example/1"\nsigner = "file:audit.key.pem"\n'
PEER = '\n[[audit.peers]]\nname = "zj"\nurl = "https://gw.zj.example"\nvkey = "gw.zj.example/1+00000000+AAAA"\n'


def configured(folder: Path, text: str) -> Path:
    file = folder / "hcgw.toml"
    file.write_text(MINIMAL + text)
    return file


def test_without_the_section_nothing_is_kept_and_production_refuses_that(tmp_path: Path) -> None:
    file = configured(tmp_path, "")
    assert load(file).audit is None
    production = [*TLS, *REGISTRY, *ROOTS, "service.environment=production"]
    with pytest.raises(ConfigRefused, match=r"\[audit\] is required"):
        load(file, production)
    assert load(file, [*production, *AUDIT]).audit is not None


def test_what_is_not_said_is_the_safe_choice(tmp_path: Path) -> None:
    audit = load(configured(tmp_path, SECTION)).audit
    assert audit is not None
    assert audit.answer is AnswerWhen.AFTER_COMMIT
    assert audit.when_unavailable is Unavailable.REFUSE
    assert not audit.serve_entries
    assert (audit.decisions_days, audit.changes_days) == (180, 1_825)


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    audit = load(configured(tmp_path, SECTION + PEER + 'ca_file = "a.pem"\n')).audit
    assert audit is not None
    assert audit.directory == tmp_path / "audit"
    assert audit.signer == f"file:{tmp_path}/audit.key.pem"
    assert audit.peers[0].ca_file == tmp_path / "a.pem"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[audit]\ndirectory = "audit"\n', {"audit.origin", "audit.signer"}),
        (SECTION.replace("gw.example/1", "gw example"), {"audit.origin"}),
        (SECTION.replace("gw.example/1", "gw+example"), {"audit.origin"}),
        (SECTION + 'answer = "never"\n', {"audit.answer"}),
        (SECTION + "wait_ms = 1\n", {"audit.wait_ms"}),
        (SECTION + "bucket_s = 1\n", {"audit.bucket_s"}),
        (SECTION + "nonsense = 1\n", {"audit.nonsense"}),
        (SECTION + PEER + PEER, {"audit"}),
        (SECTION + PEER + 'key_file = "k"\n', {"audit.peers.0"}),
        (SECTION + PEER.replace("https://gw.zj.example", "http://gw.zj.example"), {"audit.peers.0"}),
        (SECTION + PEER.replace("https://gw.zj.example", "https://gw.zj.example/path"), {"audit.peers.0.url"}),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, text: str, where: set[str]) -> None:
    with pytest.raises(ConfigRefused) as caught:
        load(configured(tmp_path, text))
    assert {problem.where for problem in caught.value.problems} == where


@pytest.mark.parametrize("url", ["http://127.0.0.1:9464", "http://localhost", "http://[::1]:9464"])
def test_a_peer_on_this_machine_may_be_asked_in_plaintext(tmp_path: Path, url: str) -> None:
    audit = load(configured(tmp_path, SECTION + PEER.replace("https://gw.zj.example", url))).audit
    assert audit is not None
    assert audit.peers[0].url == url


def test_the_words_are_those_of_the_recorder() -> None:
    assert {one.value for one in AnswerWhen} == {one.value for one in Answer}
    assert {one.value for one in Unavailable} == {one.value for one in WhenUnavailable}
