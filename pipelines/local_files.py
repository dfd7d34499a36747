"""Manifests kept beside the configuration file are taken into the database when it is applied.

So every replica, and every later rollback, has them: a file as if it had been inline, a directory as an archive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from pipelines.documents import Configuration, Loaded, Vocabulary
from pipelines.documents.reading import ProblemSink
from pipelines.documents.service import LOCAL, PACKAGE, Manifest, ManifestEntry, Service, Store
from pipelines.documents.vocabulary import DeclaredManifest
from pipelines.expressions import ExpressionSyntaxError, parse
from pipelines.packing import MAX_BYTES, UnfitDirectory, pack
from pipelines.problems import Path as Place
from pipelines.problems import Problem, ProblemCode, shown
from pipelines.yaml_nodes import Document


@dataclass(frozen=True)
class LocalFiles:
    """The configuration with every local manifest taken in, the packed directories by digest, and the problems."""

    configuration: Configuration
    packages: Mapping[str, bytes]
    problems: tuple[Problem, ...]


def with_local_files(
    configuration: Configuration,
    documents: dict[int, Document],
    directories: Sequence[Path | None],
    vocabulary: Vocabulary,
) -> LocalFiles:
    """Take in what local manifests name. Of each input, `directories` has what they are relative to; None where
    there is no file."""
    problems: list[Problem] = []
    services: list[Loaded[Service]] = []
    packages: dict[str, bytes] = {}
    for loaded in configuration.services:
        document = documents[loaded.document]
        taking = _Taking(ProblemSink(document), directories[document.input], vocabulary, packages)
        services.append(taking.with_files(loaded))
        problems += taking.sink.problems
    return LocalFiles(replace(configuration, services=tuple(services)), packages, tuple(problems))


@dataclass(frozen=True)
class _Taking:
    """The files of one document; what is packed goes into `packages`."""

    sink: ProblemSink
    directory: Path | None
    vocabulary: Vocabulary
    packages: dict[str, bytes]

    def with_files(self, loaded: Loaded[Service]) -> Loaded[Service]:
        service = loaded.model
        if not any(manifest.spec.store.type == LOCAL for manifest in service.manifests):
            return loaded
        entries = tuple(
            ManifestEntry(manifest=self._taken_in(manifest, index, service.deployment_type))
            for index, manifest in enumerate(service.manifests)
        )
        definition = service.service_definition
        spec = definition.spec.model_copy(update={"manifests": entries})
        definition = definition.model_copy(update={"spec": spec})
        model = service.model_copy(update={"service_definition": definition})
        return Loaded(model, loaded.document, loaded.source)

    def _taken_in(self, manifest: Manifest, index: int, deployment_type: str) -> Manifest:
        if manifest.spec.store.type != LOCAL:
            return manifest
        place: Place = ("service", "serviceDefinition", "spec", "manifests", index, "manifest", "spec", "store")
        declared = self.vocabulary.manifest_type(deployment_type, manifest.type)
        store = self._store(manifest.spec.store.path or "", declared, place)
        return manifest.model_copy(update={"spec": manifest.spec.model_copy(update={"store": store})})

    def _store(self, path: str, declared: DeclaredManifest | None, place: Place) -> Store:
        """What is stored instead; empty, with the problem in the sink, where it cannot be used."""
        file_name = declared.directory_with if declared is not None else None
        if self.directory is None:
            self.sink.add(ProblemCode.INVALID_VALUE, _remedy(declared), (*place, "type"))
            return Store(type="Inline")
        base = self.directory.resolve()
        found = (base / path).resolve()
        try:
            if not found.is_relative_to(base):
                raise UnfitDirectory("it leads out of the directory of the configuration")
            if file_name is not None:
                return self._packed(path, found, file_name)
            return Store(type="Inline", spec={"content": _content(found)})
        except (ExpressionSyntaxError, UnfitDirectory) as error:
            problem = str(error)
        except (OSError, ValueError) as error:
            problem = f"it cannot be read: {error}"
        self.sink.add(ProblemCode.INVALID_VALUE, f'"{shown(path)}": {problem}', (*place, "spec", "path"))
        return Store(type="Inline")

    def _packed(self, path: str, found: Path, file_name: str) -> Store:
        if not found.is_dir():
            raise UnfitDirectory("it is not a directory")
        if not (found / file_name).is_file():
            raise UnfitDirectory(f"it has no file {file_name}")
        archive = pack(found)
        digest = sha256(archive).hexdigest()
        self.packages[digest] = archive
        return Store(type=PACKAGE, spec={"path": path, "digest": digest})


def _remedy(declared: DeclaredManifest | None) -> str:
    if declared is None or declared.directory_with is None:
        return "a local manifest needs a file system: write it inline, or apply the file on the server"
    others = ", ".join(declared.stores)
    return "a local directory needs a file system: apply the file on the server (python -m server apply FILE)" + (
        f", or use a store of type {others}" if others else ""
    )


def _content(file: Path) -> str:
    if not file.is_file():
        raise UnfitDirectory("it is not a file")
    if file.stat().st_size > MAX_BYTES:
        raise UnfitDirectory(f"it is longer than {MAX_BYTES} bytes")
    text = file.read_text(encoding="utf-8")
    parse(text)
    return text
