"""The public face of expressions: parse text once, then read what it refers to or render it. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import JsonValue

from pipelines.expressions.errors import ExpressionError, ExpressionEvaluationError, ExpressionUnresolved
from pipelines.expressions.evaluation import Evaluator
from pipelines.expressions.parser import parse_parts, parse_whole
from pipelines.expressions.scope import Scope
from pipelines.expressions.syntax import Expression, Parts, Path, Secret, operands_in

_MASK = "**************"
_SHORTEST_LINE = 4


@dataclass(frozen=True, repr=False)
class Rendered:
    """Text with its expressions replaced. `secrets` are the texts in it that must not be shown."""

    text: str
    secrets: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Rendered({mask(self.text, self.secrets)!r})"


@dataclass(frozen=True)
class RenderedTree:
    """A JSON value with the expressions in all its texts replaced."""

    value: JsonValue = field(repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True)
class Template:
    """Parsed text. Immutable; may be rendered any number of times. `source` is the text it was parsed from."""

    source: str
    parts: Parts = field(repr=False)

    @property
    def references(self) -> tuple[str, ...]:
        """The dotted paths it reads, sorted; without those known only at run time, and without secrets."""
        return _references(self.parts)

    @property
    def secret_references(self) -> tuple[str, ...]:
        """The identifiers of the secrets it names literally, sorted."""
        found = {operand.argument for operand in operands_in(self.parts) if isinstance(operand, Secret)}
        return tuple(sorted(str(getattr(argument, "value", "")) for argument in found))

    @property
    def compiled_characters(self) -> int:
        """How much of the text had to be compiled: the length of all expressions that are more than a path."""
        compiled = (part for part in self.parts if isinstance(part, Expression) and part.program is not None)
        return sum(len(part.source) for part in compiled)

    def unresolved(self, scope: Scope) -> tuple[str, ...]:
        """The paths it reads that have no value in this scope, in order. Secrets are not asked for."""
        return _unresolved(self.parts, scope)

    def render(self, scope: Scope) -> Rendered:
        """The text, expressions replaced by values; what a value contains is never read as an expression.

        Raises ExpressionUnresolved for a value that does not exist, ExpressionEvaluationError.
        """
        evaluator = Evaluator(scope)
        text = evaluator.text(self.parts)
        return Rendered(text, frozenset(evaluator.secrets))


@dataclass(frozen=True)
class Condition:
    """A parsed `when` condition: an expression that may contain `<+ >` or be written without."""

    source: str
    expression: Expression = field(repr=False)

    @property
    def references(self) -> tuple[str, ...]:
        """As `Template.references`."""
        return _references((self.expression,))

    def unresolved(self, scope: Scope) -> tuple[str, ...]:
        """As `Template.unresolved`."""
        return _unresolved((self.expression,), scope)

    def holds(self, scope: Scope) -> bool:
        """Whether it is true. Raises as `Template.render`, and when the result is neither true nor false."""
        value = Evaluator(scope).value(self.expression)
        if isinstance(value, bool):
            return value
        if value in {"true", "false"} if isinstance(value, str) else False:
            return value == "true"
        raise ExpressionEvaluationError("the condition is neither true nor false")


def parse(text: str) -> Template:
    """Parse text with any number of `<+ >` in it, none included. Raises ExpressionSyntaxError."""
    return Template(text, parse_parts(text))


def parse_condition(text: str) -> Condition:
    """Parse a condition, such as `<+env.type> == "Production"`. Raises ExpressionSyntaxError."""
    return Condition(text, parse_whole(text))


def evaluate_condition(text: str, scope: Scope) -> bool:
    """Whether the condition holds. Raises any ExpressionError."""
    return parse_condition(text).holds(scope)


def render_tree(value: JsonValue, scope: Scope) -> RenderedTree:
    """Every text inside a JSON value rendered; the rest stays as it is. Raises any ExpressionError."""
    secrets: set[str] = set()
    return RenderedTree(_rendered(value, scope, secrets), frozenset(secrets))


def tree_references(value: JsonValue) -> tuple[str, ...]:
    """The dotted paths that all texts inside a JSON value read, sorted. Raises ExpressionSyntaxError."""
    if isinstance(value, str):
        return parse(value).references
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return tuple(sorted({reference for item in items for reference in tree_references(item)}))


def tree_unresolved(value: JsonValue, scope: Scope) -> tuple[str, ...]:
    """The paths that texts inside a JSON value read and that have no value in this scope, sorted."""
    if isinstance(value, str):
        return parse(value).unresolved(scope)
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return tuple(sorted({path for item in items for path in tree_unresolved(item, scope)}))


def mask(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret, each line of one, and its JSON spelling, replaced by asterisks."""
    hidden: set[str] = set()
    for secret in secrets:
        hidden |= {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        hidden |= {line.strip() for line in secret.splitlines() if len(line.strip()) >= _SHORTEST_LINE}
    for secret in sorted(hidden - {""}, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def _rendered(value: JsonValue, scope: Scope, secrets: set[str]) -> JsonValue:
    if isinstance(value, str):
        rendered = parse(value).render(scope)
        secrets |= rendered.secrets
        return rendered.text
    if isinstance(value, list):
        return [_rendered(item, scope, secrets) for item in value]
    if isinstance(value, dict):
        return {key: _rendered(item, scope, secrets) for key, item in value.items()}
    return value


def _references(parts: Parts) -> tuple[str, ...]:
    paths = (operand.dotted for operand in operands_in(parts) if isinstance(operand, Path))
    return tuple(sorted({path for path in paths if path is not None}))


def _unresolved(parts: Parts, scope: Scope) -> tuple[str, ...]:
    missing: dict[str, None] = {}
    without_secrets = Scope(scope.roots, lambda _: "", scope.masked)
    for operand in operands_in(parts):
        if not isinstance(operand, Path):
            continue
        try:
            Evaluator(without_secrets).operand(operand)
        except ExpressionUnresolved as error:
            missing[error.path] = None
        except ExpressionError:
            continue
    return tuple(missing)
