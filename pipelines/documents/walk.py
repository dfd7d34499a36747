"""Paths to the parts of a document: every step of a list, every text of a tree. Imports models and nodes."""

from collections.abc import Iterator

from pipelines.documents.pipeline import Pipeline
from pipelines.documents.stages import Stage
from pipelines.documents.steps import Step, StepEntry, StepGroup
from pipelines.problems import Path
from pipelines.yaml_nodes import Node, ScalarNode, SequenceNode


def stages_of(pipeline: Pipeline, path: Path) -> Iterator[tuple[Path, Stage]]:
    """Every stage with its path, in written order; `path` is that of the pipeline."""
    for index, entry in enumerate(pipeline.stages):
        if entry.stage is not None:
            yield (*path, "stages", index, "stage"), entry.stage
            continue
        for inner, member in enumerate(entry.members):
            yield (*path, "stages", index, "parallel", inner, "stage"), member


def steps_of(entries: tuple[StepEntry, ...], path: Path) -> Iterator[tuple[Path, Step | StepGroup]]:
    """Every step and group with its path, groups before their members; `path` is that of the list."""
    for index, entry in enumerate(entries):
        if entry.step is not None:
            yield (*path, index, "step"), entry.step
        if entry.step_group is not None:
            yield (*path, index, "stepGroup"), entry.step_group
            yield from steps_of(entry.step_group.steps, (*path, index, "stepGroup", "steps"))
        if entry.parallel is not None:
            yield from steps_of(entry.parallel, (*path, index, "parallel"))


def texts_of(node: Node, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every scalar that has a value, with its path."""
    if isinstance(node, ScalarNode):
        if node.value is not None:
            yield path, node.value
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.items):
            yield from texts_of(item, (*path, index))
    else:
        for entry in node.entries:
            yield from texts_of(entry.value, (*path, entry.key))
