"""Packs a directory into an archive that depends on its content only, and leads nowhere else."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

MAX_BYTES = 1024 * 1024
MAX_UNPACKED_BYTES = 16 * MAX_BYTES
MAX_FILES = 2_000


class UnfitDirectory(Exception):
    """What a configuration names cannot be taken in; the message says why, and what to do."""


def pack(directory: Path) -> bytes:
    """The directory as tar.gz, below its own name; the same content gives the same bytes.

    Hidden directories are left out. Links are followed to files inside; one that leads out is refused. Raises
    UnfitDirectory and OSError.
    """
    packed = io.BytesIO()
    total = 0
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number, path in enumerate(_files(directory)):
            content = path.read_bytes()
            total += len(content)
            if number >= MAX_FILES or total > MAX_UNPACKED_BYTES:
                raise UnfitDirectory(
                    f"it holds more than {MAX_FILES} files or {MAX_UNPACKED_BYTES} bytes: split it"
                )
            member = tarfile.TarInfo(f"{directory.name}/{path.relative_to(directory).as_posix()}")
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    archive = gzip.compress(packed.getvalue(), mtime=0)
    if len(archive) > MAX_BYTES:
        raise UnfitDirectory(
            f"packed it has {len(archive)} bytes, and {MAX_BYTES} is the most: take out what is large"
        )
    return archive


def _files(directory: Path) -> Iterator[Path]:
    """Every file below, in an order of its own."""
    base = directory.resolve()
    for folder, names, files in os.walk(directory):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted([*files, *(name for name in names if (Path(folder) / name).is_symlink())]):
            path = Path(folder) / name
            real = path.resolve()
            shown = path.relative_to(directory).as_posix()
            if not real.is_relative_to(base):
                raise UnfitDirectory(f"the link {shown} leads out of it: copy the file into it")
            if not real.is_file():
                raise UnfitDirectory(f"{shown} is neither a file nor a link to one: remove it")
            yield path
