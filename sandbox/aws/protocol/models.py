"""The services' own models, from botocore's data files: what every operation takes and gives. Imports botocore
alone, which is not typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from sandbox.core.wire import Object

READING = ("Describe", "List", "Get", "BatchGet", "BatchCheck")


@dataclass(frozen=True)
class Model:
    """One service. `name` is botocore's name for it, `prefix` the one of its signatures and IAM actions."""

    name: str
    prefix: str
    protocol: str
    """`query`, `ec2` or `json`."""
    namespace: str
    target: str
    """What stands before the operation in X-Amz-Target; empty where there is no such header."""
    operations: Mapping[str, Object]
    shapes: Mapping[str, Object]

    def resolve(self, reference: Object) -> Object:
        """A shape with the traits that its reference adds to it."""
        return {**self.shapes[reference["shape"]], **reference}

    def input(self, operation: str) -> Object | None:
        """The shape of the parameters."""
        reference = self.operations[operation].get("input")
        return None if reference is None else self.resolve(reference)

    def output(self, operation: str) -> Object | None:
        """The shape of the result."""
        reference = self.operations[operation].get("output")
        return None if reference is None else self.resolve(reference)


def is_reading(operation: str) -> bool:
    """Whether an operation can only look, by its name."""
    return operation.startswith(READING)


@cache
def model(name: str) -> Model:
    """The model of a service that botocore knows as `name`."""
    loaders: Any = import_module("botocore.loaders")
    document: Object = loaders.Loader().load_service_model(name, "service-2")
    metadata: Object = document["metadata"]
    return Model(
        name,
        metadata.get("signingName", metadata["endpointPrefix"]),
        metadata["protocol"],
        metadata.get("xmlNamespace", ""),
        metadata.get("targetPrefix", ""),
        document["operations"],
        document["shapes"],
    )
