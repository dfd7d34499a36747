"""What the image is made of, without building it: every path exists, and what is copied is enough to serve."""

from __future__ import annotations

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from demo.children import ROOT
from server.settings import Settings

CONTAINERFILE = (ROOT / "Containerfile").read_text()
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()
KUBERNETES = (ROOT / "deploy" / "kubernetes" / "unship.yaml").read_text()


def instructions() -> list[list[str]]:
    joined = CONTAINERFILE.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [shlex.split(line) for line in lines]


def copied() -> list[str]:
    """What is copied from the checkout."""
    copies = [words[1:] for words in instructions() if words[0] == "COPY" and not words[1].startswith("--")]
    return [source for *sources, _target in copies for source in sources]


def test_what_the_image_copies_is_there_and_is_not_ignored() -> None:
    ignored = (ROOT / ".containerignore").read_text().splitlines()
    assert ignored[1] == "*"
    admitted = {line[1:] for line in ignored if line.startswith("!")}
    assert set(copied()) == admitted
    assert [name for name in copied() if not (ROOT / name).exists()] == []
    assert any(fnmatch.fnmatch("db/__pycache__", pattern) for pattern in ignored[2:])


@pytest.mark.parametrize("text", [CONTAINERFILE, COMPOSE, KUBERNETES], ids=["image", "compose", "kubernetes"])
def test_every_setting_that_is_named_exists(text: str) -> None:
    named = {name.lower() for name in re.findall(r"UNSHIP_([A-Z_]+)", text)}
    assert named
    assert named <= set(Settings.model_fields)


def test_it_runs_as_somebody_without_rights_and_installs_by_hashes() -> None:
    (user,) = [words[1] for words in instructions() if words[0] == "USER"]
    assert user == "10001:10001"
    assert "--require-hashes" in CONTAINERFILE
    assert [words[2:] for words in instructions() if words[0] == "FROM"] == [["AS", "packages"], []]


def test_compose_keeps_the_root_file_system_and_waits_for_the_end() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    unship = services["unship"]
    assert unship["read_only"] is True
    assert unship["cap_drop"] == ["ALL"]
    longest = Settings().drain_seconds + Settings().shutdown_seconds + 5
    assert int(unship["stop_grace_period"].removesuffix("s")) > longest
    assert (ROOT / "deploy" / unship["build"]["context"] / unship["build"]["dockerfile"]).is_file()
    assert set(unship["depends_on"]) < set(services)


def test_what_is_copied_is_enough_to_serve_and_stays_as_it_was(tmp_path: Path) -> None:
    """With nothing else on the path: neither tests nor the checkout."""
    inside = tmp_path / "inside"
    inside.mkdir()
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, inside / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, inside / name)
    settings = dict(words.split("=", 1) for line in instructions() if line[0] == "ENV" for words in line[1:])
    environment = {
        **settings,
        "PATH": "",
        "UNSHIP_DATA_DIR": str(tmp_path / "data"),
        "UNSHIP_OPERATIONS_PORT": "0",
    }
    before = set(inside.rglob("*"))
    server = subprocess.Popen(
        [sys.executable, "-m", "server", "serve", "--port", "0"],
        cwd=inside,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        said = server.stdout.readline()
    finally:
        server.terminate()
        _, log = server.communicate(timeout=60)
    assert said.startswith("Unship is ready: "), log
    assert server.returncode == 0, log
    assert '"message": "Unship serves"' in log
    assert set(inside.rglob("*")) == before
