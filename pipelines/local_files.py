"""Manifests kept beside the configuration file are taken into it when it is applied, as if they had been inline.

So every replica, and every later rollback, has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pipelines.documents import Configuration, Loaded
from pipelines.documents.base import JsonObject
from pipelines.documents.reading import ProblemSink
from pipelines.documents.service import Manifest, ManifestEntry, Service, Store
from pipelines.expressions import ExpressionSyntaxError, parse
from pipelines.problems import Path as Place
from pipelines.problems import Problem, ProblemCode, shown
from pipelines.yaml_nodes import Document

MAX_BYTES = 1024 * 1024
LOCAL = "Local"


def with_local_files(
    configuration: Configuration, documents: dict[int, Document], directory: Path | None
) -> tuple[Configuration, list[Problem]]:
    """The configuration with every local manifest inline, and what was wrong with any of them."""
    problems: list[Problem] = []
    services: list[Loaded[Service]] = []
    for loaded in configuration.services:
        sink = ProblemSink(documents[loaded.document])
        services.append(_with_files(loaded, directory, sink))
        problems += sink.problems
    return Configuration(
        services=tuple(services),
        environments=configuration.environments,
        groups=configuration.groups,
        infrastructures=configuration.infrastructures,
        pipelines=configuration.pipelines,
    ), problems


def _with_files(loaded: Loaded[Service], directory: Path | None, sink: ProblemSink) -> Loaded[Service]:
    service = loaded.model
    if not any(manifest.spec.store.type == LOCAL for manifest in service.manifests):
        return loaded
    entries = tuple(
        ManifestEntry(manifest=_inline(manifest, index, directory, sink))
        for index, manifest in enumerate(service.manifests)
    )
    definition = service.service_definition
    spec = definition.spec.model_copy(update={"manifests": entries})
    definition = definition.model_copy(update={"spec": spec})
    return Loaded(service.model_copy(update={"service_definition": definition}), loaded.document, loaded.source)


def _inline(manifest: Manifest, index: int, directory: Path | None, sink: ProblemSink) -> Manifest:
    store = manifest.spec.store
    if store.type != LOCAL:
        return manifest
    place: Place = ("service", "serviceDefinition", "spec", "manifests", index, "manifest", "spec", "store")
    content = _content(store.path or "", directory, place, sink)
    inline = Store(type="Inline", spec=cast("JsonObject", {"content": content}))
    return manifest.model_copy(update={"spec": manifest.spec.model_copy(update={"store": inline})})


def _content(path: str, directory: Path | None, place: Place, sink: ProblemSink) -> str:
    """The file's text; empty, with the problem in the sink, where it cannot be used."""
    if directory is None:
        message = "a local manifest needs a file system: write it inline, or apply the file on the server"
        sink.add(ProblemCode.INVALID_VALUE, message, (*place, "type"))
        return ""
    base = directory.resolve()
    file = (base / path).resolve()
    problem = ""
    try:
        if not file.is_relative_to(base):
            problem = "it leads out of the directory of the configuration"
        elif not file.is_file():
            problem = "it is not a file"
        elif file.stat().st_size > MAX_BYTES:
            problem = f"it is longer than {MAX_BYTES} bytes"
        else:
            text = file.read_text(encoding="utf-8")
            parse(text)
            return text
    except ExpressionSyntaxError as error:
        problem = str(error)
    except (OSError, ValueError) as error:
        problem = f"it cannot be read: {error}"
    sink.add(ProblemCode.INVALID_VALUE, f'"{shown(path)}": {problem}', (*place, "spec", "path"))
    return ""
