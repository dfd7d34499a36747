"""The server as a process: start, health, refusals to start, an end in order."""

from __future__ import annotations

import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from demo.children import ROOT, Child, ChildFailed, start_server, url_of
from server.cli import main
from tests.support.unship import Unship

_KUBECONFIG = """
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{}"}}}}]
contexts: [{{name: demo, context: {{cluster: c}}}}]
current-context: demo
"""
_CONNECTORS = """
connectors:
  - {identifier: absent, type: Kubernetes, spec: {kubeconfig: ./absent}}
  - {identifier: gone, type: Kubernetes, spec: {kubeconfig: ./gone}}
  - {identifier: silent, type: Kubernetes, spec: {kubeconfig: ./silent}}
  - {identifier: spec, type: Kubernetes, spec: {kubconfig: ./kubeconfig, context: [demo]}}
  - {identifier: nowhere, type: Kubernetes, spec: {kubeconfig: ./kubeconfig, context: nowhere}}
  - {identifier: type, type: Kubernets, spec: {}}
  - {identifier: charts, type: HttpHelmRepo, spec: {url: "https://charts.example.com"}}
"""
_CLOUDS = """
connectors:
  - {identifier: cluster, type: Kubernetes, spec: {kubeconfig: ./kubeconfig}}
  - {identifier: aws, type: Aws, spec: {region: eu-west-1}}
  - {identifier: foundation, type: Tas, spec: {endpointUrl: "https://a", usernameRef: env:A, passwordRef: env:B}}
"""
EXAMPLE = ROOT / "examples" / "kubernetes.yaml"


@dataclass(frozen=True)
class Ended:
    code: int
    output: str
    complaint: str


