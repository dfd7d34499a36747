"""Every mutation leaves an entry, refused or not, over every transport; the chain of them holds."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from graphql import build_schema

from db.security.audit import AuditLog, Entry, digest_of
from db.statuses import AuditOutcome
from resolvers.auditing import Attempt, Auditor, Outcome
from resolvers.errors import InputRefused, RefusalCode
from schema.building import sdl
from schema.ids import split_id
from tests.security.books import read_log, tamper
from tests.security.operator import Operator
from tests.support.runtimes import open_runtime
from tests.support.unship import ROOT, Unship

EXAMPLE = (ROOT / "examples" / "kubernetes.yaml").read_text()
RUN = """mutation ($pipeline: String!) { runPipeline(input: {pipelineIdentifier: $pipeline, reason: "release 7",
  variables: {tag: "stable-perl"}, idempotencyKey: "k1"}) { execution { id } userErrors { code } } }"""
ROLL_BACK = """mutation ($id: ID!, $hash: String) { rollbackDeployment(input: {target: {executionId: $id},
  reason: "slow", planHash: $hash, idempotencyKey: "k2"}) { execution { id } userErrors { code message } } }"""


def log_of(unship: Unship) -> list[Entry]:
    return read_log(f"sqlite:///{unship.directory}/data/unship.db")


def database_id(identifier: str) -> str:
    parts = split_id(identifier)
    assert parts is not None
    return parts[1]


class Named:
    """A client with a token; each mutation must add exactly one entry."""

    def __init__(self, unship: Unship, name: str) -> None:
        self.unship = unship
        token = Operator(unship.directory / "data").token(name)
        self.headers = {"authorization": f"Bearer {token}"}

    def mutate(self, query: str, **variables: Any) -> tuple[Any, Entry]:
        """The payload, or None, and the entry."""
        before = len(log_of(self.unship))
        body = {"query": query, "variables": variables}
        answer = httpx2.post(self.unship.url, json=body, headers=self.headers, timeout=60, verify=False).json()
        log = log_of(self.unship)
        assert len(log) == before + 1
        payload = next(iter(answer["data"].values())) if answer.get("data") else None
        return payload, log[-1]


@pytest.fixture(scope="module")
def robot(unship: Unship) -> Named:
    return Named(unship, "robot")


def test_each_mutation_says_who_what_why_and_how_it_ended(unship: Unship, robot: Named) -> None:
    _, entry = robot.mutate(
        "mutation ($y: String!) { applyConfiguration(input: {yaml: $y}) { applied { id } } }", y=EXAMPLE
    )
    assert (entry.action, entry.target, entry.outcome) == ("applyConfiguration", "Configuration", "ACCEPTED")
    assert entry.details["yamlSha256"] == digest_of(EXAMPLE)
    first, entry = robot.mutate(RUN, pipeline="web")
    execution = first["execution"]["id"]
    assert (entry.subject, entry.action, entry.target) == ("robot", "runPipeline", "Pipeline:web")
    assert (entry.outcome, entry.reason, entry.code) == ("ACCEPTED", "release 7", None)
    assert entry.details["executionId"] == database_id(execution)
    assert (entry.details["idempotencyKey"], entry.details["address"]) == ("k1", "127.0.0.1")
    assert unship.finish(execution) == "SUCCEEDED"
    execution = unship.deploy("web", tag="stable-bullseye-perl")
    shown = unship.plan(executionId=execution)["hash"]
    payload, entry = robot.mutate(ROLL_BACK, id=execution, hash="stale")
    assert payload["userErrors"][0]["code"] == entry.code == "PLAN_STALE"
    assert (entry.outcome, entry.details["planHash"]) == ("REFUSED", "stale")
    payload, entry = robot.mutate(ROLL_BACK, id=execution, hash=shown)
    assert (entry.action, entry.target) == ("rollbackDeployment", f"Execution:{database_id(execution)}")
    assert (entry.outcome, entry.reason, entry.details["planHash"]) == ("ACCEPTED", "slow", shown)
    assert entry.details["executionId"] == database_id(payload["execution"]["id"])
    assert unship.finish(payload["execution"]["id"]) == "SUCCEEDED"
    abort = (
        'mutation ($id: ID!) { abortExecution(input: {executionId: $id, reason: "no"}) { userErrors { code } } }'
    )
    _, entry = robot.mutate(abort, id=execution)
    assert (entry.action, entry.outcome, entry.reason) == ("abortExecution", "REFUSED", "no")
    assert (entry.code, entry.target) == ("EXECUTION_FINISHED", f"Execution:{database_id(execution)}")
    _, entry = robot.mutate(
        'mutation { syncInstances(input: {serviceIdentifier: "web", environmentIdentifier: "prod"}) '
        "{ userErrors { code } } }"
    )
    assert (entry.action, entry.target) == ("syncInstances", "Service:web Environment:prod")
    assert entry.outcome == "ACCEPTED"
    asking = (
        'mutation ($id: ID!) { requestRollbackApproval(input: {target: {executionId: $id}, planHash: "h", '
        'reason: "slow"}) { userErrors { code } } }'
    )
    _, entry = robot.mutate(asking, id=execution)
    assert (entry.action, entry.outcome, entry.reason) == ("requestRollbackApproval", "REFUSED", "slow")
    assert (entry.code, entry.details["planHash"]) == ("APPROVAL_IMPOSSIBLE", "h")
    for action in ("approveRollback", "rejectRollback"):
        _, entry = robot.mutate(
            f'mutation {{ {action}(input: {{approvalId: "x", comment: "no"}}) {{ userErrors {{ code }} }} }}'
        )
        assert (entry.action, entry.target, entry.reason, entry.code) == (action, "x", "no", "INVALID_ID")
    assert {entry.action for entry in log_of(unship)} - {"createToken"} == mutations(), "the test knows them all"
    assert Operator(unship.directory / "data").run("audit", "verify").code == 0


def mutations() -> set[str]:
    mutation = build_schema(sdl()).mutation_type
    assert mutation is not None
    return set(mutation.fields)


@pytest.mark.parametrize(
    ("query", "target", "code"),
    [
        ('abortExecution(input: {executionId: "x\\u0000y"})', "x\ufffdy", "INVALID_ID"),
        ('rollbackDeployment(input: {target: {stageIds: ["a", "b"]}})', "a b", "INVALID_ID"),
        ("rollbackDeployment(input: {target: {stageIds: []}})", "", "INVALID_ID"),
        ('runPipeline(input: {pipelineIdentifier: "none"})', "Pipeline:none", "PIPELINE_NOT_FOUND"),
        ('runPipeline(input: {pipelineIdentifier: "web", variables: 7})', "Pipeline:web", "INVALID_VARIABLES"),
        ('runPipeline(input: {pipelineIdentifier: "\\u0000"})', "Pipeline:\ufffd", "INVALID_VALUE"),
        ('applyConfiguration(input: {yaml: ""})', "Configuration", "EMPTY"),
        (
            'syncInstances(input: {serviceIdentifier: "a", environmentIdentifier: "b"})',
            "Service:a Environment:b",
            "NOT_FOUND",
        ),
    ],
)
def test_refusals_are_recorded_however_strange_the_input(robot: Named, query: str, target: str, code: str) -> None:
    payload, entry = robot.mutate(f"mutation {{ {query} {{ userErrors {{ code }} }} }}")
    assert payload["userErrors"][0]["code"] == code
    assert (entry.subject, entry.outcome, entry.code) == ("robot", "REFUSED", code)
    assert entry.target == target
    assert entry.message


def test_no_value_of_a_variable_and_no_yaml_is_in_the_log(unship: Unship, robot: Named) -> None:
    robot.mutate(
        'mutation { runPipeline(input: {pipelineIdentifier: "web", variables: {tag: "canary-7f"}}) '
        "{ userErrors { code } } }"
    )
    robot.mutate('mutation { applyConfiguration(input: {yaml: "secret: canary-7f"}) { userErrors { code } } }')
    assert "canary-7f" not in str(log_of(unship))


def accepted(_answer: None) -> Outcome:
    return Outcome(AuditOutcome.ACCEPTED)


def test_a_mutation_goes_on_when_its_caller_leaves(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            auditor = Auditor(AuditLog(runtime.database, b"k" * 32))
            acting, may_end = asyncio.Event(), asyncio.Event()

            async def act() -> None:
                acting.set()
                await may_end.wait()

            caller = asyncio.create_task(auditor.carry_out(Attempt("s", "a", "t"), act(), accepted))
            await acting.wait()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            may_end.set()
            await auditor.finished()

    asyncio.run(scenario())
    assert [entry.outcome for entry in read_log(database_url)] == ["ACCEPTED"]


def test_what_is_raised_is_recorded_without_its_words(database_url: str) -> None:
    async def act(error: Exception) -> None:
        raise error

    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            auditor = Auditor(AuditLog(runtime.database, b"k" * 32))
            for error in (RuntimeError("secret"), InputRefused(RefusalCode.INVALID_VALUE, "why")):
                with pytest.raises(type(error)):
                    await auditor.carry_out(Attempt("s", "a", "t"), act(error), accepted)

    asyncio.run(scenario())
    assert [(entry.outcome, entry.code, entry.message) for entry in read_log(database_url)] == [
        ("FAILED", "RuntimeError", None),
        ("REFUSED", "INVALID_VALUE", "why"),
    ]


def test_an_answer_survives_a_log_that_cannot_be_written_and_the_loss_is_loud(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def act() -> str:
        return "done"

    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            await asyncio.to_thread(tamper, database_url, "DROP TABLE auditentry")
            auditor = Auditor(AuditLog(runtime.database, b"k" * 32))
            outcome = Outcome(AuditOutcome.ACCEPTED)
            assert await auditor.carry_out(Attempt("somebody", "a", "t"), act(), lambda _: outcome) == "done"

    asyncio.run(scenario())
    assert "THE AUDIT LOG COULD NOT BE WRITTEN" in caplog.text
    assert "somebody" in caplog.text
