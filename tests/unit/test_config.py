"""The configuration: what is taken, what is refused and under which name."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from gateway.config import Config, ConfigRefused, Endpoint, load

EXAMPLE = Path(__file__).parents[2] / "deploy" / "config" / "example.toml"

MINIMAL = """
[service]
environment = "test"
[grpc]
insecure_plaintext_on_loopback = true
[trust]
lists = ["trust.json"]
[policy]
directory = "policy"
[callers]
insecure_everyone_may_ask = true
[disclosure]
max_profile = "GATE"
[receipts]
signer = "file:receipts.key.pem"
issuer = "https://gateway.test"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "hcgw.toml"
    file.write_text(MINIMAL)
    return file


def refused(file: Path, *settings: str) -> dict[str, str]:
    with pytest.raises(ConfigRefused) as caught:
        load(file, settings)
    return {problem.where: problem.what for problem in caught.value.problems}


def test_minimal_file_and_its_defaults(file: Path) -> None:
    config = load(file)
    assert config.service.instance == "hcgw"
    assert config.grpc.listen == Endpoint("127.0.0.1", 8443)
    assert config.grpc.tls is None
    assert config.grpc.reflection is False
    assert config.http.listen == Endpoint("127.0.0.1", 9464)
    assert config.log.level == "info"


def test_relative_paths_start_at_the_file(file: Path) -> None:
    config = load(file)
    assert config.trust.lists == (file.parent / "trust.json",)
    assert config.policy.directory == file.parent / "policy"
    assert config.receipts.signer == f"file:{file.parent / 'receipts.key.pem'}"
    assert config.provinces is None
    assert config.conversion is None
    assert config.lists.files == ()


def test_relative_paths_of_optional_sections_start_at_the_file_too(file: Path) -> None:
    file.write_text(
        MINIMAL
        + """
[provinces]
directory = "provinces"
[lists]
files = ["places.jws"]
[conversion]
signer = "file:conversion.key.pem"
issuer = "https://gateway.test/conversion"
status_uri = "https://gateway.test/status"
"""
    )
    config = load(file)
    assert config.provinces is not None
    assert config.provinces.directory == file.parent / "provinces"
    assert config.lists.files == (file.parent / "places.jws",)
    assert config.conversion is not None
    assert config.conversion.signer == f"file:{file.parent / 'conversion.key.pem'}"


def test_absolute_paths_stay(file: Path) -> None:
    config = load(file, ['trust.lists=["/etc/hcgw/a.json"]', "receipts.signer=file:/etc/hcgw/k.pem"])
    assert config.trust.lists == (Path("/etc/hcgw/a.json"),)
    assert config.receipts.signer == "file:/etc/hcgw/k.pem"


@pytest.mark.parametrize(
    "missing",
    [
        "service.environment",
        "trust.lists",
        "policy.directory",
        "disclosure.max_profile",
        "receipts.signer",
        "receipts.issuer",
    ],
)
def test_nothing_that_trust_rests_on_has_a_default(file: Path, missing: str) -> None:
    key = missing.split(".")[1]
    file.write_text("\n".join(line for line in MINIMAL.splitlines() if not line.startswith(f"{key} =")))
    assert refused(file) == {missing: "is required and has no default"}


@pytest.mark.parametrize("section", ["service", "grpc", "trust", "policy", "callers", "disclosure", "receipts"])
def test_a_missing_section_is_named(file: Path, section: str) -> None:
    file.write_text(re.sub(rf"\[{section}\]\n([^\[\n]*\n|[^\n]*=[^\n]*\n)+", "", MINIMAL))
    assert set(refused(file)) == {section}


def test_all_problems_are_told_at_once(file: Path) -> None:
    file.write_text("[service]\nenvironment='test'\n[grpc]\ninsecure_plaintext_on_loopback=true\n[trust]\nlists=[]\n")
    assert set(refused(file)) == {"trust.lists", "policy", "callers", "disclosure", "receipts"}


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ("nonsense.key=1", "nonsense"),
        ("grpc.lisen=127.0.0.1:1", "grpc.lisen"),
        ("service.secret=x", "service.secret"),
        ("grpc.tls.password=x", "grpc.tls.password"),
    ],
)
def test_unknown_keys_are_refused_with_their_path(file: Path, setting: str, where: str) -> None:
    assert refused(file, setting)[where] == "unknown key"


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ("service.environment=staging", "service.environment"),
        ("service.instance=a b", "service.instance"),
        ("grpc.listen=127.0.0.1", "grpc.listen"),
        ("grpc.listen=127.0.0.1:70000", "grpc.listen"),
        ("grpc.listen=127.0.0.1:٣", "grpc.listen"),
        ("grpc.listen=1", "grpc.listen"),
        ("grpc.listen=0.0.0.0:8443", "grpc"),
        ("grpc.insecure_plaintext_on_loopback=false", "grpc"),
        ("grpc.default_deadline_s=0", "grpc.default_deadline_s"),
        ("grpc.default_deadline_s=inf", "grpc.default_deadline_s"),
        ("grpc.grace_s=-1", "grpc.grace_s"),
        ("grpc.grace_s=nan", "grpc.grace_s"),
        ("grpc.lame_duck_s=301", "grpc.lame_duck_s"),
        ("trust.lists=[]", "trust.lists"),
        ("callers.insecure_everyone_may_ask=false", "callers"),
        ("callers.registry=callers.toml", "callers"),
        ('callers.roots={"ZJ.example"="a.pem"}', "callers.roots.ZJ.example.[key]"),
        ('callers.roots={"zj.example"="a.pem"}', "configuration"),
        ("disclosure.max_profile=ALL", "disclosure.max_profile"),
        ("disclosure.max_profile=CLINIC", "disclosure.max_profile"),
        ("disclosure.max_profile=PROVINCE", "configuration"),
        ("handles.epoch_s=3600", "handles.folder"),
        ("handles.epoch_s=3599", "handles.epoch_s"),
        ("handles.epoch_s=7776001", "handles.epoch_s"),
        ("receipts.signer=/etc/key.pem", "receipts.signer"),
        ("receipts.issuer=", "receipts.issuer"),
        ("log.level=loud", "log.level"),
        ("service.environment=production", "configuration"),
    ],
)
def test_values_out_of_range_are_refused_with_their_path(file: Path, setting: str, where: str) -> None:
    assert where in refused(file, setting)


