"""Configuration text in; checked models out, or every problem at once.

Pure. Imports the YAML guard, the models and their checks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from pydantic import BaseModel

from pipelines.documents.base import EXPRESSION_MARK
from pipelines.documents.checks import check_expressions, check_infrastructure, check_pipeline, check_service
from pipelines.documents.configuration import KINDS, AnyDocument, Configuration, Loaded
from pipelines.documents.environment import Environment, EnvironmentGroup, InfrastructureDefinition
from pipelines.documents.freeze_window import FreezeWindow, check_freeze_window
from pipelines.documents.pipeline import Pipeline
from pipelines.documents.reading import ProblemSink, json_of, validated
from pipelines.documents.references import check_references, names_of, text_at
from pipelines.documents.service import LOCAL, Service
from pipelines.documents.vocabulary import KnownReferences, Vocabulary
from pipelines.documents.walk import texts_of
from pipelines.problems import ConfigurationProblems, Problem, ProblemCode, shown, suggestion
from pipelines.yaml_guard import read_documents
from pipelines.yaml_nodes import Document, MappingNode

MAX_EXPRESSIONS = 5_000
MAX_COMPILED_CHARACTERS = 65_536

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_configuration(text: str | bytes, vocabulary: Vocabulary, known: KnownReferences) -> Configuration:
    """Load one input of one or several documents, in any order.

    Raises ConfigurationProblems with everything found wrong; then nothing of the input may be used.
    """
    return load_documents(read_inputs([text]), vocabulary, known)


def read_inputs(texts: Sequence[str | bytes]) -> tuple[Document, ...]:
    """The documents of several inputs. Raises ConfigurationProblems with everything that cannot be read."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for number, text in enumerate(texts):
        reading = read_documents(text)
        problems += [replace(problem, input=number) for problem in reading.problems]
        if not reading.documents and not reading.problems:
            message = f"the input holds no document; write one of {', '.join(KINDS)}"
            problems.append(Problem(ProblemCode.EMPTY, message, 1, 1, 1, input=number))
        offset = len(documents)
        documents += [
            replace(document, index=document.index + offset, input=number, offset=offset)
            for document in reading.documents
        ]
    if problems:
        raise ConfigurationProblems(problems)
    return tuple(documents)


def load_documents(
    documents: Sequence[Document], vocabulary: Vocabulary, known: KnownReferences, names: Sequence[str] = ()
) -> Configuration:
    """The same of several inputs as of one; `names` are what they are called in complaints.

    What two inputs declare in the same words is loaded once.
    """
    parts = _parts(documents)
    for number in sorted({part.sink.document.input for part in parts}):
        _check_expressions([part for part in parts if part.sink.document.input == number], vocabulary)
    known_names = names_of([(part.kind, part.sink.document) for part in parts], known, vocabulary)
    for part in parts:
        part.model = validated(KINDS[part.kind], json_of(part.body), (part.kind,), part.sink, rendered=True)
        _check(part.model, vocabulary, part.sink)
        if part.model is not None:
            check_references(part.model, known_names, vocabulary, part.sink)
    once = _without_repeats(parts, names)
    problems = [problem for part in parts for problem in part.sink.problems]
    if problems:
        raise ConfigurationProblems(problems)
    return Configuration(
        services=_of(once, Service),
        environments=_of(once, Environment),
        groups=_of(once, EnvironmentGroup),
        infrastructures=_of(once, InfrastructureDefinition),
        pipelines=_of(once, Pipeline),
        freeze_windows=_of(once, FreezeWindow),
    )


# Read under the lock that makes a crowd of runs wait for each other.
@lru_cache(maxsize=16)
def parse_pipeline(yaml_text: str) -> Pipeline:
    """One pipeline document, read back without checking references or step types; for frozen YAML.

    Raises ConfigurationProblems.
    """
    parts = _parts(read_inputs([yaml_text]))
    first = parts[0]
    if len(parts) != 1 or first.kind != "pipeline":
        first.sink.add(ProblemCode.INVALID_VALUE, "expected exactly one document, with the key pipeline", ())
        raise ConfigurationProblems(first.sink.problems)
    model = validated(Pipeline, json_of(first.body), ("pipeline",), first.sink, rendered=True)
    if model is None:
        raise ConfigurationProblems(first.sink.problems)
    return model


@dataclass(slots=True)
class _Part:
    """A document on its way from tree to model."""

    kind: str
    body: MappingNode
    sink: ProblemSink
    model: AnyDocument | None = None


