"""References between documents in any order, and to what exists already. Imports models and vocabulary."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipelines.documents.base import has_expression
from pipelines.documents.configuration import AnyDocument
from pipelines.documents.environment import EnvironmentGroup, InfrastructureDefinition
from pipelines.documents.freeze_window import FreezeWindow
from pipelines.documents.pipeline import Pipeline
from pipelines.documents.reading import ProblemSink
from pipelines.documents.service import Service
from pipelines.documents.stages import Stage
from pipelines.documents.vocabulary import KnownReferences, Vocabulary
from pipelines.documents.walk import stages_of
from pipelines.problems import Path, ProblemCode, shown, suggestion
from pipelines.yaml_nodes import Document, MappingNode, Node, ScalarNode


@dataclass(frozen=True)
class Names:
    """What may be referred to. A deployment type of None is not known, and not compared."""

    services: Mapping[str, str | None]
    environments: frozenset[str]
    groups: frozenset[str]
    infrastructures: Mapping[tuple[str, str], str | None]
    connectors: frozenset[str] | None


def names_of(documents: Sequence[tuple[str, Document]], known: KnownReferences, vocabulary: Vocabulary) -> Names:
    """What the input declares, read from the bare trees so that mistakes do not matter; and what is known.

    A misspelt deployment type, which is reported where it stands, counts as the one that was meant.
    """

    def type_at(document: Document, path: tuple[str, ...]) -> str | None:
        found = text_at(document.root, path)
        return None if found is None else vocabulary.intended(found)

    services: dict[str, str | None] = dict(known.services)
    environments, groups = set(known.environments), set(known.groups)
    infrastructures: dict[tuple[str, str], str | None] = dict(known.infrastructures)
    for kind, document in documents:
        identifier = text_at(document.root, (kind, "identifier"))
        if identifier is None:
            continue
        if kind == "service":
            services[identifier] = type_at(document, (kind, "serviceDefinition", "type"))
        if kind == "environment":
            environments.add(identifier)
        if kind == "environmentGroup":
            groups.add(identifier)
        if kind == "infrastructureDefinition":
            environment = text_at(document.root, (kind, "environmentRef")) or ""
            infrastructures[environment, identifier] = type_at(document, (kind, "deploymentType"))
    return Names(services, frozenset(environments), frozenset(groups), infrastructures, known.connectors)


def text_at(root: Node, path: tuple[str, ...]) -> str | None:
    """The text at a path of keys, or None."""
    node: Node | None = root
    for key in path:
        entry = node.entry(key) if isinstance(node, MappingNode) else None
        node = entry.value if entry is not None else None
    return node.value if isinstance(node, ScalarNode) else None


def check_references(model: AnyDocument, names: Names, vocabulary: Vocabulary, sink: ProblemSink) -> None:
    """Every reference of one document leads somewhere, and what it leads to fits."""
    if isinstance(model, EnvironmentGroup):
        for index, identifier in enumerate(model.env_identifiers):
            place: Path = ("environmentGroup", "envIdentifiers", index)
            _check_known("environment", identifier, names.environments, place, sink)
    elif isinstance(model, FreezeWindow):
        for index, identifier in enumerate(model.environments):
            at: Path = ("freezeWindow", "environments", index)
            _check_known("environment", identifier, names.environments, at, sink)
        for index, identifier in enumerate(model.environment_groups):
            at = ("freezeWindow", "environmentGroups", index)
            _check_known("environment group", identifier, names.groups, at, sink)
    elif isinstance(model, Service):
        _check_stores(model, names, vocabulary, sink)
    elif isinstance(model, InfrastructureDefinition):
        _check_infrastructure(model, names, vocabulary, sink)
    elif isinstance(model, Pipeline):
        for path, stage in stages_of(model, ("pipeline",)):
            wanted = vocabulary.intended(stage.spec.deployment_type or "")
            _check_service_of(stage, wanted, path, names, sink)
            _check_place_of(stage, wanted, path, names, sink)


def _check_stores(service: Service, names: Names, vocabulary: Vocabulary, sink: ProblemSink) -> None:
    """The connectors that manifests are fetched through."""
    if names.connectors is None or service.deployment_type not in vocabulary.deployment_types:
        return
    for index, manifest in enumerate(service.manifests):
        reference = manifest.spec.store.spec.get("connectorRef")
        if isinstance(reference, str):
            path: Path = ("service", "serviceDefinition", "spec", "manifests", index, "manifest", "spec", "store")
            _check_known("connector", reference, names.connectors, (*path, "spec", "connectorRef"), sink)


def _check_infrastructure(
    model: InfrastructureDefinition, names: Names, vocabulary: Vocabulary, sink: ProblemSink
) -> None:
    path: Path = ("infrastructureDefinition",)
    _check_known("environment", model.environment_ref, names.environments, (*path, "environmentRef"), sink)
    connector = model.spec.get("connectorRef")
    if (
        names.connectors is not None
        and isinstance(connector, str)
        and model.deployment_type in vocabulary.deployment_types
    ):
        _check_known("connector", connector, names.connectors, (*path, "spec", "connectorRef"), sink)


def _check_service_of(stage: Stage, wanted: str, path: Path, names: Names, sink: ProblemSink) -> None:
    if stage.spec.service is None:
        return
    reference = stage.spec.service.service_ref
    place: Path = (*path, "spec", "service", "serviceRef")
    if not _check_known("service", reference, names.services, place, sink):
        return
    _check_type(f'the service "{reference}"', names.services[reference], wanted, place, sink)


def _check_place_of(stage: Stage, wanted: str, path: Path, names: Names, sink: ProblemSink) -> None:
    use = stage.spec.environment
    if use is None:
        return
    base: Path = (*path, "spec", "environment")
    known = _check_known("environment", use.environment_ref, names.environments, (*base, "environmentRef"), sink)
    for index, infrastructure in enumerate(use.infrastructure_definitions):
        if not known:
            return
        place: Path = (*base, "infrastructureDefinitions", index, "identifier")
        here = [name for environment, name in names.infrastructures if environment == use.environment_ref]
        elsewhere = sorted(
            environment for environment, name in names.infrastructures if name == infrastructure.identifier
        )
        if infrastructure.identifier not in here and elsewhere:
            message = (
                f'the infrastructure "{infrastructure.identifier}" belongs to the environment "{elsewhere[0]}", '
                f'not to "{use.environment_ref}"'
            )
            sink.add(ProblemCode.MISMATCHED_REFERENCE, message, place)
        elif _check_known("infrastructure", infrastructure.identifier, here, place, sink):
            found = names.infrastructures[use.environment_ref, infrastructure.identifier]
            _check_type(f'the infrastructure "{infrastructure.identifier}"', found, wanted, place, sink)


def _check_type(what: str, found: str | None, wanted: str, path: Path, sink: ProblemSink) -> None:
    if found is None or not wanted or found == wanted:
        return
    message = f"{what} is of type {shown(found)}, but the stage deploys {shown(wanted)}"
    sink.add(ProblemCode.MISMATCHED_REFERENCE, message, path)


def _check_known(kind: str, reference: str, known: Collection[str], path: Path, sink: ProblemSink) -> bool:
    """Whether the reference can be followed now: not when it is unknown, nor when only a run can tell."""
    if has_expression(reference):
        return False
    if reference in known:
        return True
    message = f'there is no {kind} "{shown(reference)}"{suggestion(reference, known)}'
    sink.add(ProblemCode.UNKNOWN_REFERENCE, message, path)
    return False
