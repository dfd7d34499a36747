"""What is installed: the chart's archive and the values files, in the order in which they override one another."""

from __future__ import annotations

import asyncio
import io
import tarfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.helm.helm import Helm
from providers.helm.home import Home
from providers.helm.repositories import Order, pull
from providers.helm.values import CHART, VALUES, ChartOptions
from providers.values import Manifest, Release

_MOST_VALUES = 1 << 20
_MOST_MEMBERS = 10_000


@dataclass(frozen=True)
class Chart:
    """A chart in the private home, with the flags that name its values files, and the archive's digest."""

    archive: Path
    values: tuple[str, ...]
    digest: str


async def prepare(helm: Helm, home: Home, connectors: Connectors, release: Release) -> Chart:
    """Put the release's chart and values into the home; ProviderRefused if there is not exactly one chart."""
    charts = [manifest for manifest in release.manifests if manifest.type == CHART]
    if len(charts) != 1:
        raise ProviderRefused(
            f'Service "{release.service}" needs exactly one manifest of type {CHART}, and has {len(charts)}.'
        )
    options = _options(charts[0])
    archive = await _archive(helm, home, connectors, charts[0], options)
    path = await home.write("chart.tgz", archive)
    texts = await asyncio.to_thread(_inside, archive, options.values_paths)
    texts += [item.content.encode() for item in release.manifests if item.type == VALUES]
    flags: list[str] = []
    for number, text in enumerate(texts):
        flags += ["--values", str(await home.write(f"values-{number}.yaml", text))]
    return Chart(path, tuple(flags), sha256(archive).hexdigest())


def _options(manifest: Manifest) -> ChartOptions:
    try:
        return ChartOptions.model_validate(manifest.options)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in item["loc"]) for item in error.errors())
        raise ProviderRefused(f'Manifest "{manifest.identifier}" cannot be used: {fields}.') from error


async def _archive(
    helm: Helm, home: Home, connectors: Connectors, manifest: Manifest, options: ChartOptions
) -> bytes:
    if manifest.store is not None:
        return await pull(helm, home, connectors, Order(manifest.store, manifest.store_spec, options))
    if manifest.archive is None:
        raise ProviderRefused(
            f'Manifest "{manifest.identifier}" holds no chart: use a store of type Local (a chart directory), '
            "Http or OciHelmChart."
        )
    if sha256(manifest.archive).hexdigest() != manifest.archive_digest:
        raise ProviderRefused(f'The stored chart of manifest "{manifest.identifier}" was changed: apply it again.')
    return manifest.archive


def _inside(archive: bytes, wanted: tuple[str, ...]) -> list[bytes]:
    """Files of the chart, by their paths in its directory."""
    if not wanted:
        return []
    found: dict[PurePosixPath, bytes] = {}
    names = {PurePosixPath(path) for path in wanted}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for number, member in enumerate(tar):
                path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
                if number < _MOST_MEMBERS and path in names and member.isreg() and member.size <= _MOST_VALUES:
                    content = tar.extractfile(member)
                    found[path] = content.read(_MOST_VALUES) if content is not None else b""
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ProviderRefused("The chart is not a gzipped tar archive.") from error
    missing = sorted(str(name) for name in names - set(found))
    if missing:
        raise ProviderRefused(f"The chart has no file {missing[0]} (valuesPaths), or one larger than 1 MiB.")
    return [found[PurePosixPath(path)] for path in wanted]