def test_a_province_needs_handles_and_a_clinic_is_allowed_by_name(file: Path) -> None:
    config = load(file, ["disclosure.max_profile=PROVINCE", "handles.folder=keys"])
    assert config.disclosure.clinic is False
    assert config.handles is not None
    assert (config.handles.folder, config.handles.epoch_s) == (file.parent / "keys", 604_800)
    assert load(file, ["disclosure.clinic=true"]).disclosure.clinic is True


def test_plaintext_and_tls_exclude_each_other(file: Path) -> None:
    tls = [f"grpc.tls.{name}_file={name}.pem" for name in ("certificate", "key", "client_ca")]
    assert set(refused(file, *tls)) == {"grpc"}
    config = load(file, [*tls, "grpc.insecure_plaintext_on_loopback=false", "grpc.listen=0.0.0.0:1"])
    assert config.grpc.tls is not None
    assert config.grpc.tls.key_file == file.parent / "key.pem"


TLS = [
    *(f"grpc.tls.{name}_file={name}.pem" for name in ("certificate", "key", "client_ca")),
    "grpc.insecure_plaintext_on_loopback=false",
]
REGISTRY = ["callers.registry=callers.toml", "callers.insecure_everyone_may_ask=false"]
ROOTS = ['callers.roots={"zj.example"="zj.pem"}']
AUDIT = ["audit.directory=audit", "audit.origin=gw.example/1", "audit.signer=file:audit.key.pem"]


def test_everyone_may_ask_in_a_test_only(file: Path) -> None:
    assert "insecure_everyone_may_ask" in refused(file, *TLS, "service.environment=production")["configuration"]
    config = load(file, [*TLS, *REGISTRY, *ROOTS, *AUDIT, "service.environment=production"])
    assert config.callers.registry == file.parent / "callers.toml"
    assert config.callers.roots == {"zj.example": file.parent / "zj.pem"}


def test_over_tls_a_registry_needs_the_authorities_of_its_domains(file: Path) -> None:
    assert "callers.roots is required" in refused(file, *TLS, *REGISTRY)["configuration"]
    assert "needs [grpc.tls]" in refused(file, *REGISTRY, *ROOTS)["configuration"]
    assert load(file, REGISTRY).callers.roots is None


def test_rates_are_shared_over_the_redis_of_the_guard_and_are_those_of_a_registry(file: Path) -> None:
    shared, redis = "callers.rates_in_redis=true", ["replay.redis=redis.url", "replay.redis_key=redis.key"]
    assert "needs replay.redis" in refused(file, *REGISTRY, shared)["configuration"]
    assert "needs registry" in refused(file, *redis, shared)["callers"]
    assert load(file, [*REGISTRY, *redis, shared]).callers.rates_in_redis is True
    assert load(file, [*REGISTRY, *redis]).callers.rates_in_redis is False


def test_beside_authorities_of_domains_only_ids_that_name_theirs_are_enrolled(file: Path) -> None:
    status = ["status.directory=s", "status.signer=file:k.pem", "status.issuer=https://gw.example"]
    given = [*TLS, *REGISTRY, *ROOTS, *status]
    assert "status.enrolled" in refused(file, *given, 'status.enrolled=["gw.zj.example"]')["configuration"]
    assert load(file, [*given, 'status.enrolled=["spiffe://zj.example/gateway/330000/a"]']).status is not None


def test_tls_needs_all_three_files(file: Path) -> None:
    found = refused(file, "grpc.tls.certificate_file=a.pem", "grpc.insecure_plaintext_on_loopback=false")
    assert set(found) == {"grpc.tls.key_file", "grpc.tls.client_ca_file"}


