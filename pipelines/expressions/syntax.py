"""The parsed form of expressions: an immutable list of tokens per expression. Imports the CEL door only."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.expressions.cel_door import Program


@dataclass(frozen=True, slots=True)
class Symbol:
    """An operator, bracket, `.method` or function name, exactly as CEL spells it."""

    text: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, boolean, null, or quoted text without expressions in it."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Quoted:
    """Quoted text with expressions in it."""

    parts: "Parts"


@dataclass(frozen=True, slots=True)
class Path:
    """A dotted path. A segment is a key, an index, or parts that give the key; `base` replaces the root."""

    segments: tuple["str | int | Parts", ...]
    base: "Expression | None" = None

    @property
    def dotted(self) -> str | None:
        """The path as text; None when part of it is known only at run time."""
        if self.base is not None or any(isinstance(segment, tuple) for segment in self.segments):
            return None
        return ".".join(str(segment) for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Secret:
    """`secrets.getValue(...)`; the argument gives the secret's identifier."""

    argument: "Operand"


@dataclass(frozen=True)
class Expression:
    """One `<+ >`. `source` is its text without the marks; `program` is None for a lone operand."""

    source: str
    tokens: tuple["Token", ...]
    program: Program | None = field(default=None, compare=False, repr=False)


Operand = Literal | Quoted | Path | Secret | Expression
Token = Symbol | Operand
Parts = tuple[str | Expression, ...]


def operands_in(parts: Parts) -> Iterator[Operand]:
    """Every operand of every expression, the inner ones before those that contain them."""
    for part in parts:
        if isinstance(part, Expression):
            for token in part.tokens:
                if not isinstance(token, Symbol):
                    yield from _within(token)


def _within(operand: Operand) -> Iterator[Operand]:
    if isinstance(operand, Expression):
        yield from operands_in((operand,))
    elif isinstance(operand, Quoted):
        yield from operands_in(operand.parts)
    elif isinstance(operand, Secret):
        yield from _within(operand.argument)
    elif isinstance(operand, Path):
        if operand.base is not None:
            yield from operands_in((operand.base,))
        for segment in operand.segments:
            if isinstance(segment, tuple):
                yield from operands_in(segment)
    yield operand