Command = Callable[..., Ended]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command line in this process: data directory, arguments, and settings in lower case."""

    def run(data: Path, *arguments: str, **settings: str) -> Ended:
        monkeypatch.setenv("UNSHIP_DATA_DIR", str(data))
        for name, value in settings.items():
            monkeypatch.setenv(f"UNSHIP_{name.upper()}", value)
        try:
            code = main(list(arguments))
        except SystemExit as ended:
            code = int(str(ended.code))
        written = capsys.readouterr()
        assert "Traceback" not in written.err
        return Ended(code, written.out, written.err)

    return run


def test_it_answers_for_its_health(unship: Unship) -> None:
    base = unship.url.removesuffix("/graphql")
    assert httpx2.get(f"{base}/livez").text == "ok\n"
    assert httpx2.get(f"{base}/readyz").status_code == 200
    assert httpx2.get(f"{base}/readyz", headers={"host": "10.0.0.7"}).status_code == 200
    assert httpx2.get(f"{base}/nothing").status_code == 404


def test_its_files_are_its_owners_alone(unship: Unship) -> None:
    data = unship.directory / "data"
    assert data.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in data.iterdir()}
    assert "unship.db" in modes
    assert set(modes.values()) == {0o600}


def test_a_second_process_on_the_same_database_is_refused_in_words(unship: Unship, command: Command) -> None:
    second = command(unship.directory / "data", "serve", "--port", "0")
    assert second.code == 1
    assert "Another process serves this database already" in second.complaint


def test_configuration_is_applied_beside_a_running_server(
    unship: Unship, connectors: Path, tmp_path: Path, command: Command
) -> None:
    data = unship.directory / "data"
    done = command(data, "apply", str(EXAMPLE), connectors=str(connectors), allow_scripts="true")
    assert (done.code, done.complaint) == (0, "")
    counted = "1 Service, 2 Environment, 1 EnvironmentGroup, 2 Infrastructure, 1 Pipeline"
    assert done.output == f"{EXAMPLE}: applied {counted}\n"
    assert unship.data('{ service(identifier: "web") { name } }') == {"service": {"name": "Web shop"}}
    wrong = tmp_path / "wrong.yaml"
    broken = EXAMPLE.read_text().replace("serviceRef: web", "serviceRef: wep")
    wrong.write_text(broken)
    refused = command(data, "apply", str(wrong), connectors=str(connectors), allow_scripts="true")
    assert refused.code == 1
    assert f"{wrong}: document 7, line" in refused.complaint


def test_files_are_applied_together_in_any_order_or_not_at_all(tmp_path: Path, command: Command) -> None:
    """In the order of the shell the shop comes before what it needs, and each file brings the same `prod`."""
    (tmp_path / "connectors.yaml").write_text(_CLOUDS)
    settings = {"connectors": str(tmp_path / "connectors.yaml"), "allow_scripts": "true"}
    examples = sorted(str(path) for path in EXAMPLE.parent.glob("*.yaml"))
    other = tmp_path / "other.yaml"
    other.write_text("environment: {identifier: prod, name: Other, type: Production}\n")
    refused = command(tmp_path / "data", "apply", *examples, str(other), **settings)
    first = f'document 1 of {examples[0]} declares the environment "prod" too; rename or remove one'
    place = "document 1, line 1, column 15, environment.identifier"
    assert (refused.code, refused.complaint) == (1, f"{other}: {place}: {first}\n")
    with closing(sqlite3.connect(tmp_path / "data" / "unship.db")) as database:
        assert database.execute("SELECT count(*) FROM service").fetchone() == (0,)
    done = command(tmp_path / "data", "apply", *examples, examples[0], **settings)
    assert (done.code, done.complaint) == (0, "")
    lines = [line.partition(": applied ") for line in done.output.splitlines()]
    assert [name for name, _, _ in lines] == [*examples, examples[0]]
    assert lines[0][2] == "1 Environment, 1 Service, 1 Infrastructure, 1 Pipeline"
    assert lines[-1][2] == "nothing that the files before it do not declare"


def test_what_is_applied_but_cannot_be_rolled_back_is_warned_about(
    connectors: Path, tmp_path: Path, command: Command
) -> None:
    file = tmp_path / "one-way.yaml"
    file.write_text(EXAMPLE.read_text().rpartition("            rollbackSteps:\n")[0])
    done = command(tmp_path, "apply", str(file), connectors=str(connectors), allow_scripts="true")
    assert (done.code, done.complaint) == (0, "")
    warning, applied = done.output.splitlines()
    assert warning.startswith(f"{file}: warning: document 7, line ")
    assert "declares no rollbackSteps, so what it deploys cannot be rolled back" in warning
    assert applied.startswith(f"{file}: applied 1 Service")


def test_a_file_that_cannot_be_read_is_refused_in_words(tmp_path: Path, command: Command) -> None:
    name = "nothing.yaml"
    refused = command(tmp_path, "apply", str(tmp_path / name))
    assert refused.code == 1
    assert refused.complaint.startswith(str(tmp_path / name))
    assert refused.complaint.count("\n") == 1


def test_check_finds_a_sound_installation_sound_and_a_broken_one_broken(
    unship: Unship, connectors: Path, tmp_path: Path, command: Command
) -> None:
    sound = command(unship.directory / "data", "check", connectors=str(connectors))
    assert sound.code == 0, sound.output + sound.complaint
    assert "PROBLEM" not in sound.output
    (tmp_path / "unship.db").write_bytes(b"no database" * 1000)
    broken = command(tmp_path, "check")
    assert broken.code == 1


def test_check_says_of_each_connector_who_answers_there_or_why_nobody_does(
    connectors: Path, tmp_path: Path, command: Command
) -> None:
    sound = command(tmp_path, "check", connectors=str(connectors))
    assert sound.code == 0, sound.output
    assert "ok       connectors: cluster\n" in sound.output
    assert "ok       connector cluster: reachable, Kubernetes v1." in sound.output
    (tmp_path / "kubeconfig").write_text((connectors.parent / "kubeconfig").read_text())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        (tmp_path / "silent").write_text(_KUBECONFIG.format(port))
        (tmp_path / "gone").write_text(_KUBECONFIG.format(1))
        file = tmp_path / "connectors.yaml"
        file.write_text(_CONNECTORS)
        broken = command(tmp_path, "check", connectors=str(file))
    found = dict(line.split(": ", 1) for line in broken.output.splitlines())
    assert broken.code == 1
    assert found["PROBLEM  connector absent"].startswith("The kubeconfig ")
    assert found["PROBLEM  connector gone"].endswith("127.0.0.1:1 gave no connection (Connection refused).")
    assert found["PROBLEM  connector silent"].endswith(f"127.0.0.1:{port} gave no answer in time.")
    complaints = found["PROBLEM  connector spec"].partition("invalid spec: ")[2].split("; ")
    assert [complaint.partition(": ")[0] for complaint in complaints] == ["kubeconfig", "context", "kubconfig"]
    assert 'no context "nowhere"' in found["PROBLEM  connector nowhere"]
    assert "asked only when" in found["ok       connector charts"]
    assert 'connectors of the type "Kubernets"' in found["PROBLEM  connector type"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", 'expected a mapping with the key "connectors"'),
        ("connectors: [", "not valid YAML at line 1, column 14"),
        ("secrets: []", 'the key "connectors" is missing; add it'),
        ("connectors: {a: b}", 'the key "connectors": expected a list'),
        ("connectors: [a]", "connector number 1: expected a mapping of keys to values"),
        (
            "connectors: [{identifier: a, type: Kubernetes, spec: {}}, {identifier: b, spec: {}}]",
            'connector "b": the key "type" is missing; add it',
        ),
        ("connectors: [{identifier: a, typ: K, type: K, spec: {}}]", 'connector "a": unknown key "typ"'),
        (
            "connectors: [{identifier: '', type: K, spec: {}}]",
            'connector number 1: the key "identifier": must not',
        ),
        (
            "connectors: [{identifier: a, type: K, spec: text}]",
            'connector "a": the key "spec": expected a mapping',
        ),
        (
            "connectors: []\nsecrets: [{identifier: s, ref: hunter2}]",
            'secret "s": the key "ref": expected env:NAME',
        ),
    ],
)
def test_the_connectors_file_is_judged_in_words(tmp_path: Path, command: Command, content: str, said: str) -> None:
    file = tmp_path / "connectors.yaml"
    file.write_text(content)
    checked = command(tmp_path, "check", connectors=str(file))
    assert checked.code == 1
    assert f"PROBLEM  connectors: {file}: " in checked.output
    assert said in checked.output
    assert "hunter2" not in checked.output
    assert "pydantic" not in checked.output


def test_check_tells_no_connectors_file_from_one_that_lists_none(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "connectors.yaml"
    file.write_text("connectors: []")
    listing = command(tmp_path, "check", connectors=str(file))
    assert (listing.code, "connectors: none (the file lists none)" in listing.output) == (0, True)


def test_check_says_that_no_connectors_file_is_set(tmp_path: Path, command: Command) -> None:
    assert "connectors: none (UNSHIP_CONNECTORS is not set)" in command(tmp_path, "check").output


def test_the_schema_is_exported_as_committed(tmp_path: Path, command: Command) -> None:
    assert command(tmp_path, "export-schema").output == (ROOT / "schema" / "schema.graphql").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "usage:"),
        (["nonsense"], 2, "invalid choice"),
        (["apply"], 2, "FILE"),
        (["serve", "--host", "0.0.0.0"], 1, "UNSHIP_HOST"),
        (["serve", "--port", "99999"], 1, "UNSHIP_PORT"),
    ],
)
def test_wrong_usage_is_2_and_a_refusal_is_1(
    tmp_path: Path, arguments: list[str], code: int, said: str, command: Command
) -> None:
    answer = command(tmp_path, *arguments)
    assert (answer.code, answer.output) == (code, "")
    assert said in answer.complaint


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("data_dir", "{}/file/data", "UNSHIP_DATA_DIR"),
        ("connectors", "{}/nothing.yaml", "nothing.yaml"),
        ("database_url", "postgresql://127.0.0.1:1/none", "The database cannot be used"),
    ],
)
def test_unusable_surroundings_are_refused_in_words(
    tmp_path: Path, name: str, value: str, said: str, command: Command
) -> None:
    (tmp_path / "file").write_text("")
    refused = command(tmp_path, "serve", "--port", "0", **{name: value.format(tmp_path)})
    assert refused.code == 1
    assert said in refused.complaint


def test_a_port_in_use_is_refused_in_words(tmp_path: Path, command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = command(tmp_path, "serve", "--port", str(taken.getsockname()[1]))
    assert refused.code == 1
    assert "in use; choose another port" in refused.complaint


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, connectors: Path, number: signal.Signals) -> None:
    server = start_server(tmp_path, connectors)
    assert httpx2.get(url_of(server).replace("graphql", "readyz")).status_code == 200
    assert server.stop(number) == 0
    said = [line.split(": ", 1)[1] for line in server.output.splitlines()]
    assert [line.partition(" version=")[0] for line in said] == [
        "Unship serves",
        url_of(server),
        "Unship is leaving: it is not ready, and takes no new mutations",
        "Unship has ended in order",
    ]


def test_a_request_under_way_does_not_hold_the_end_up_for_ever(tmp_path: Path, connectors: Path) -> None:
    server = start_server(tmp_path, connectors, shutdown_seconds="1")
    port = httpx2.URL(url_of(server)).port
    with socket.create_connection(("127.0.0.1", port or 0)) as connection:
        head = (
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n"
        )
        connection.sendall(f"{head}\r\n{{".encode())
        assert server.stop() == 0


def test_uvicorn_can_serve_it_by_its_factory(tmp_path: Path, connectors: Path) -> None:
    environment = {"UNSHIP_DATA_DIR": str(tmp_path), "UNSHIP_CONNECTORS": str(connectors)}
    arguments = ["uvicorn", "server.app:create_app", "--factory", "--port", "0"]
    with Child(arguments, environment, "Uvicorn running on").wait_ready() as server:
        url = server.ready_line.split("Uvicorn running on ")[1].split()[0]
        answer = httpx2.post(f"{url}/graphql", json={"query": "{ __typename }"})
        assert answer.json()["data"] == {"__typename": "Query"}


def test_a_server_that_cannot_start_says_so_to_who_started_it(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"nothing\.yaml"):
        start_server(tmp_path, tmp_path / "nothing.yaml")
