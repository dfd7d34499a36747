"""What may be applied but will not do all that its author may expect: warnings, never a refusal. Pure.

Each kind of advice is one function over the documents it reads; `advice_on` lists them.
"""

from collections.abc import Mapping

from pipelines.documents.configuration import Configuration
from pipelines.documents.pipeline import Pipeline
from pipelines.documents.reading import ProblemSink
from pipelines.documents.stages import StageType
from pipelines.documents.walk import stages_of
from pipelines.problems import Problem, ProblemCode, in_order
from pipelines.yaml_nodes import Document


def advice_on(configuration: Configuration, documents: Mapping[int, Document]) -> tuple[Problem, ...]:
    """Every warning about a configuration that was found right, in order of position."""
    found: list[Problem] = []
    for loaded in configuration.pipelines:
        sink = ProblemSink(documents[loaded.document])
        _without_way_back(loaded.model, sink)
        found += sink.problems
    return in_order(found)


def _without_way_back(pipeline: Pipeline, sink: ProblemSink) -> None:
    """Only the rollback steps that a stage itself declares can run (rule 5)."""
    for path, stage in stages_of(pipeline, ("pipeline",)):
        if stage.type is StageType.DEPLOYMENT and not stage.spec.execution.rollback_steps:
            message = (
                f'the stage "{stage.identifier}" declares no rollbackSteps, so what it deploys cannot be rolled '
                "back; add them before it runs"
            )
            sink.add(ProblemCode.NO_ROLLBACK_STEPS, message, (*path, "spec", "execution"))