def test_reflection_is_refused_in_production(file: Path) -> None:
    tls = [f"grpc.tls.{name}_file={name}.pem" for name in ("certificate", "key", "client_ca")]
    settings = [*tls, "grpc.insecure_plaintext_on_loopback=false", "service.environment=production"]
    settings += [*REGISTRY, *ROOTS, *AUDIT]
    assert load(file, settings).grpc.reflection is False
    assert set(refused(file, *settings, "grpc.reflection=true")) == {"configuration"}


def test_later_sources_win(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(MINIMAL + '[http]\nlisten = "127.0.0.1:1"\n')
    assert load(file).http.listen.port == 1
    monkeypatch.setenv("HCGW__HTTP__LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("HCGW__TRUST__LISTS", '["b.json"]')
    assert load(file).http.listen.port == 2
    assert load(file).trust.lists == (file.parent / "b.json",)
    assert load(file, ["http.listen=127.0.0.1:3"]).http.listen.port == 3


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("HCGW__NONSENSE__KEY", "1", "HCGW__NONSENSE__KEY"),
        ("HCGW__GRPC__NONSENSE", "1", "grpc.nonsense"),
        ("HCGW__TRUST__LISTS", "not json", "HCGW__*"),
    ],
)
def test_the_environment_is_held_to_the_same_rules(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, where: str
) -> None:
    monkeypatch.setenv(name, value)
    assert set(refused(file)) == {where}


@pytest.mark.parametrize("setting", ["grpc", "grpc.listen", "=1", "GRPC.listen=1", "grpc..listen=1", "a=1"])
def test_malformed_settings_are_refused(file: Path, setting: str) -> None:
    assert set(refused(file, setting)) == {"--set"}


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    for content in (b"\xff", b"[a", b"#" * (1 << 20) + b"\n"):
        (tmp_path / "bad.toml").write_bytes(content)
        assert set(refused(tmp_path / "bad.toml")) == {str(tmp_path / "bad.toml")}
    assert set(refused(tmp_path / "absent.toml")) == {str(tmp_path / "absent.toml")}


def test_a_refusal_repeats_no_value(file: Path) -> None:
    with pytest.raises(ConfigRefused) as caught:
        load(file, ["receipts.signer=CANARY", "log.level=CANARY", "grpc.grace_s=CANARY", "service.environment=CANARY"])
    assert "CANARY" not in str(caught.value)
    assert len(caught.value.problems) == 4


def test_frozen(file: Path) -> None:
    config = load(file)
    with pytest.raises(ValueError, match="frozen"):
        config.http.listen = Endpoint("::", 1)


# --- deploy/config/example.toml


def options(model: type[BaseModel], path: str = "") -> dict[str, tuple[bool, Any]]:
    """Return each option's path with whether it is required and its default."""
    found: dict[str, tuple[bool, Any]] = {}
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        section = next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), None)
        if section is not None:
            found |= options(section, f"{path}{name}.")
        else:
            required = field.is_required()
            found[f"{path}{name}"] = (required, None if required else field.get_default(call_default_factory=True))
    return found


def example_options() -> dict[str, tuple[list[str], str]]:
    """Return each option of the example with the comment block above it and its value as written."""
    found: dict[str, tuple[list[str], str]] = {}
    section, comment = "", list[str]()
    for line in EXAMPLE.read_text().splitlines():
        if line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        elif match := re.fullmatch(r"\[{1,2}([a-z_.]+)\]{1,2}", line):
            section, comment = match[1], []
        elif match := re.fullmatch(r"([a-z_]+) = (.+)", line):
            found[f"{section}.{match[1]}"] = (comment, match[2])
            comment = []
        else:
            assert not line, f"the example has a line of another kind: {line}"
            comment = []
    return found


def test_the_example_is_complete() -> None:
    assert set(example_options()) == set(options(Config))


@pytest.mark.parametrize("path", options(Config))
def test_the_example_says_what_is_required_and_what_is_default(path: str) -> None:
    required, default = options(Config)[path]
    comment, value = example_options()[path]
    assert len(comment) >= 2, "an option needs its effect and its default"
    if required:
        assert comment[-1] == "Required."
    elif default is None:
        assert comment[-1] == "Default: none."
    else:
        assert comment[-1] == f"Default: {value}"
        written = (
            list(default) if isinstance(default, tuple) else str(default) if isinstance(default, Endpoint) else default
        )
        assert tomllib.loads(f"it = {value}")["it"] == written


def test_the_example_loads() -> None:
    config = load(EXAMPLE)
    assert config.grpc.tls is not None
    assert config.trust.lists == (EXAMPLE.parent / "trust" / "provinces.json",)


def test_the_schema_describes_each_option_and_accepts_the_example() -> None:
    schema = Config.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(EXAMPLE.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(EXAMPLE.read_text()) | {"nonsense": 1}, schema)
    for definition in schema["$defs"].values():
        for name, option in definition.get("properties", {}).items():
            meant = schema["$defs"][option["$ref"].rpartition("/")[2]] if "$ref" in option else option
            assert option.get("description") or meant.get("description"), name
    json.dumps(schema)
