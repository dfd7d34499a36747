"""Writes what this version leaves in its databases to `history/`, for the versions that come after it.

`python -m tests.durability.record_history`, before a release with a new migration.
"""

from __future__ import annotations

import gzip
import shutil
import signal
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from sandbox.__main__ import write_connectors
from sandbox.kubernetes import KubernetesWorld
from tests.journeys.yard import until_running
from tests.support.unship import Unship

ROOT = Path(__file__).parents[2]
HISTORY = Path(__file__).parent / "history"
DATABASES = ("unship.db", "unship.db-engine")
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


def main() -> None:
    with KubernetesWorld.start() as world, tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        write_connectors([world], directory)
        unship = Unship(directory, {"UNSHIP_CONNECTORS": str(directory / "connectors.yaml")})
        unship.start()
        _make_history(unship)
        unship.client.close()
        _write(directory / "data")


def _make_history(unship: Unship) -> None:
    assert unship.apply((ROOT / "examples" / "kubernetes.yaml").read_text()) == []
    assert unship.apply(_PATIENCE) == []
    unship.deploy(SHOP, tag="stable-perl")
    unship.rolled_back(unship.deploy(SHOP, tag="stable-bullseye-perl"))
    unship.deploy(SHOP, tag="stable-bullseye-perl")
    until_running(unship, unship.run(WAITING), "pause")
    unship.kill(signal.SIGKILL)


def _write(data: Path) -> None:
    with closing(sqlite3.connect(data / DATABASES[0])) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    kept = HISTORY / revision
    kept.mkdir(parents=True, exist_ok=True)
    for name in DATABASES:
        with closing(sqlite3.connect(data / name)) as connection:
            text = "\n".join(connection.iterdump())
        (kept / f"{name}.sql.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    shutil.copyfile(data / "audit.key", kept / "audit.key")


if __name__ == "__main__":
    main()
