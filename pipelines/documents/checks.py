"""What the models cannot say of a single document: the platform's words, unique names, scripts, rollback steps.

Imports the models, the vocabulary and the expressions.
"""

from collections.abc import Iterable

from pipelines.documents.base import has_expression
from pipelines.documents.environment import InfrastructureDefinition
from pipelines.documents.failure import Action, ActionType, FailureStrategy
from pipelines.documents.generic_steps import ShellScriptSpec
from pipelines.documents.pipeline import Pipeline
from pipelines.documents.reading import ProblemSink, model_keys, validated
from pipelines.documents.service import STORES, Manifest, Service
from pipelines.documents.stages import Stage, StageType
from pipelines.documents.steps import Step, StepGroup
from pipelines.documents.vocabulary import GENERIC_STEPS, SCRIPT_STEPS, DeclaredManifest, Vocabulary
from pipelines.documents.walk import stages_of, steps_of, texts_of
from pipelines.expressions import ROOTS, ExpressionSyntaxError, parse, parse_condition
from pipelines.problems import Path, ProblemCode, nearest, shown, suggestion
from pipelines.quoting import ScriptError, parse_script


def check_expressions(sink: ProblemSink, vocabulary: Vocabulary, allowance: int) -> int:
    """Every expression of the document can be parsed, and begins with a word that is not a misspelt root.

    Stops with a problem when more than `allowance` characters had to be compiled; returns what is left of it.
    """
    roots = ROOTS | vocabulary.expression_roots
    for path, text in texts_of(sink.document.root):
        if allowance < 0:
            sink.add(
                ProblemCode.YAML_LIMIT, "the input has too many long expressions; split it into several", path
            )
            return allowance
        if not has_expression(text):
            continue
        try:
            template = parse(text)
        except ExpressionSyntaxError as error:
            sink.add(ProblemCode.INVALID_EXPRESSION, str(error), path)
            continue
        allowance -= template.compiled_characters
        for root in sorted({reference.split(".")[0] for reference in template.references} - roots):
            near = nearest(root, roots)
            if near is not None:
                message = f'no expression begins with "{shown(root)}"; did you mean "{near}"?'
                sink.add(ProblemCode.INVALID_EXPRESSION, message, path)
    return allowance


def check_service(service: Service, vocabulary: Vocabulary, sink: ProblemSink) -> None:
    """The deployment type, the artifact reference and the manifests."""
    definition: Path = ("service", "serviceDefinition")
    _check_deployment_type(service.deployment_type, vocabulary, (*definition, "type"), sink)
    _check_primary(service, (*definition, "spec", "artifacts", "primary"), sink)
    manifests: Path = (*definition, "spec", "manifests")
    paths = [(*manifests, index, "manifest") for index in range(len(service.manifests))]
    placed = list(zip(paths, service.manifests, strict=True))
    _check_unique("manifest", [(path, manifest.identifier) for path, manifest in placed], sink)
    words = vocabulary.deployment_types.get(service.deployment_type)
    for path, manifest in placed:
        if words is None:
            continue
        declared = words.manifest_types.get(manifest.type)
        if declared is not None:
            _check_options(manifest, declared, (*path, "spec"), sink)
        else:
            message = (
                f'"{shown(manifest.type)}" is no manifest of {service.deployment_type}'
                f"{suggestion(manifest.type, words.manifest_types)}"
            )
            sink.add(ProblemCode.INVALID_VALUE, message, (*path, "type"))
        _check_store(manifest, declared, (*path, "spec", "store"), sink)


def check_infrastructure(
    infrastructure: InfrastructureDefinition, vocabulary: Vocabulary, sink: ProblemSink
) -> None:
    """The deployment type, and that type's own infrastructure and spec."""
    path: Path = ("infrastructureDefinition",)
    _check_deployment_type(infrastructure.deployment_type, vocabulary, (*path, "deploymentType"), sink)
    words = vocabulary.deployment_types.get(infrastructure.deployment_type)
    if words is None:
        return
    model = words.infrastructures.get(infrastructure.type)
    if model is None:
        hint = suggestion(infrastructure.type, words.infrastructures)
        message = f'"{shown(infrastructure.type)}" is no infrastructure of {infrastructure.deployment_type}{hint}'
        sink.add(ProblemCode.INVALID_VALUE, message, (*path, "type"))
        return
    validated(model, infrastructure.spec, (*path, "spec"), sink, rendered=False)


