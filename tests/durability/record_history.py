"""Writes what this version leaves in its databases to `history/`, for the versions that come after it.

`python -m tests.durability.record_history`, before a release with a new migration; with the directory of another
checkout it is that version which is run. What has been recorded is left as it is.
"""

from __future__ import annotations

import gzip
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg

from sandbox.__main__ import write_connectors
from sandbox.kubernetes import KubernetesWorld
from tests.journeys.yard import until_running
from tests.support.postgres import OwnPostgres, own_postgres
from tests.support.unship import Unship

ROOT = Path(__file__).parents[2]
HISTORY = Path(__file__).parent / "history"
DATABASES = ("unship.db", "unship.db-engine")
POSTGRES = "unship"
SHOP, WAITING = "web", "patience"

_SAYS = (
    "type: ShellScript, timeout: 30s, spec: {{shell: Bash, source: {{type: Inline, spec: {{script: SAID={0}}}}}"
)
_STEP = "{{step: {{identifier: {0}, name: {0}, " + _SAYS + ", outputVariables: [{{name: SAID, value: SAID}}]}}}}}}"
_PATIENCE = f"""
pipeline:
  identifier: {WAITING}
  name: Patience
  stages:
    - stage:
        identifier: wait
        name: Wait
        type: Custom
        spec:
          execution:
            steps:
              - {_STEP.format("before")}
              - step: {{identifier: pause, name: pause, type: Wait, spec: {{duration: 20s}}}}
              - {_STEP.format("after")}
"""


# Asks for nothing that the first version did not have.
_ROLL_BACK = """mutation ($id: ID!) {
  rollbackDeployment(input: {target: {executionId: $id}}) { execution { id } }
}"""


def main() -> None:
    checkout = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else ROOT
    with KubernetesWorld.start() as world, own_postgres() as own:
        for postgres in (None, own):
            with tempfile.TemporaryDirectory() as scratch:
                directory = Path(scratch)
                write_connectors([world], directory)
                settings = {"UNSHIP_CONNECTORS": str(directory / "connectors.yaml")}
                if postgres is not None:
                    settings["UNSHIP_DATABASE_URL"] = postgres.url
                unship = Unship(directory, settings, launch=partial(_launch, checkout))
                unship.start()
                _make_history(unship)
                unship.client.close()
                _write(directory / "data", postgres)


def _launch(
    checkout: Path, arguments: list[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        command = [sys.executable, "-m", "server", *arguments]
        return subprocess.Popen(command, cwd=checkout, env=environment, stdout=output, stderr=output)


def _make_history(unship: Unship) -> None:
    assert unship.apply((ROOT / "examples" / "kubernetes.yaml").read_text()) == []
    assert unship.apply(_PATIENCE) == []
    unship.deploy(SHOP, tag="stable-perl")
    deployment = unship.deploy(SHOP, tag="stable-bullseye-perl")
    unship.finish(unship.data(_ROLL_BACK, id=deployment)["rollbackDeployment"]["execution"]["id"])
    unship.deploy(SHOP, tag="stable-bullseye-perl")
    until_running(unship, unship.run(WAITING), "pause")
    unship.kill(signal.SIGKILL)


def _write(data: Path, postgres: OwnPostgres | None) -> None:
    if postgres is None:
        with closing(sqlite3.connect(data / DATABASES[0])) as connection:
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        texts = {name: _dumped(data / name) for name in DATABASES}
    else:
        with psycopg.connect(postgres.url) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row is not None
        revision, texts = row[0], {POSTGRES: postgres.dump()}
    kept = HISTORY / revision / ("sqlite" if postgres is None else "postgres")
    if kept.exists():
        return
    kept.mkdir(parents=True)
    for name, text in texts.items():
        (kept / f"{name}.sql.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    shutil.copyfile(data / "audit.key", kept / "audit.key")


def _dumped(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump())


if __name__ == "__main__":
    main()
