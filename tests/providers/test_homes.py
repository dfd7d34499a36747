"""Private directories: gone with who used them, also where that was killed, and never before."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from providers.homes import private_directory, remove_left_behind
from tests.support.unship import ROOT

# Makes a directory, starts a command in it as helm is started, and waits to be killed.
_SERVER = """
import asyncio, signal, subprocess
from providers.homes import private_directory

async def main():
    async with private_directory("unship-helm-") as made:
        (made.path / "kubeconfig").write_text("token")
        child = subprocess.Popen(["sleep", "600"], pass_fds=[made.descriptor], stdout=subprocess.DEVNULL)
        print(made.path, child.pid, flush=True)
        signal.pause()

asyncio.run(main())
"""


def test_what_a_killed_server_left_goes_once_its_commands_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", _SERVER]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        name, child = server.stdout.readline().split()
        left = Path(name)
        remove_left_behind()
        assert (left / "kubeconfig").exists(), "its server lives"
        server.kill()
    remove_left_behind()
    assert (left / "kubeconfig").exists(), "what works in it lives"
    assert {path.stat().st_mode & 0o777 for path in (left, left.parent)} == {0o700}
    lock = os.open(left, os.O_RDONLY)
    os.kill(int(child), signal.SIGKILL)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.close(lock)
    remove_left_behind()
    assert not left.exists()


def test_a_directory_in_use_stays_and_then_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def story() -> Path:
        async with private_directory("unship-step-") as made:
            await asyncio.to_thread(remove_left_behind)
            assert made.path.is_dir()
            return made.path

    assert not asyncio.run(story()).exists()