def check_pipeline(pipeline: Pipeline, vocabulary: Vocabulary, sink: ProblemSink) -> None:
    """Unique identifiers, and every stage with its steps."""
    stages = list(stages_of(pipeline, ("pipeline",)))
    _check_unique("stage", [(path, stage.identifier) for path, stage in stages], sink)
    for path, stage in stages:
        _check_stage(stage, path, vocabulary, sink)


def _check_stage(stage: Stage, path: Path, vocabulary: Vocabulary, sink: ProblemSink) -> None:
    spec: Path = (*path, "spec")
    _check_condition(stage.when.condition, (*path, "when", "condition"), sink)
    if stage.type is StageType.DEPLOYMENT:
        for key, value in _needed(stage):
            if value is None:
                message = f'a Deployment stage needs the key "{key}"; add it'
                sink.add(ProblemCode.MISSING_KEY, message, spec)
    if stage.spec.deployment_type is not None:
        _check_deployment_type(stage.spec.deployment_type, vocabulary, (*spec, "deploymentType"), sink)
    execution = stage.spec.execution
    meant = vocabulary.intended(stage.spec.deployment_type or "")
    for key, entries in (("steps", execution.steps), ("rollbackSteps", execution.rollback_steps)):
        found = list(steps_of(entries, (*spec, "execution", key)))
        _check_unique("step", [(place, step.identifier) for place, step in found], sink)
        for place, step in found:
            _check_condition(step.when.condition, (*place, "when", "condition"), sink)
            if key == "rollbackSteps":
                _check_no_stage_rollback(step.failure_strategies, place, sink)
            if not isinstance(step, StepGroup):
                _check_step(step, stage.type, meant, place, vocabulary, sink)


def _needed(stage: Stage) -> Iterable[tuple[str, object]]:
    spec = stage.spec
    return (("deploymentType", spec.deployment_type), ("service", spec.service), ("environment", spec.environment))


def _check_step(
    step: Step, stage: StageType, deployment_type: str, path: Path, vocabulary: Vocabulary, sink: ProblemSink
) -> None:
    if step.type in SCRIPT_STEPS and not vocabulary.allow_scripts:
        message = f"{step.type} steps are switched off; remove the step, or have UNSHIP_ALLOW_SCRIPTS=true set"
        sink.add(ProblemCode.SCRIPTS_DISABLED, message, (*path, "type"))
    model = vocabulary.step_model(step.type)
    if model is None:
        _check_foreign_step(step, deployment_type, path, vocabulary, sink)
        return
    here = deployment_type or ("a Custom stage" if stage is StageType.CUSTOM else None)
    if here is not None and step.type not in vocabulary.step_types(deployment_type):
        message = f"{step.type} belongs to {vocabulary.carrier(step.type)}, not to {here}"
        sink.add(ProblemCode.UNSUPPORTED_STEP, message, (*path, "type"))
    spec = validated(model, step.spec, (*path, "spec"), sink, rendered=False)
    if isinstance(spec, ShellScriptSpec):
        _check_script(spec.source.spec.script, (*path, "spec", "source", "spec", "script"), sink)


def _check_foreign_step(
    step: Step, deployment_type: str, path: Path, vocabulary: Vocabulary, sink: ProblemSink
) -> None:
    """A step nobody carries passes only in a stage of a foreign deployment type, which never runs."""
    known = vocabulary.step_types(deployment_type)
    is_custom = deployment_type != "" and deployment_type not in vocabulary.deployment_types
    if is_custom and nearest(step.type, GENERIC_STEPS) is None:
        return
    message = f'the step type "{shown(step.type)}" is not supported{suggestion(step.type, known)}'
    sink.add(ProblemCode.UNSUPPORTED_STEP, message, (*path, "type"))


def _check_script(script: str, path: Path, sink: ProblemSink) -> None:
    try:
        parse_script(script)
    except ExpressionSyntaxError:
        return  # reported with every other expression
    except ScriptError as error:
        sink.add(ProblemCode.INVALID_EXPRESSION, str(error), path)