def _parts(documents: Sequence[Document]) -> list[_Part]:
    sinks = [ProblemSink(document) for document in documents]
    parts = [_part(document, sink) for document, sink in zip(documents, sinks, strict=True)]
    problems = [problem for sink in sinks for problem in sink.problems]
    if problems:
        raise ConfigurationProblems(problems)
    return [part for part in parts if part is not None]


def _part(document: Document, sink: ProblemSink) -> _Part | None:
    listed = ", ".join(KINDS)
    root = document.root
    if not isinstance(root, MappingNode) or not root.entries:
        sink.add(ProblemCode.WRONG_TYPE, f"a document is a mapping with one of the keys {listed}", ())
        return None
    unknown = [entry.key for entry in root.entries if entry.key not in KINDS]
    for key in unknown:
        sink.add(ProblemCode.UNKNOWN_KEY, f'unknown key "{shown(key)}"{suggestion(key, KINDS)}', (), at=(key,))
    if unknown:
        return None
    first, *others = root.entries
    if others:
        message = f'a document holds one thing; move "{others[0].key}" below a line "---"'
        sink.add(ProblemCode.INVALID_VALUE, message, (), at=(others[0].key,))
        return None
    if not isinstance(first.value, MappingNode):
        sink.add(ProblemCode.WRONG_TYPE, "expected a mapping of keys to values", (first.key,))
        return None
    return _Part(first.key, first.value, sink)


def _check_expressions(parts: list[_Part], vocabulary: Vocabulary) -> None:
    """Parse every expression; stop early when there are more than a configuration can sensibly have."""
    count = 0
    for part in parts:
        for path, text in texts_of(part.sink.document.root):
            count += text.count(EXPRESSION_MARK)
            if count > MAX_EXPRESSIONS:
                message = f"the input has more than {MAX_EXPRESSIONS} expressions; split it into several"
                part.sink.add(ProblemCode.YAML_LIMIT, message, path)
                raise ConfigurationProblems(part.sink.problems)
    allowance = MAX_COMPILED_CHARACTERS
    for part in parts:
        allowance = check_expressions(part.sink, vocabulary, allowance)
        if allowance < 0:
            raise ConfigurationProblems(part.sink.problems)


def _check(model: AnyDocument | None, vocabulary: Vocabulary, sink: ProblemSink) -> None:
    if isinstance(model, Service):
        check_service(model, vocabulary, sink)
    elif isinstance(model, InfrastructureDefinition):
        check_infrastructure(model, vocabulary, sink)
    elif isinstance(model, Pipeline):
        check_pipeline(model, vocabulary, sink)
    elif isinstance(model, FreezeWindow):
        check_freeze_window(model, sink)


def _without_repeats(parts: list[_Part], names: Sequence[str]) -> list[_Part]:
    """Each thing once: what several inputs declare in the same words is left out after the first, and what is
    declared again otherwise is a problem."""
    seen: dict[tuple[str, str, str], _Part] = {}
    once: list[_Part] = []
    for part in parts:
        document = part.sink.document
        identifier = text_at(document.root, (part.kind, "identifier"))
        environment = text_at(document.root, (part.kind, "environmentRef")) or ""
        first = seen.setdefault((part.kind, environment, identifier or ""), part)
        if identifier is None or first is part:
            once.append(part)
        elif not _repeats(part, first):
            declared = first.sink.document
            where = f"document {declared.number}"
            if declared.input != document.input:
                where += f" of {names[declared.input]}"
            message = f'{where} declares the {part.kind} "{shown(identifier)}" too; rename or remove one'
            part.sink.add(ProblemCode.DUPLICATE_IDENTIFIER, message, (part.kind, "identifier"))
    return once


def _repeats(part: _Part, first: _Part) -> bool:
    """Whether a document of another input says the very same; local files may differ where their names do not."""
    local = isinstance(part.model, Service) and any(one.spec.store.type == LOCAL for one in part.model.manifests)
    return (
        part.sink.document.input != first.sink.document.input
        and not local
        and json_of(part.body) == json_of(first.body)
    )


def _of(parts: list[_Part], kind: type[ModelT]) -> tuple[Loaded[ModelT], ...]:
    return tuple(
        Loaded(part.model, part.sink.document.index, part.sink.document.source)
        for part in parts
        if isinstance(part.model, kind)
    )
