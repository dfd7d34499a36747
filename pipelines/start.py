"""Starts a deployment: one transaction accepts it (locks, plan, rows, first event), then the engine gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from db.columns import now
from db.security.access import Standing
from db.security.grants import access_of
from db.statuses import ExecutionKind
from db.tables import Execution, Pipeline
from pipelines.accepting import (
    Accepted,
    accept,
    busy_targets,
    next_execution_id,
    next_sequence,
    pipeline_by_identifier,
)
from pipelines.answers import Refused, Started
from pipelines.documents import parse_pipeline
from pipelines.documents.pipeline import Pipeline as PipelineDocument
from pipelines.documents.variables import Variable, VariableType
from pipelines.expressions import ExpressionError, parse
from pipelines.freezing import FROZEN, freezes_in, frozen_deployment, windows_in
from pipelines.idempotency import Keyed, answered, refused_key, remember
from pipelines.layout import LaidOut, lay_out
from pipelines.overriding import Override, kept, refused_overrides
from pipelines.permission import PERMISSION_DENIED, denial
from pipelines.placing import Placed, UnknownReference, place
from pipelines.plan import Plan
from pipelines.problems import ConfigurationProblems
from pipelines.resolving import recording_scope
from pipelines.roots import Words, pipeline_words, run_words, stage_words
from pipelines.runtime import Runtime
from pipelines.secret_marks import has_mark, mark

_OPERATION = "runPipeline"


Given = str | int | float | bool


@dataclass(frozen=True)
class RunRequest:
    """A wish to run a pipeline; `variables` override the pipeline's own values."""

    pipeline_identifier: str
    variables: Mapping[str, Given]
    by: Standing
    reason: str | None = None
    idempotency_key: str | None = None
    overrides: tuple[Override, ...] = ()

    @property
    def subject(self) -> str:
        return self.by.subject


class _Refusal(Exception):
    def __init__(self, refused: Refused) -> None:
        self.refused = refused


async def run_pipeline(runtime: Runtime, request: RunRequest) -> Started | Refused:
    """Accept a run of the pipeline and hand it to the engine; or say why not, and nothing has happened."""
    given: dict[str, JsonValue] = {
        "pipeline": request.pipeline_identifier,
        "variables": dict(request.variables),
        "reason": request.reason,
    }
    if request.overrides:
        given["overrides"] = {one.code: one.justification for one in request.overrides}
    keyed = Keyed(_OPERATION, request.subject, request.idempotency_key, given)
    refused = refused_key(request.idempotency_key) or refused_overrides(request.overrides)
    if refused is not None:
        return refused
    try:
        return await _run(runtime, request, keyed)
    except IntegrityError:
        # Another server took the target or the key at the same moment: the checks see that now.
        return await _run(runtime, request, keyed)


async def _run(runtime: Runtime, request: RunRequest, keyed: Keyed) -> Started | Refused:
    try:
        async with runtime.database.admit() as session:
            before = await answered(session, keyed)
            if before is not None:
                return before
            execution_id = await _accept(session, request, runtime.fence.executor_id)
            await remember(session, keyed, execution_id)
    except _Refusal as refusal:
        if keyed.key is None:
            return refusal.refused
        # Refused for what another server accepted with the same key while this one checked, perhaps.
        async with runtime.database.admit() as session:
            return await answered(session, keyed) or refusal.refused
    await runtime.enqueue(execution_id)
    runtime.bell.ring(execution_id)
    return Started(execution_id)


def unknown_pipeline(identifier: str) -> Refused:
    """The answer for a pipeline that is not there, and for one that who asks may know nothing of."""
    return Refused("PIPELINE_NOT_FOUND", f'There is no pipeline "{identifier}".', ("pipelineIdentifier",))


async def _accept(session: AsyncSession, request: RunRequest, executor_id: str | None) -> str:
    pipeline = await pipeline_by_identifier(session, request.pipeline_identifier)
    if pipeline is None:
        raise _Refusal(unknown_pipeline(request.pipeline_identifier))
    document = _read(pipeline)
    sequence = await next_sequence(session, pipeline.id)
    execution_id = await next_execution_id(session)
    words = pipeline_words(
        pipeline.identifier,
        pipeline.name,
        _variables(document, request.variables),
        run_words(ExecutionKind.DEPLOYMENT, execution_id, sequence, request.subject),
    )
    placed = await _place_all(session, lay_out(document), {"pipeline": words})
    windows = await _let_through(session, request, placed)
    _refuse_crowds(placed)
    targets = [stage.stage.target_id for stage in placed if stage.stage.target_id]
    for busy in await busy_targets(session, targets):
        raise _Refusal(Refused("TARGET_BUSY", busy.message, ("pipelineIdentifier",)))
    execution = _execution(pipeline, request, placed, words, execution_id, sequence, document.timeout)
    execution.executor_id = executor_id
    execution.overrides = kept(request.overrides, [(FROZEN, window) for window in windows])
    await accept(session, Accepted(execution, tuple(placed), frozenset(targets)))
    return execution_id


