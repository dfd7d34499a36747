"""What only one kind of platform tells of an instance: GraphQL types generated from each provider's own model."""

import types
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Union, get_args, get_origin

import strawberry
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from strawberry.scalars import JSON

from providers.connectors import Connectors
from providers.registry import Registry
from providers.values import DeploymentType

_SCALARS = (str, int, float, bool)
Convert = Callable[[Any], Any]


@strawberry.interface(description="What only its kind of platform tells of an instance. Expect new ones.")
class InstanceDetails:
    deployment_type: DeploymentType = strawberry.field(description="The kind of platform.")


@strawberry.type(description="Details of an instance on a platform that has no type of its own here.")
class OtherInstanceDetails(InstanceDetails):
    attributes: JSON = strawberry.field(description="An object of what is known, by name.")


def _identity(value: Any) -> Any:
    return value


def _list_of(convert: Convert) -> Convert:
    return lambda values: [convert(value) for value in values]


class _Generated:
    """Generates the types of one provider; nested models get the provider's name in front of theirs."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._converts: dict[type[BaseModel], tuple[Any, Convert]] = {}

    def object_type(
        self, model: type[BaseModel], name: str, description: str, bases: tuple[type, ...] = ()
    ) -> tuple[Any, dict[str, Convert]]:
        """A GraphQL type with the model's fields, all nullable, and how to fill each from stored JSON."""
        annotations: dict[str, Any] = {}
        namespace: dict[str, Any] = {"__annotations__": annotations, "__module__": __name__}
        fill: dict[str, Convert] = {}
        for field_name, field in model.model_fields.items():
            kind, convert = self._field_type(field.annotation)
            annotations[field_name] = kind | None
            namespace[field_name] = strawberry.field(description=_describe(field_name, field))
            fill[field_name] = convert
        return strawberry.type(type(name, bases, namespace), description=description), fill

    def _field_type(self, annotation: Any) -> tuple[Any, Convert]:
        arguments = [argument for argument in get_args(annotation) if argument not in (type(None), Ellipsis)]
        origin = get_origin(annotation)
        if origin in (Union, types.UnionType) and len(arguments) == 1:
            return self._field_type(arguments[0])
        if origin in (list, tuple) and len(arguments) == 1:
            kind, convert = self._field_type(arguments[0])
            return list[kind], _list_of(convert)
        if annotation in _SCALARS:
            return annotation, _identity
        if annotation is datetime:
            return datetime, datetime.fromisoformat
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._nested(annotation)
        return JSON, _identity

    def _nested(self, model: type[BaseModel]) -> tuple[Any, Convert]:
        if model not in self._converts:
            name = f"{self._prefix}{model.__name__}"
            made, fill = self.object_type(model, name, f"A part of what {self._prefix} tells of an instance.")
            self._converts[model] = made, lambda value: made(**_filled(fill, value))
        return self._converts[model]


def _describe(name: str, field: FieldInfo) -> str:
    return field.description or f"`{name.replace('_', ' ')}`, as the platform reports it."


def _filled(fill: Mapping[str, Convert], stored: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, convert in fill.items():
        value = stored.get(name)
        values[name] = None if value is None else convert(value)
    return values


def _generate() -> dict[DeploymentType, tuple[Any, Mapping[str, Convert]]]:
    made: dict[DeploymentType, tuple[Any, Mapping[str, Convert]]] = {}
    for provider in Registry(Connectors()):
        made[provider.deployment_type] = _Generated(provider.yaml_type).object_type(
            provider.details_model,
            f"{provider.yaml_type}InstanceDetails",
            f"What {provider.yaml_type} tells of an instance.",
            (InstanceDetails,),
        )
    return made


_MADE = _generate()
IMPLEMENTATIONS: tuple[Any, ...] = (*(made for made, _ in _MADE.values()), OtherInstanceDetails)


def details_of(deployment_type: DeploymentType, stored: dict[str, Any]) -> InstanceDetails:
    """The stored details as the type of their platform."""
    if deployment_type not in _MADE:
        return OtherInstanceDetails(deployment_type=deployment_type, attributes=JSON(stored))
    made, fill = _MADE[deployment_type]
    return made(deployment_type=deployment_type, **_filled(fill, stored))
