"""Which helm is run, and what its version can do: asked once per binary, branched on here and nowhere else."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from providers.errors import ProviderRefused
from providers.homes import private_directory
from providers.processes import run

VERSION_SECONDS = 20.0
# The first with --labels, by which a revision is recognised.
OLDEST = (3, 13)
_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,6})\S*")


@dataclass(frozen=True)
class Binary:
    """A helm and the version it says it has."""

    path: str
    version: tuple[int, int]

    @property
    def forced(self) -> tuple[str, ...]:
        """What makes a release the whole intent for the fields it names.

        Helm 4 applies on the server and would stop at any field that `kubectl edit` took over, at the moment
        when a rollback is needed most; Helm 3 merges and takes it without asking.
        """
        return ("--server-side=true", "--force-conflicts") if self.version[0] >= 4 else ()


def find_binary(configured: str | None, directory: Path) -> str:
    """The path of the helm to run: the connector's, relative to the connectors file, or else the one in PATH."""
    if configured is None:
        found = shutil.which("helm")
        if found is None:
            raise ProviderRefused(
                "There is no helm where the server runs: install it, or name one in the connector (spec.helm)."
            )
        return found
    path = directory / Path(configured).expanduser()
    if not os.access(path, os.X_OK) or path.is_dir():
        raise ProviderRefused(f"The connector's helm, {path}, is no program that can be started.")
    return str(path)


class Binaries:
    """The versions of the binaries used so far."""

    def __init__(self) -> None:
        self._known: dict[str, Binary] = {}

    async def get(self, path: str) -> Binary:
        """The binary with its version; ProviderRefused if it is none that Unship can use."""
        if path not in self._known:
            self._known[path] = await _ask(path)
        return self._known[path]


async def _ask(path: str) -> Binary:
    async with private_directory("unship-helm-") as home:
        environment = {"HOME": str(home.path), "PATH": os.environ.get("PATH", os.defpath)}
        command = [path, "version", "--template", "{{.Version}}"]
        try:
            async with asyncio.timeout(VERSION_SECONDS):
                ended = await run("helm", command, environment, home.path, (home.descriptor,))
        except (OSError, TimeoutError) as error:
            raise ProviderRefused(f"{path} cannot be started: {type(error).__name__}.") from error
    found = _VERSION.fullmatch(ended.output.text().strip())
    if ended.code != 0 or found is None:
        raise ProviderRefused(f"{path} does not say its version as helm does.", ended.output.text()[:200])
    version = int(found.group(1)), int(found.group(2))
    if not OLDEST <= version < (5, 0):
        wanted = ".".join(str(part) for part in OLDEST)
        raise ProviderRefused(f"{path} is helm {found.group()}; Unship needs {wanted} or newer, or a 4.")
    return Binary(path, version)
