"""Expressions `<+ ... >`: parsed once, evaluated without side effects over plain values. Pure."""

from pipelines.expressions.errors import (
    ExpressionError,
    ExpressionEvaluationError,
    ExpressionSyntaxError,
    ExpressionUnresolved,
)
from pipelines.expressions.scope import ROOTS, Scope, infrastructure_key, scope_of
from pipelines.expressions.templates import (
    Condition,
    Rendered,
    RenderedTree,
    Template,
    evaluate_condition,
    mask,
    parse,
    parse_condition,
    render_tree,
    tree_references,
    tree_unresolved,
)

__all__ = [
    "ROOTS",
    "Condition",
    "ExpressionError",
    "ExpressionEvaluationError",
    "ExpressionSyntaxError",
    "ExpressionUnresolved",
    "Rendered",
    "RenderedTree",
    "Scope",
    "Template",
    "evaluate_condition",
    "infrastructure_key",
    "mask",
    "parse",
    "parse_condition",
    "render_tree",
    "scope_of",
    "tree_references",
    "tree_unresolved",
]
