"""Renders the expressions of a manifest into its YAML structure, so that no value can add structure of its own.

A value stays one scalar whatever it contains: text from a run's variables cannot add keys, objects or documents.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (PyYAML's nodes carry no types.)

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import yaml

from pipelines.expressions import ExpressionEvaluationError, Scope, Template, parse

_STRING = "tag:yaml.org,2002:str"
_INTEGER = "tag:yaml.org,2002:int"
_BOOLEAN = "tag:yaml.org,2002:bool"
# What these hold are names: a tag of digits only is still a tag.
_NAMES = ("artifact.", "artifacts.", "rollbackArtifact.")
_PLAIN_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)


def render_manifest(content: str, scope: Scope, late_words: frozenset[str] = frozenset()) -> str:
    """The manifest with its expressions replaced. Without expressions it stays as it is, to the letter.

    An expression that reads nothing but `late_words` stays as it is written: the platform fills it in.

    A plain scalar that is one expression becomes a number or boolean only where the value is spelt as one
    (`3`, `true`); anything else becomes text, so `1.10` stays a version, and what an artifact says of itself is
    text always. Raises ExpressionError, also where the
    content is not YAML.
    """
    template = parse(content)
    if all(isinstance(part, str) for part in template.parts):
        return template.render(scope).text
    rendering = _Rendering(template, scope, late_words)
    try:
        nodes = list(yaml.compose_all(rendering.marked, Loader=yaml.SafeLoader))
        for node in nodes:
            rendering.replace_in(node)
        return yaml.serialize_all(nodes, Dumper=yaml.SafeDumper, allow_unicode=True, width=2**16)
    except yaml.YAMLError as error:
        raise ExpressionEvaluationError(f"the manifest is not YAML: {_explained(error)}") from error


class _Rendering:
    """Expressions stand in the YAML as words that occur nowhere else, until the structure is known."""

    def __init__(self, template: Template, scope: Scope, late_words: frozenset[str]) -> None:
        word = f"unship{secrets.token_hex(8)}"
        self._mark = re.compile(f"{word}x([0-9]+)x")
        self._values: list[str] = []
        self._texts: set[str] = set()
        texts: list[str] = []
        for part in template.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            mark, alone = f"{word}x{len(self._values)}x", Template(part.source, (part,))
            if part.program is None and any(path.startswith(_NAMES) for path in alone.references):
                self._texts.add(mark)
            texts.append(mark)
            roots = {reference.split(".")[0] for reference in alone.references}
            late = roots and roots <= late_words and not alone.secret_references
            self._values.append(f"<+{part.source}>" if late else alone.render(scope).text)
        self.marked = "".join(texts)

    def replace_in(self, root: yaml.Node | None) -> None:
        """Put the values into every scalar below the node, each scalar once."""
        for scalar in _scalars(root):
            whole = self._mark.fullmatch(scalar.value)
            if whole is not None and scalar.style is None:
                scalar.value = self._value(whole)
                scalar.tag = _STRING if whole.group() in self._texts else _plain_tag(scalar.value)
            elif self._mark.search(scalar.value):
                scalar.value = self._mark.sub(self._value, scalar.value)
                scalar.tag = _STRING

    def _value(self, found: re.Match[str]) -> str:
        return self._values[int(found.group(1))]


def _plain_tag(value: str) -> str:
    if _PLAIN_INTEGER.fullmatch(value):
        return _INTEGER
    return _BOOLEAN if value in ("true", "false") else _STRING


def _scalars(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Every scalar below the node, keys included; what an alias repeats comes once."""
    waiting = [root] if root is not None else []
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield node
        elif isinstance(node, yaml.MappingNode):
            waiting += [child for pair in node.value for child in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _explained(error: yaml.YAMLError) -> str:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else None
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{problem or 'it cannot be parsed'}{where}"
