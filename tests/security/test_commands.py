"""The commands about tokens, grants and the audit log, on both databases."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.security.books import read_log, tamper
from tests.security.operator import Operator
from tests.support.unship import Unship

ENVIRONMENTS = """
environment: {identifier: prod, name: Production, type: Production}
---
environment: {identifier: staging, name: Staging, type: PreProduction}
"""


@pytest.fixture
def operator(tmp_path: Path, database_url: str) -> Operator:
    return Operator(tmp_path / "data", {"database_url": database_url})


def test_a_token_is_made_shown_once_listed_and_revoked(operator: Operator, database_url: str) -> None:
    made = operator.run("token", "create", "--name", "ci", "--role", "deployer", "--days", "30")
    assert made.code == 0
    assert re.fullmatch(r"unship_[\w-]{43}\n", made.output), "alone on standard output"
    assert "recorded but not enforced" in made.complaint
    secret = made.output.strip()
    assert secret not in made.complaint
    listed = operator.done("token", "list")
    assert re.search(
        rf"^ci +deployer +active +\S+Z +\S+Z +operator:\S+ +{secret[:13]}\.\.\. ", listed, re.MULTILINE
    )
    assert secret not in listed
    again = operator.run("token", "create", "--name", "ci", "--role", "viewer", "--days", "1")
    assert (again.code, again.output) == (1, "")
    assert "revoke it first" in again.complaint
    assert 'did you mean "ci"?' in operator.run("token", "revoke", "cii").complaint
    assert operator.done("token", "revoke", "ci").startswith("revoked ci (")
    assert "was revoked already" in operator.run("token", "revoke", "ci").complaint
    second = operator.token("ci", "viewer")
    assert second != secret
    identifier = operator.done("token", "list").splitlines()[-1].split()[-1]
    operator.done("token", "revoke", identifier)
    assert " active " not in operator.done("token", "list")
    log = read_log(database_url)
    assert [(entry.action, entry.target, entry.outcome, entry.code) for entry in log] == [
        ("createToken", "MachineToken:ci", "ACCEPTED", None),
        ("createToken", "MachineToken:ci", "REFUSED", "NAME_IN_USE"),
        ("revokeToken", "MachineToken:cii", "REFUSED", "NOT_FOUND"),
        ("revokeToken", "MachineToken:ci", "ACCEPTED", None),
        ("revokeToken", "MachineToken:ci", "REFUSED", "ALREADY_REVOKED"),
        ("createToken", "MachineToken:ci", "ACCEPTED", None),
        ("revokeToken", f"MachineToken:{identifier}", "ACCEPTED", None),
    ]
    assert {entry.subject for entry in log} == {log[0].subject}
    assert log[0].subject.startswith("operator:")
    assert log[-1].details["tokenId"] == identifier == log[-2].details["tokenId"]
    assert secret[13:] not in str(log)


def test_a_grant_is_given_listed_and_revoked(operator: Operator, tmp_path: Path, database_url: str) -> None:
    configuration = tmp_path / "environments.yaml"
    configuration.write_text(ENVIRONMENTS)
    operator.done("apply", str(configuration))
    asked = ("grant", "--subject", "alice", "--role", "deployer", "--hours", "2.5", "--environment")
    wrong = operator.run(*asked, "stagging")
    assert (wrong.code, wrong.output) == (1, "")
    assert 'There is no environment "stagging"; did you mean "staging"?' in wrong.complaint
    given = operator.run(*asked, "prod")
    assert given.code == 0
    assert "alice is deployer in prod until " in given.complaint
    assert "recorded but not enforced" in given.complaint
    identifier = given.output.strip()
    listed = operator.done("grant", "list").splitlines()
    assert len(listed) == 2
    assert re.match(rf"alice +deployer +prod +active +\S+Z +\S+Z +operator:\S+ +{identifier}$", listed[1])
    assert operator.done("grant", "revoke", identifier).startswith(f"revoked {identifier}: alice")
    assert " revoked 20" in operator.done("grant", "list")
    assert operator.run("grant", "revoke", identifier).code == 1
    log = read_log(database_url)
    assert [(entry.action, entry.target, entry.outcome, entry.code) for entry in log] == [
        ("applyConfiguration", "Configuration", "ACCEPTED", None),
        ("grant", "Environment:stagging", "REFUSED", "ENVIRONMENT_NOT_FOUND"),
        ("grant", "Environment:prod", "ACCEPTED", None),
        ("revokeGrant", f"Grant:{identifier}", "ACCEPTED", None),
        ("revokeGrant", f"Grant:{identifier}", "REFUSED", "NOT_FOUND"),
    ]
    assert log[2].details["grantee"] == log[3].details["grantee"] == "alice"
    assert log[2].details["grantId"] == identifier


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("token", "COMMAND"),
        ("token create --name ci --role deployer", "--days"),
        ("token create --name a:b --role viewer --days 1", "is no name"),
        ("token create --name anonymous --role viewer --days 1", "is no name"),
        ("token create --name ci --role root --days 1", "viewer, auditor, deployer, admin"),
        ("grant --subject a --role auditor --environment prod --hours 1", "a role everywhere"),
        ("token create --name ci --role viewer --days 0", "from 1 to 3650"),
        ("token create --name ci --role viewer --days 99999999999999999999", "from 1 to 3650"),
        ("token revoke", "NAME|ID"),
        ("grant", "--subject, --role, --environment, --hours"),
        ("grant --subject a --role viewer --hours 1", "required: --environment"),
        ("grant --subject a --role viewer --environment prod --hours nan", "above 0"),
        ("grant --subject a list", "does not go with list"),
        ("audit", "COMMAND"),
        ("audit verify --expect 0:" + "0" * 64, "SEQUENCE:MAC"),
        ("audit verify --expect 1", "SEQUENCE:MAC"),
    ],
)
def test_wrong_usage_is_2_and_touches_nothing(tmp_path: Path, arguments: str, said: str) -> None:
    refused = Operator(tmp_path / "data").run(*arguments.split())
    assert (refused.code, refused.output) == (2, "")
    assert said in refused.complaint
    assert not (tmp_path / "data").exists()


def test_the_log_is_verified_and_a_break_is_1(operator: Operator, database_url: str) -> None:
    assert operator.done("audit", "verify") == "0 entries, each as it was written\n"
    for name in ("a", "b", "c"):
        operator.token(name)
    said = operator.done("audit", "verify")
    found = re.fullmatch(r"3 entries, each as it was written\nlast: (3:[0-9a-f]{64})\n", said)
    assert found is not None, said
    operator.token("d")
    operator.done("audit", "verify", "--expect", found[1])
    wrong = operator.run("audit", "verify", "--expect", "5:" + "0" * 64)
    assert (wrong.code, wrong.output) == (1, "")
    assert "BROKEN at entry 5 of 4: removed" in wrong.complaint
    tamper(database_url, "UPDATE auditentry SET subject = 'operator:nobody' WHERE sequence = 2")
    broken = operator.run("audit", "verify")
    assert (broken.code, broken.output) == (1, "")
    assert "BROKEN at entry 2 of 4: edited" in broken.complaint


def test_without_its_key_the_log_is_neither_verified_nor_continued(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.token("a")
    key = tmp_path / "audit.key"
    assert key.stat().st_mode & 0o777 == 0o600
    kept = key.rename(tmp_path / "kept")
    for command in ("audit verify", "token revoke a", "serve --port 0"):
        refused = operator.run(*command.split())
        assert (refused.code, refused.output) == (1, "")
        assert "UNSHIP_AUDIT_KEY_FILE" in refused.complaint
        assert "put it back" in refused.complaint
    assert " active " in operator.done("token", "list")
    kept.chmod(0o644)
    elsewhere = Operator(tmp_path, {"audit_key_file": str(kept)})
    assert f"chmod 600 {kept}" in elsewhere.run("audit", "verify").complaint
    kept.chmod(0o440)
    elsewhere.done("audit", "verify")
    kept.chmod(0o600)
    kept.write_text("short\n")
    assert "64 hexadecimal digits" in elsewhere.run("audit", "verify").complaint


def test_what_is_sealed_with_another_key_is_complained_about_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    operator = Operator(tmp_path)
    operator.token("a")
    (tmp_path / "audit.key").write_text("0" * 64)
    made = operator.run("token", "create", "--name", "b", "--role", "viewer", "--days", "1")
    assert made.code == 0
    assert "does not fit the key" in caplog.text
    assert operator.run("audit", "verify").code == 1


def test_it_all_works_beside_a_running_server(unship: Unship) -> None:
    operator = Operator(unship.directory / "data")
    operator.token("beside")
    assert unship.data("{ viewer { subject } }") == {"viewer": {"subject": "anonymous"}}
    assert "beside" in operator.done("token", "list")
    operator.done("audit", "verify")
