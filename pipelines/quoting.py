"""Scripts with expressions in them, rendered so that no value is ever read as shell code.

Each expression becomes a reference to an environment variable that holds its value, quoted to suit its place.
Imports the expressions and the shell lexer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.expressions.evaluation import Evaluator
from pipelines.expressions.scope import Scope
from pipelines.expressions.syntax import Expression
from pipelines.expressions.templates import Template, parse
from pipelines.shell.commands import SLOT, declares_evaluated_variables
from pipelines.shell.cursor import Place, ScriptError, Slot
from pipelines.shell.lexer import slots_of

__all__ = ["ScriptError", "ScriptTemplate", "ShellScript", "parse_script", "render_script"]

VARIABLE_PREFIX = "UNSHIP_VALUE_"
# Linux takes at most 128 KiB per environment variable, its name included.
MAX_VALUE = 100_000
MAX_VALUES = 1_000_000

_WHOLE_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,17})", re.ASCII)
_SPELLINGS = {
    Place.BARE: '"${%s}"',
    Place.DOUBLE_QUOTED: "${%s}",
    Place.SINGLE_QUOTED: "'\"${%s}\"'",
    Place.ARITHMETIC: "${%s}",
}


@dataclass(frozen=True)
class ShellScript:
    """A script ready to run: its text, the variables that its environment must have, and what to mask."""

    text: str
    environment: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)


@dataclass(frozen=True)
class ScriptTemplate:
    """A parsed script whose expressions all stand where a shell can take a value."""

    template: Template
    slots: tuple[Slot, ...] = field(repr=False)

    def render(self, scope: Scope) -> ShellScript:
        """The script for these values.

        Raises ExpressionUnresolved, ExpressionEvaluationError, and ScriptError for a value that cannot be handed
        to a process, or that is not a whole number where the shell would evaluate it.
        """
        evaluator = Evaluator(scope)
        environment: dict[str, str] = {}
        pieces: list[str] = []
        for part in self.template.parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            slot = self.slots[len(environment)]
            name = f"{VARIABLE_PREFIX}{len(environment) + 1}"
            line = "".join(pieces).count("\n") + 1
            environment[name] = _checked(evaluator.expression_text(part), part, slot, line)
            pieces.append(_SPELLINGS[slot.place] % name)
        if sum(len(value.encode()) for value in environment.values()) > MAX_VALUES:
            raise ScriptError(f"the values together are longer than {MAX_VALUES} bytes", 1)
        return ShellScript("".join(pieces), environment, frozenset(evaluator.secrets))


def parse_script(script: str) -> ScriptTemplate:
    """Parse a script of bash or sh.

    Raises ExpressionSyntaxError, and ScriptError when an expression stands where no shell can take a value safely.
    """
    template = parse(script)
    expressions = [part for part in template.parts if isinstance(part, Expression)]
    if not expressions:
        return ScriptTemplate(template, ())
    if SLOT in script:
        raise ScriptError("the character U+E000 is not allowed in a script with expressions", 1)
    shape = "".join(part if isinstance(part, str) else SLOT for part in template.parts)
    if declares_evaluated_variables(shape):
        message = "declare -i and declare -n make the shell evaluate values; do without them beside expressions"
        raise ScriptError(message, 1)
    return ScriptTemplate(template, tuple(slots_of(shape)))


def render_script(script: str, scope: Scope) -> ShellScript:
    """Parse and render in one go. Raises as `parse_script` and `ScriptTemplate.render`."""
    return parse_script(script).render(scope)


def _checked(value: str, expression: Expression, slot: Slot, line: int) -> str:
    what = f"the value of <+{expression.source}>"
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ScriptError(f"{what} holds a character that no process can be given", line)
    if len(value.encode()) > MAX_VALUE:
        raise ScriptError(f"{what} is longer than {MAX_VALUE} bytes", line)
    if slot.whole_number and _WHOLE_NUMBER.fullmatch(value) is None:
        raise ScriptError(f"{what} is not a whole number, and the shell would evaluate it here", line)
    return value