def _read(pipeline: Pipeline) -> PipelineDocument:
    try:
        return parse_pipeline(pipeline.yaml)
    except ConfigurationProblems as error:
        message = (
            f'The pipeline "{pipeline.identifier}" was applied to another version of Unship, and this one does '
            f"not accept it: {error.problems[0]}. Apply it again."
        )
        raise _Refusal(Refused("PIPELINE_UNREADABLE", message, ("pipelineIdentifier",))) from error


async def _let_through(session: AsyncSession, request: RunRequest, placed: list[Placed]) -> list[str]:
    """Refuse who may not deploy there, and what a freeze window holds back; the windows that are overridden."""
    access, places = await access_of(session, request.by), [stage.environment_id for stage in placed]
    denied = await denial(session, access, places)
    if denied is not None:
        raise _Refusal(Refused(PERMISSION_DENIED, denied, ("pipelineIdentifier",)))
    freezes = await freezes_in(session, places, now())
    frozen = frozen_deployment(freezes, access, justified=bool(request.overrides))
    if frozen is not None:
        raise _Refusal(frozen)
    return windows_in(freezes)


def _execution(
    pipeline: Pipeline,
    request: RunRequest,
    placed: list[Placed],
    words: Words,
    execution_id: str,
    sequence: int,
    timeout: float | None,
) -> Execution:
    stages = tuple(stage.stage for stage in placed)
    plan = Plan(kind=ExecutionKind.DEPLOYMENT, stages=stages, timeout=timeout, by=request.by)
    return Execution(
        id=execution_id,
        kind=ExecutionKind.DEPLOYMENT,
        sequence_id=sequence,
        pipeline_id=pipeline.id,
        triggered_by=request.subject,
        reason=request.reason,
        yaml=pipeline.yaml,
        plan=plan.as_json(),
        recorded={"pipeline": words},
    )


async def _place_all(session: AsyncSession, stages: tuple[LaidOut, ...], words: Words) -> list[Placed]:
    placed: list[Placed] = []
    for laid_out in stages:
        try:
            placed.append(await place(session, _with_resolved_use(laid_out, words)))
        except (ExpressionError, UnknownReference) as error:
            message = f'Stage "{laid_out.stage.name}": {error}'
            raise _Refusal(Refused("UNRESOLVED_REFERENCE", message, ("variables",))) from error
    return placed


def _refuse_crowds(placed: list[Placed]) -> None:
    """One at a time per target holds within an execution too: what one stage records, another would change."""
    seen: dict[tuple[int, str], str] = {}
    for stage in (one.stage for one in placed if one.stage.target_id):
        key = (stage.position, str(stage.target_id))
        if key in seen:
            message = (
                f'Stages "{seen[key]}" and "{stage.name}" run at the same time and deploy the same service to the '
                "same infrastructure; put one after the other."
            )
            raise _Refusal(Refused("TARGET_BUSY", message, ("pipelineIdentifier",)))
        seen[key] = stage.name


def _with_resolved_use(laid_out: LaidOut, words: Words) -> LaidOut:
    if laid_out.use is None:
        return laid_out
    scope = recording_scope(words | stage_words(laid_out.stage))
    return replace(laid_out, use=laid_out.use.rendered(lambda text: parse(text).render(scope).text))


def _written(variable: Variable, value: Given) -> str:
    """The value as text. JSON's 1.10 is 1.1 by the time it gets here, and its true is no text either."""
    if isinstance(value, float | bool) and variable.type is not VariableType.NUMBER:
        message = f'The variable "{variable.name}" is of type {variable.type}: give a text, in quotation marks.'
        raise _Refusal(Refused("INVALID_VARIABLE", message, ("variables", variable.name)))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _variables(document: PipelineDocument, given: Mapping[str, Given]) -> dict[str, JsonValue]:
    """The values of the pipeline's variables in this run."""
    declared = {variable.name: variable for variable in document.variables}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        known = ", ".join(sorted(declared)) or "none"
        message = f'The pipeline has no variable "{unknown[0]}" (it has: {known}).'
        raise _Refusal(Refused("UNKNOWN_VARIABLE", message, ("variables", unknown[0])))
    values: dict[str, JsonValue] = {}
    for name, variable in declared.items():
        value = _written(variable, given[name]) if name in given else variable.value
        if variable.required and value in (None, ""):
            message = f'The variable "{name}" needs a value.'
            raise _Refusal(Refused("MISSING_VARIABLE", message, ("variables", name)))
        if value is not None and has_mark(value):
            message = f'The value of "{name}" contains characters that are reserved (U+E000, U+E001).'
            raise _Refusal(Refused("INVALID_VARIABLE", message, ("variables", name)))
        values[name] = mark(value) if variable.type is VariableType.SECRET and value else value or ""
    return values
