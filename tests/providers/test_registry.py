"""The registry: each of its platforms keeps the contract, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

from providers.connectors import Connectors
from providers.registry import Registry
from providers.values import DeploymentType
from tests.providers.platforms import PLATFORMS


def test_every_platform_of_the_registry_keeps_this_contract(tmp_path: Path) -> None:
    tested: set[DeploymentType] = set()
    for name, make in PLATFORMS.items():
        with make(tmp_path / name) as platform:
            tested.add(platform.provider.deployment_type)
    assert {provider.deployment_type for provider in Registry(Connectors())} == tested


def test_every_strategy_is_run_by_the_contract_of_its_platforms_folder() -> None:
    folders = {path.parent.name for path in Path(__file__).parent.glob("*/test_contract.py")}
    assert {name.partition("-")[0] for name in PLATFORMS} == folders
