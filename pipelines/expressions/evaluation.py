"""Evaluates parsed expressions against a scope. Imports the syntax, the scope and the errors.

Pure, but for the secret resolver that the scope brings.
"""

import json
import re
from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from pipelines.expressions.errors import ExpressionEvaluationError, ExpressionUnresolved
from pipelines.expressions.scope import MISSING, Scope, follow
from pipelines.expressions.syntax import Expression, Literal, Operand, Parts, Path, Quoted, Secret, Symbol, Token
from pipelines.problems import shown

MAX_OPERAND = 65_536
MAX_RESULT = 4_194_304

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_LOGIC = frozenset({"&&", "||", "!"})
_COMPARING = frozenset({"==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%"})
_BRANCH = frozenset({"(", "?", ":", "&&", "||", "!"})
_BRANCH_END = frozenset({")", "?", ":", "&&", "||"})


class Evaluator:
    """One rendering: remembers the secret texts it met, so that the caller can mask them."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.secrets: set[str] = set()
        self._secret_reads = 0

    def text(self, parts: Parts) -> str:
        """The text with every expression replaced by its value.

        Raises ExpressionUnresolved, ExpressionEvaluationError.
        """
        pieces: list[str] = []
        size = 0
        for part in parts:
            piece = part if isinstance(part, str) else self.expression_text(part)
            size += len(piece)
            if size > MAX_RESULT:
                raise ExpressionEvaluationError(f"the text grows beyond {MAX_RESULT} characters")
            pieces.append(piece)
        return "".join(pieces)

    def expression_text(self, expression: Expression) -> str:
        """The value of one expression as text; null is no text, and raises ExpressionUnresolved."""
        before = self._secret_reads
        value = self.value(expression)
        if value is None:
            raise ExpressionUnresolved(shown(expression.source))
        text = text_of(value)
        if self._secret_reads > before and not isinstance(value, bool):
            # What was made from a secret (its upper-case form, say) gives it away as well.
            self.secrets.add(text)
        return text

    def value(self, expression: Expression) -> JsonValue:
        """The value of one expression."""
        tokens = expression.tokens
        if expression.program is None:
            (only,) = tokens
            assert not isinstance(only, Symbol)
            return self.operand(only)
        values: list[JsonValue] = []
        for index, token in enumerate(tokens):
            if isinstance(token, Symbol):
                continue
            value = _bounded(self.operand(token))
            values.append(_fitted(value, tokens, index))
        try:
            return expression.program.run(values)
        except ExpressionEvaluationError as error:
            raise ExpressionEvaluationError(f"<+{shown(expression.source)}>: {error}") from None

    def operand(self, operand: Operand) -> JsonValue:
        """The value of one operand. Raises ExpressionUnresolved naming the path as it was read."""
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Quoted):
            return self.text(operand.parts)
        if isinstance(operand, Secret):
            return self._secret(operand)
        if isinstance(operand, Expression):
            return self.value(operand)
        return self._read(operand)

    def _read(self, path: Path) -> JsonValue:
        keys = [self.text(segment) if isinstance(segment, tuple) else segment for segment in path.segments]
        found = self._scope.find(keys) if path.base is None else follow(self.value(path.base), keys)
        if found is MISSING:
            names = ".".join(str(key) for key in keys)
            raise ExpressionUnresolved(names if path.base is None else f"<+{shown(path.base.source)}>.{names}")
        if self._scope.masked:
            text = text_of(found)
            self._remember(secret for secret in self._scope.masked if secret in text)
        return found

    def _remember(self, secrets: Iterable[str]) -> None:
        found = {secret for secret in secrets if secret}
        self._secret_reads += len(found)
        self.secrets |= found

    def _secret(self, secret: Secret) -> str:
        identifier = text_of(self.operand(secret.argument))
        resolve = self._scope.resolve_secret
        value = resolve(identifier) if resolve is not None else None
        if value is None:
            raise ExpressionUnresolved(f'secrets.getValue("{identifier}")')
        self._remember((value,))
        return value


def text_of(value: JsonValue) -> str:
    """A value as it appears inside text: text as it is, true and false, numbers in decimal, the rest as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _bounded(value: JsonValue) -> JsonValue:
    if isinstance(value, str | list | dict) and len(text_of(value)) > MAX_OPERAND:
        raise ExpressionEvaluationError(f"a value is longer than {MAX_OPERAND} characters")
    return value


def _fitted(value: JsonValue, tokens: Sequence[Token], index: int) -> JsonValue:
    """The value in the type that its neighbours ask for.

    Everything in YAML is text, and the library compares nothing across types: so text becomes a number beside a
    literal number, a boolean beside true, false and the logical operators, and a number text beside literal text.
    """
    before, after = _symbol(tokens, index - 1), _symbol(tokens, index + 1)
    for neighbour, operator in ((index - 2, before), (index + 2, after)):
        other = tokens[neighbour] if 0 <= neighbour < len(tokens) else None
        if operator in _COMPARING and isinstance(other, Literal):
            return _like(other.value, value)
    is_branch = before in _BRANCH | {""} and after in _BRANCH_END | {""}
    if is_branch and (before in _LOGIC or after in _LOGIC | {"?"}):
        return _like(True, value)
    return value


def _symbol(tokens: Sequence[Token], index: int) -> str | None:
    """The symbol at an index; empty text beyond the ends; None for an operand."""
    if not 0 <= index < len(tokens):
        return ""
    token = tokens[index]
    return token.text if isinstance(token, Symbol) else None


def _like(model: str | int | float | bool | None, value: JsonValue) -> JsonValue:
    if isinstance(model, bool):
        return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    if isinstance(model, int | float) and isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if "." in value or isinstance(model, float) else int(value)
    if isinstance(model, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(model, str) and isinstance(value, int | float):
        return text_of(value)
    return value
