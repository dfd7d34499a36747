"""Applies configuration documents: loaded and checked as a whole, then written as a whole, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from pipelines.configuration_checks import (
    approval_problems,
    connector_problems,
    known_references,
    production_problems,
    type_problems,
)
from pipelines.configuration_rows import Written
from pipelines.configuration_writes import write_configuration, write_packages
from pipelines.documents import KnownReferences, advice_on, load_documents, read_inputs
from pipelines.local_files import LocalFiles, with_local_files
from pipelines.problems import ConfigurationProblems, Problem
from pipelines.runtime import Runtime
from pipelines.vocabulary import vocabulary_of
from pipelines.yaml_nodes import Document

_TRIES = 5


@dataclass(frozen=True)
class Applied:
    """What the documents now are, in their order: the name of the GraphQL type and the id of each.

    `changed` are the ids of those that were new or different; the others were not touched. `warnings` are about
    what may not do all that was meant. `inputs` says of each node which input it is from.
    """

    nodes: tuple[tuple[str, str], ...]
    changed: frozenset[str]
    warnings: tuple[Problem, ...] = ()
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Input:
    """One text of configuration documents, and what it is called.

    `directory` is what `store: {type: Local}` is relative to; None where there is no file.
    """

    text: str
    directory: Path | None = None
    name: str = "the input"


class _Outdated(Exception):
    """What was checked is no longer what the database holds; check again."""


async def apply_configuration(
    runtime: Runtime, text: str, directory: Path | None, *, production_stays: bool = False
) -> Applied | tuple[Problem, ...]:
    """`apply_inputs` of one text; `directory` is that of its file."""
    return await apply_inputs(runtime, [Input(text, directory)], production_stays=production_stays)


async def apply_inputs(
    runtime: Runtime, inputs: Sequence[Input], *, production_stays: bool = False
) -> Applied | tuple[Problem, ...]:
    """Create or update everything that the inputs declare, in one transaction; nothing is ever removed.

    They may refer to each other in any order. `production_stays` keeps production environments what they are,
    and the approvals that environments require. Returns the problems, in order of position, where there are any;
    then nothing was changed.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return await _apply(runtime, inputs, production_stays=production_stays)
        except ConfigurationProblems as problems:
            return problems.problems
        except (_Outdated, IntegrityError):
            if tries == _TRIES:
                raise


async def _apply(runtime: Runtime, inputs: Sequence[Input], *, production_stays: bool) -> Applied:
    async with runtime.database.read() as connection:
        known = await known_references(connection, runtime.registry)
    # Reading a megabyte of YAML takes a second, which no other request should wait for.
    local, documents = await asyncio.to_thread(_load, runtime, inputs, known)
    configuration = local.configuration
    async with runtime.database.admit() as session:
        if await known_references(session, runtime.registry) != known:
            raise _Outdated
        _refuse(await type_problems(session, runtime.registry, configuration, documents))
        if production_stays:
            _refuse(await production_problems(session, configuration, documents))
            _refuse(await approval_problems(session, configuration, documents))
        await write_packages(session, local.packages)
        written = await write_configuration(session, runtime.registry, configuration)
    return _applied(written, documents, advice_on(configuration, documents))


def _load(
    runtime: Runtime, inputs: Sequence[Input], known: KnownReferences
) -> tuple[LocalFiles, dict[int, Document]]:
    vocabulary = vocabulary_of(runtime.registry, runtime.rules.allow_scripts)
    read = read_inputs([one.text for one in inputs])
    configuration = load_documents(read, vocabulary, known, [one.name for one in inputs])
    documents = {document.index: document for document in read}
    local = with_local_files(configuration, documents, [one.directory for one in inputs], vocabulary)
    _refuse([*local.problems, *connector_problems(runtime.registry, local.configuration, documents)])
    return local, documents


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise ConfigurationProblems(problems)


def _applied(written: list[Written], documents: dict[int, Document], warnings: tuple[Problem, ...]) -> Applied:
    ordered = sorted(written, key=lambda item: item.document)
    return Applied(
        nodes=tuple((item.type_name, item.id) for item in ordered),
        changed=frozenset(item.id for item in ordered if item.changed),
        warnings=warnings,
        inputs=tuple(documents[item.document].input for item in ordered),
    )
