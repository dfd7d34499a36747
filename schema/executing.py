"""Runs operations as the library does, except that what needs no waiting is completed by shortcuts.

What is overridden here is not the library's public interface; tests compare every answer with the library's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    OperationType,
)
from graphql.execution import executor as library_executor
from graphql.execution.collect_fields import FieldDetails
from strawberry import Info
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

from schema.gathering import gather_begun
from schema.limits import Limits
from schema.pacing import Pace
from schema.refusing import too_many_rows
from schema.shortcuts import Complete, Doubtful, Field, leaf, list_of, object_of, one_of, required

Details = list[FieldDetails]
Fields = dict[str, Details]
# How many times the estimate of a list's rows may be off.
MOST_ROWS = 3
_DEFINITION = "strawberry-definition"
_WITHOUT_ARGUMENTS = (["self"], ["self", "info"])
# In the whole process: the library calls it by its name, and knows no other way in.
_library: Any = library_executor
_library.gather_with_cancel = gather_begun


class Executor(StrawberryGraphQLCoreExecutionContext):
    """One operation. Attributes, and resolvers that neither wait nor take arguments, are completed at once.

    Such a resolver may be called twice for one value, and its `info` has no path. Whatever goes wrong in a
    shortcut is left to the library, which meets it again and reports it. Lists that come to more than `most` rows
    altogether are cut off: what they would come to was an estimate.
    """

    most = MOST_ROWS * Limits().max_nodes
    pace = Pace()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By the key's identity, which means something while the key lives: so each value holds it.
        self._splits: dict[int, tuple[Fields, list[Field], Fields]] = {}
        self._rows = 0
        self._completers: dict[tuple[Any, int], tuple[Details, Complete | None]] = {}

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: Fields,
        position_context: Any,
    ) -> Any:
        library: Any = super()
        at_once, others = self._split(parent_type, grouped_field_set)
        try:
            done = {name: complete(read(source_value)) for name, read, complete in at_once}
        except Exception:
            return library.execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        if not others:
            return done
        rest: Any = library.execute_fields(parent_type, source_value, path, others, position_context)
        if inspect.isawaitable(rest):
            return _joined_later(grouped_field_set, done, rest)
        return _joined(grouped_field_set, done, rest)

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: Details,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        self._count(result)
        key = (return_type, id(field_details_list))
        if key not in self._completers:
            self._completers[key] = field_details_list, self._completer(return_type, field_details_list)
        complete = self._completers[key][1]
        try:
            if complete is not None:
                return complete(result)
        except Exception:  # noqa: S110 - the library finds it again
            pass
        library: Any = super()
        return library.complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def complete_awaitable_value(
        self,
        return_type: Any,
        field_details_list: Details,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """A list that was waited for is completed in its turn; those of a mutation are short, and not held up."""
        if str(return_type).startswith("[") and self.operation.operation is not OperationType.MUTATION:
            result = self._in_turn(result)
        library: Any = super()
        return library.complete_awaitable_value(
            return_type, field_details_list, info, path, result, position_context
        )

    async def _in_turn(self, result: Awaitable[Any]) -> Any:
        rows: object = await result
        await self.pace.turn(_length(rows))
        return rows

    def _count(self, result: Any) -> None:
        self._rows += _length(result)
        if self._rows > self.most:
            raise too_many_rows(self.most)

    def _split(self, parent: GraphQLObjectType, selected: Fields) -> tuple[list[Field], Fields]:
        """The selected fields that are completed at once, and the others."""
        key = id(selected)
        if key not in self._splits:
            fields = {name: self._field(parent, name, details) for name, details in selected.items()}
            at_once = [field for field in fields.values() if field is not None]
            others = {name: details for name, details in selected.items() if fields[name] is None}
            self._splits[key] = selected, at_once, others
        return self._splits[key][1:]

    def _field(self, parent: GraphQLObjectType, name: str, details: Details) -> Field | None:
        if self.middleware_manager and self.middleware_manager.middlewares:
            return None
        field: Any = self.schema.get_field(parent, details[0].node.name.value)
        if field is None:
            return None
        read = self._reader(field, parent, details)
        complete = None if read is None else self._completer(field.type, details)
        return None if read is None or complete is None else (name, read, complete)

    def _reader(
        self, field: GraphQLField, parent: GraphQLObjectType, details: Details
    ) -> Callable[[Any], Any] | None:
        if details[0].node.name.value == "__typename":
            return lambda _source: parent.name
        definition: Any = field.extensions.get(_DEFINITION)
        if not isinstance(definition, StrawberryField) or definition.extensions:
            return None
        resolver: Any = getattr(definition, "base_resolver")  # noqa: B009 - its declared type is half unknown
        if resolver is None:
            return attrgetter(definition.python_name)
        function: Callable[..., Any] = resolver.wrapped_func
        parameters = list(inspect.signature(function).parameters)
        if resolver.is_async or parameters not in _WITHOUT_ARGUMENTS:
            return None
        library: Any = self
        raw = library.build_resolve_info(field, [one.node for one in details], parent, None)
        arguments = [Info[Any, Any](_raw_info=raw, _field=definition)][: len(parameters) - 1]
        return _called(function, arguments, library.is_awaitable)

    def _completer(self, kind: Any, details: Details) -> Complete | None:
        """None where part of what is selected may have to wait."""
        if isinstance(kind, GraphQLNonNull | GraphQLList):
            around = required if isinstance(kind, GraphQLNonNull) else list_of
            complete = self._completer(_inner(kind), details)
            return None if complete is None else around(complete)
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, details)
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            return one_of(lambda found: self._implementation(kind, found, details))
        return leaf(kind)

    def _object(self, kind: GraphQLObjectType, details: Details) -> Complete | None:
        collected = self.collect_subfields(kind, details)
        at_once, others = self._split(kind, collected.grouped_field_set)
        if others or collected.new_defer_usages:
            return None
        return object_of(at_once, _class_of(kind) if kind.is_type_of else None)

    def _implementation(
        self, kind: GraphQLInterfaceType | GraphQLUnionType, found: type, details: Details
    ) -> Complete | None:
        for possible in self.schema.get_possible_types(kind):
            if _class_of(possible) is found:
                return self._object(possible, details)
        return None


def _length(value: object) -> int:
    return len(cast("list[object]", value)) if isinstance(value, list) else 0


def _inner(kind: Any) -> Any:
    return kind.of_type


def _class_of(kind: GraphQLObjectType) -> type:
    origin: type = kind.extensions[_DEFINITION].origin
    return origin


def _called(
    function: Callable[..., Any], arguments: Sequence[object], is_awaitable: Callable[[Any], bool]
) -> Callable[[Any], Any]:
    def read(source: Any) -> Any:
        value = function(source, *arguments)
        if is_awaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            raise Doubtful
        return value

    return read


def _joined(selected: Fields, done: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: done[name] if name in done else rest[name] for name in selected}


async def _joined_later(
    selected: Fields, done: Mapping[str, Any], rest: Awaitable[Mapping[str, Any]]
) -> dict[str, Any]:
    return _joined(selected, done, await rest)
