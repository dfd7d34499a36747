"""What an operator sees of a server that works: metrics, readiness, and a log that says what happened."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from sandbox.kubernetes import KubernetesWorld
from schema.ids import split_id
from tests.security.books import tamper
from tests.server.ward import WAITING, Ward
from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship, free_port, serving

PLATFORM = "KUBERNETES"


@pytest.fixture(scope="module")
def ward(connectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Ward]:
    port = free_port()
    settings = {"connectors": str(connectors), "operations_port": str(port), "log_format": "json"}
    settings["allowed_hosts"] = "unship.example, 127.0.0.1"
    with serving(tmp_path_factory.mktemp("unship"), **settings) as unship:
        yield Ward(unship, port)


@pytest.fixture(scope="module")
def rollback(ward: Ward, world: KubernetesWorld) -> str:
    """A rollback that has succeeded after two deployments, and one that was refused; the first one's id."""
    shop = Shop("watched", world)
    assert ward.unship.apply(shop.yaml()) == []
    ward.unship.deploy(shop.name, tag=OLD)
    deployment = ward.unship.deploy(shop.name, tag=NEW)
    done = ward.unship.rolled_back(deployment)
    refused = ward.unship.roll_back(target={"executionId": deployment})
    assert {error["code"] for error in refused["userErrors"]} == {"ALREADY_ROLLED_BACK"}
    return done


def key(global_id: str) -> str:
    parts = split_id(global_id)
    assert parts is not None
    return parts[1]


def test_a_rollback_is_counted_with_its_platform_its_outcome_and_its_time(ward: Ward, rollback: str) -> None:
    labels = {"kind": "ROLLBACK", "platform": PLATFORM}
    assert ward.value("unship_executions_started_total", **labels) == 1
    assert ward.samples("unship_executions_finished_total")[-1] == ({**labels, "status": "SUCCEEDED"}, 1)
    assert ward.value("unship_execution_seconds_count", **labels, status="SUCCEEDED") == 1
    assert 0 < ward.value("unship_execution_seconds_sum", **labels) < 60
    assert ward.value("unship_execution_seconds_bucket", **labels, le="+Inf") == 1
    assert ward.value("unship_executions_finished_total", kind="DEPLOYMENT", status="SUCCEEDED") == 2
    assert ward.value("unship_executions_taken_up_total") == 0


def test_what_was_refused_is_counted_by_its_reason(ward: Ward, rollback: str) -> None:
    refused = {"mutation": "rollbackDeployment", "code": "ALREADY_ROLLED_BACK"}
    assert ward.samples("unship_refusals_total") == [(refused, 1)]
    assert ward.value("unship_mutations_total", mutation="rollbackDeployment", outcome="accepted") == 1
    assert ward.value("unship_mutations_total", mutation="rollbackDeployment", outcome="refused") == 1


def test_an_answer_that_is_given_again_is_a_prevented_duplicate(ward: Ward) -> None:
    assert ward.unship.apply(WAITING) == []
    wish = {"pipelineIdentifier": "waiting", "idempotencyKey": "once"}
    query = "mutation ($input: RunPipelineInput!) { runPipeline(input: $input) { execution { id } } }"
    first, again = (ward.unship.data(query, input=wish)["runPipeline"]["execution"]["id"] for _ in range(2))
    assert first == again
    assert ward.value("unship_duplicates_prevented_total", what="mutation") == 1
    ward.unship.abort(first)
    assert ward.unship.finish(first) == "ABORTED"


def test_requests_operations_and_platforms_are_counted(ward: Ward, rollback: str) -> None:
    before = ward.value("unship_operations_total", type="query", outcome="ok")
    refused = ward.value("unship_operations_total", type="none", outcome="refused")
    ward.unship.data("{ viewer { subject } }")
    ward.unship.post("{")
    httpx2.put(ward.unship.url)
    assert ward.value("unship_operations_total", type="query", outcome="ok") == before + 1
    assert ward.value("unship_operations_total", type="none", outcome="refused") == refused + 1
    assert ward.value("unship_operations_total", type="subscription", outcome="ok") >= 3
    assert ward.value("unship_operation_seconds_count", type="query") == before + 1
    assert ward.value("unship_http_requests_total", method="other", code="405") == 1
    assert ward.value("unship_http_requests_total", method="POST", code="200") > 3
    assert ward.value("unship_platform_requests_total", platform="Kubernetes", code="2xx") > 10