def _check_condition(condition: str | None, path: Path, sink: ProblemSink) -> None:
    if condition is None:
        return
    try:
        parse_condition(condition)
    except ExpressionSyntaxError as error:
        sink.add(ProblemCode.INVALID_EXPRESSION, str(error), path)


def _check_no_stage_rollback(strategies: tuple[FailureStrategy, ...], path: Path, sink: ProblemSink) -> None:
    for index, strategy in enumerate(strategies):
        action: Action | None = strategy.on_failure.action
        place: Path = (*path, "failureStrategies", index, "onFailure", "action")
        while action is not None:
            if action.type is ActionType.STAGE_ROLLBACK:
                message = "StageRollback has no meaning inside rollbackSteps; use Retry, Ignore or Abort"
                sink.add(ProblemCode.STAGE_ROLLBACK_IN_ROLLBACK_STEPS, message, (*place, "type"))
            after = action.spec.on_retry_failure if action.spec is not None else None
            action = after.action if after is not None else None
            place = (*place, "spec", "onRetryFailure", "action")


def _check_deployment_type(given: str, vocabulary: Vocabulary, path: Path, sink: ProblemSink) -> None:
    """A foreign type is kept as it is; one that is nearly a known type is a slip of the pen."""
    meant = vocabulary.intended(given)
    if meant != given:
        message = f'unknown deployment type "{shown(given)}"; did you mean "{meant}"?'
        sink.add(ProblemCode.INVALID_VALUE, message, path)


def _check_primary(service: Service, path: Path, sink: ProblemSink) -> None:
    primary = service.service_definition.spec.artifacts.primary
    if primary is None:
        return
    sources = [((*path, "sources", index), source.identifier) for index, source in enumerate(primary.sources)]
    _check_unique("artifact source", sources, sink)
    named = primary.primary_artifact_ref
    if named is None and len(primary.sources) > 1:
        message = 'several sources need the key "primaryArtifactRef", which says which one is used'
        sink.add(ProblemCode.MISSING_KEY, message, path)
    if named is not None and not has_expression(named) and service.primary_source is None:
        known = [identifier for _, identifier in sources]
        message = f'no source is called "{shown(named)}"{suggestion(named, known)}'
        sink.add(ProblemCode.UNKNOWN_REFERENCE, message, (*path, "primaryArtifactRef"))


def _check_options(manifest: Manifest, declared: DeclaredManifest, path: Path, sink: ProblemSink) -> None:
    """What stands beside the store; `store` is one of the keys that a misspelt one may have meant."""
    options = manifest.spec.options
    for key in [key for key in options if key not in model_keys(declared.options)]:
        known = {"store", *model_keys(declared.options)}
        message = f'unknown key "{shown(key)}"{suggestion(key, known)}'
        sink.add(ProblemCode.UNKNOWN_KEY, message, path, at=(*path, key))
        del options[key]
    validated(declared.options, options, path, sink, rendered=False)


def _check_store(manifest: Manifest, declared: DeclaredManifest | None, path: Path, sink: ProblemSink) -> None:
    stores = STORES
    if declared is not None:
        # A directory cannot be written into the configuration itself.
        own = STORES if declared.directory_with is None else {"Local": STORES["Local"]}
        stores = {**own, **declared.stores}
    model = stores.get(manifest.spec.store.type)
    if model is None:
        kind = manifest.spec.store.type
        message = f'the store "{shown(kind)}" is not supported{suggestion(kind, stores)}'
        sink.add(ProblemCode.INVALID_VALUE, message, (*path, "type"))
        return
    validated(model, manifest.spec.store.spec, (*path, "spec"), sink, rendered=False)


def _check_unique(kind: str, found: list[tuple[Path, str]], sink: ProblemSink) -> None:
    seen: set[str] = set()
    for path, identifier in found:
        if identifier in seen:
            message = f'a second {kind} is called "{identifier}"; give it another identifier'
            sink.add(ProblemCode.DUPLICATE_IDENTIFIER, message, (*path, "identifier"))
        seen.add(identifier)
