"""Resolves what a deployment stage does: target spec and release, from definitions frozen at the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

from pipelines.documents.environment import Environment
from pipelines.documents.service import STORES, Service
from pipelines.documents.service import Manifest as ServiceManifest
from pipelines.documents.variables import Variable
from pipelines.expressions import Scope, render_tree, scope_of
from pipelines.manifest_text import render_manifest
from pipelines.plan import PlannedStage
from pipelines.roots import Words, environment_words, service_words, stage_words, target_key_words
from pipelines.secret_marks import mark
from providers.artifacts import artifact_of, artifact_words
from providers.values import Artifact, Manifest, Release, Value


class Definitions(Value):
    """The documents a stage deploys with, frozen when the execution was started."""

    service: dict[str, JsonValue]
    environment: dict[str, JsonValue]
    infrastructure: str
    infrastructure_name: str
    infrastructure_spec: dict[str, JsonValue]


class ResolvedStage(Value):
    """A stage's record: its definitions, and once it has begun what they resolved to.

    `words` are what expressions read of the stage; `spec` and `release` go to the provider. Secrets are marks.
    """

    definitions: Definitions | None = None
    words: dict[str, JsonValue] = {}
    spec: dict[str, JsonValue] | None = None
    release: Release | None = None


def resolve(
    stage: PlannedStage,
    definitions: Definitions | None,
    base: Words,
    late_words: frozenset[str] = frozenset(),
) -> ResolvedStage:
    """Resolve a stage's words, and where it deploys something its target and release.

    `base` holds the words known before (pipeline, steps of earlier stages). Expressions of manifests that read
    `late_words` are left to the platform. Raises ExpressionError.
    """
    words: Words = dict(stage_words(stage))
    words["stage"] = {**words["stage"], "variables": _rendered(stage.variables, base | words)}
    if definitions is None:
        return ResolvedStage(words=words)
    service = Service.model_validate(definitions.service)
    environment = Environment.model_validate(definitions.environment)
    words |= target_key_words(service.identifier, environment.identifier, definitions.infrastructure)
    words["env"] = environment_words(environment, _variables(environment.variables, base | words))
    words["service"] = service_words(service)
    artifact = _artifact(service, base, words)
    words["serviceVariables"] = _variables(service.variables, base | words)
    spec = _object(_rendered(definitions.infrastructure_spec, base | words))
    words["infra"] = {
        **spec,
        "identifier": definitions.infrastructure,
        "name": definitions.infrastructure_name,
        "infraIdentifier": definitions.infrastructure,
        "connectorRef": spec.get("connectorRef", ""),
    }
    manifests = _manifests(service, base | words, late_words)
    release = Release(service=service.identifier, artifact=artifact, manifests=manifests)
    return ResolvedStage(definitions=definitions, words=words, spec=spec, release=release)


def recording_scope(words: Mapping[str, Any]) -> Scope:
    """The scope for values that are recorded: secrets stay marks."""
    return scope_of(resolve_secret=mark, **words)


def _artifact(service: Service, base: Words, words: Words) -> Artifact | None:
    source = service.primary_source
    if source is None:
        return None
    spec = _object(_rendered(source.spec, base | words))
    primary = artifact_words(source.identifier, source.type, spec)
    words["artifact"] = primary
    words["artifacts"] = {"primary": primary}
    return artifact_of(spec)


def _manifests(service: Service, words: Words, late_words: frozenset[str]) -> tuple[Manifest, ...]:
    return tuple(_manifest(manifest, words, late_words) for manifest in service.manifests)


def _manifest(manifest: ServiceManifest, words: Words, late_words: frozenset[str]) -> Manifest:
    store = manifest.spec.store
    written = store.type in STORES or store.digest is not None
    return Manifest(
        identifier=manifest.identifier,
        type=manifest.type,
        content=render_manifest(store.content or "", recording_scope(words), late_words),
        options=_object(_rendered(manifest.spec.options, words)),
        store=None if written else store.type,
        store_spec={} if written else _object(_rendered(store.spec, words)),
        archive_digest=store.digest,
    )


def _variables(variables: Sequence[Variable], words: Words) -> dict[str, Any]:
    return {variable.name: _rendered(variable.value or "", words) for variable in variables}


def _rendered(value: JsonValue, words: Words) -> JsonValue:
    return render_tree(value, recording_scope(words)).value


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", value)
