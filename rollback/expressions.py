"""What the rollback steps read of the deployment, and whether the deployment recorded it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.expressions import ExpressionError, Scope, evaluate_condition, tree_unresolved
from pipelines.plan import PlannedStep, groups_of_steps, steps_in
from pipelines.resolving import recording_scope
from pipelines.roots import Words
from rollback.facts import StageFacts

_OWN_STEPS = re.compile(r"^(?:execution\.)?(?:steps|rollbackSteps)\.([^.]+)|\.rollbackSteps\.([^.]+)")


def unresolved(stage: StageFacts, words: Words) -> Iterator[tuple[PlannedStep, str]]:
    """Each rollback step that will run with each path it reads that has no recorded value.

    What the rollback's own steps will give is not known yet, and not missing either.
    """
    steps = tuple(steps_in(stage.planned.rollback_steps))
    groups = dict(groups_of_steps(stage.planned.rollback_steps))
    own = {name for identifier, above in groups.items() for name in (identifier, *above)}
    scope = rollback_scope(words)
    for step in steps:
        if not all(holds(condition, words) for condition in step.conditions):
            continue
        texts = [step.spec, *(f"<+{condition}>" for condition in step.conditions)]
        paths = {path for text in texts for path in tree_unresolved(text, scope)}
        for path in sorted(paths):
            found = _OWN_STEPS.search(path)
            if found is None or (found.group(1) or found.group(2)) not in own:
                yield step, path


def holds(condition: str | None, words: Words) -> bool:
    """Whether a condition holds with what is recorded; one that reads what is yet to come counts as held."""
    if condition is None:
        return True
    try:
        return evaluate_condition(condition, rollback_scope(words))
    except ExpressionError:
        return True


def rollback_scope(words: Words) -> Scope:
    """The scope in which a rollback's expressions resolve, as far as it is known before it runs."""
    return recording_scope(words)
