"""What only one platform tells of an instance is a type of its own, filled from what was stored."""

from __future__ import annotations

from typing import Any

from providers.connectors import Connectors
from providers.registry import Registry
from providers.values import DeploymentType
from schema.types.details import OtherInstanceDetails, details_of
from tests.schema.api import Api, run


def test_details_are_asked_for_by_their_type(history_url: str) -> None:
    async def check(api: Api) -> None:
        for provider in Registry(Connectors()):
            name = f"{provider.yaml_type}InstanceDetails"
            fragment = f"... on {name} {{ __typename }}"
            query = f"{{ instances(first: 1) {{ nodes {{ details {{ deploymentType {fragment} }} }} }} }}"
            details = (await api.data(query))["instances"]["nodes"][0]["details"]
            if provider.deployment_type is DeploymentType.KUBERNETES:
                assert details == {"deploymentType": "KUBERNETES", "__typename": name}

    run(history_url, check)


def test_each_field_of_each_model_is_filled() -> None:
    for provider in Registry(Connectors()):
        stored: dict[str, Any] = dict.fromkeys(provider.details_model.model_fields)
        empty = details_of(provider.deployment_type, stored)
        assert all(getattr(empty, name) is None for name in stored)
        assert details_of(provider.deployment_type, {}) == empty, "details of an older version lack fields"
        texts = {
            name: f"some {name}"
            for name, field in provider.details_model.model_fields.items()
            if str(field.annotation) in ("<class 'str'>", "str | None")
        }
        assert texts
        filled = details_of(provider.deployment_type, texts)
        assert {name: getattr(filled, name) for name in texts} == texts


def test_a_platform_without_a_provider_shows_what_is_stored() -> None:
    details = details_of(DeploymentType.CUSTOM, {"anything": 1})
    assert isinstance(details, OtherInstanceDetails)
    assert (details.deployment_type, details.attributes) == (DeploymentType.CUSTOM, {"anything": 1})