def test_an_open_subscription_and_an_active_execution_show_while_they_last(ward: Ward) -> None:
    assert ward.unship.apply(WAITING) == []
    execution = ward.unship.run("waiting")
    with ward.unship.progress(execution) as batches:
        next(batches)
        aborted = ward.value("unship_executions_finished_total", platform="NONE", status="ABORTED")
        assert ward.value("unship_subscriptions_open") == 1
        assert ward.value("unship_executions_active", kind="DEPLOYMENT") == 1
        assert 0 < ward.value("unship_executions_oldest_seconds", kind="DEPLOYMENT") < 60
        ward.unship.abort(execution)
        assert [batch["execution"]["status"] for batch in batches][-1] == "ABORTED"
    assert ward.value("unship_executions_finished_total", platform="NONE", status="ABORTED") == aborted + 1
    assert ward.value("unship_executions_active") == 0


def test_no_label_has_an_id_or_what_a_caller_wrote(ward: Ward, rollback: str) -> None:
    text = ward.text()
    assert re.search(r"[0-9a-f]{32}", text) is None
    assert key(rollback) not in text
    assert "watched" not in text
    assert 'unship_build_info{version="' in text


def test_the_log_tells_the_story_of_an_execution(ward: Ward, rollback: str) -> None:
    told = {line["message"]: line for line in ward.lines(execution=key(rollback))}
    # It may have started before the one who accepted it comes to say so.
    assert sorted(told) == ["execution ended", "execution started", "rollbackDeployment accepted"]
    assert told["rollbackDeployment accepted"]["subject"] == "anonymous"
    end = told["execution ended"]
    assert (end["kind"], end["platform"], end["status"]) == ("ROLLBACK", PLATFORM, "SUCCEEDED")
    assert 0 < end["seconds"] < 60
    refused = ward.lines(message="rollbackDeployment refused")
    assert [line["codes"] for line in refused] == ["ALREADY_ROLLED_BACK"]


def test_the_log_says_which_server_it_is(ward: Ward) -> None:
    (start,) = ward.lines(message="Unship serves")
    assert start["address"] == f"127.0.0.1:{ward.unship.port}"
    assert start["operations"] == f"127.0.0.1:{ward.port}"
    assert (start["database"], start["connectors"]) == ("sqlite", "Kubernetes")


def test_readiness_is_the_same_on_both_ports_and_follows_the_database(ward: Ward) -> None:
    database = f"sqlite:///{ward.unship.directory}/data/unship.db"
    main = ward.unship.url.replace("graphql", "readyz")
    assert (ward.get("/livez").text, ward.get("/readyz").text, httpx2.get(main).text) == ("ok\n",) * 3
    tamper(database, "UPDATE alembic_version SET version_num = '9' || version_num")
    try:
        for answer in (ward.get("/readyz"), httpx2.get(main)):
            assert answer.status_code == 503
            assert answer.text.startswith("the database is at migration 9")
        assert ward.get("/livez").status_code == 200
    finally:
        tamper(database, "UPDATE alembic_version SET version_num = substr(version_num, 2)")
    assert ward.get("/readyz").status_code == 200


def test_a_page_under_a_foreign_name_reads_no_metrics(ward: Ward) -> None:
    for path in ("metrics", "livez", "readyz"):
        for host, status in (
            ("evil.example", 403),
            ("10.0.0.7:9464", 200),
            ("localhost", 200),
            ("unship.example", 200),
        ):
            answer = httpx2.get(f"http://127.0.0.1:{ward.port}/{path}", headers={"host": host})
            assert answer.status_code == status


def test_what_a_dead_process_had_begun_is_taken_up_and_told(ward: Ward) -> None:
    assert ward.unship.apply(WAITING) == []
    execution = ward.unship.run("waiting")
    with ward.unship.progress(execution) as batches:
        while not any(event.get("stepStatus") == "RUNNING" for event in next(batches)["events"]):
            pass
    ward.unship.kill()
    ward.unship.start()
    ward.unship.abort(execution)
    assert ward.unship.finish(execution) == "ABORTED"
    assert ward.value("unship_executions_taken_up_total", kind="DEPLOYMENT") == 1
    assert ward.value("unship_executions_started_total") == 0
    messages = [line["message"] for line in ward.lines(execution=key(execution))]
    assert messages[:2] == ["runPipeline accepted", "execution started"]
    assert set(messages[2:4]) == {"execution taken up again", "abortExecution accepted"}
    assert messages[4:] == ["execution ended"]


def test_without_a_port_of_its_own_there_are_no_metrics(unship: Unship) -> None:
    base = unship.url.removesuffix("/graphql")
    assert httpx2.get(f"{base}/metrics").status_code == 404
    assert httpx2.get(f"{base}/livez").status_code == 200
