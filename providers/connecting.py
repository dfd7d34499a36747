"""From the connectors file to what a provider holds open. Imports the connectors and the errors alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from providers.connectors import Connector, Connectors, ConnectorsError
from providers.errors import ProviderRefused

SpecT = TypeVar("SpecT", bound=BaseModel)


class Closing(Protocol):
    """What can be closed."""

    async def close(self) -> None: ...


ClosingT = TypeVar("ClosingT", bound=Closing)


class Opened(Generic[ClosingT]):
    """One for each connector, made by `make` of the connector's identifier when it is first needed."""

    def __init__(self, make: Callable[[str], ClosingT]) -> None:
        self._make = make
        self._made: dict[str, ClosingT] = {}

    def get(self, connector: str) -> ClosingT:
        """The connector's own; raises what `make` raises."""
        if connector not in self._made:
            self._made[connector] = self._make(connector)
        return self._made[connector]

    async def close(self) -> None:
        made = list(self._made.values())
        self._made.clear()
        for one in made:
            await one.close()


def read_spec(
    connectors: Connectors, identifier: str, connector_type: str, model: type[SpecT]
) -> tuple[Connector, SpecT]:
    """The connector and its `spec`; ProviderRefused where there is no such one, or with what is wrong in it."""
    try:
        connector = connectors.get(identifier, connector_type)
        return connector, model.model_validate(dict(connector.spec))
    except ConnectorsError as error:
        raise ProviderRefused(str(error)) from error
    except ValidationError as error:
        wrong = "; ".join(_told(item["loc"], item["msg"]) for item in error.errors())
        raise ProviderRefused(f'Connector "{identifier}" has an invalid spec: {wrong}.') from error


def _told(path: tuple[int | str, ...], message: str) -> str:
    return ": ".join([part for part in (".".join(map(str, path)), message.removeprefix("Value error, ")) if part])
