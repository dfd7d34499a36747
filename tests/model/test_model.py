"""The application does what a small model of it says, whatever is done to it in whatever order.

The suite plays a few examples, always the same. UNSHIP_MODEL=200 plays so many, others each time; what diverges is
made smaller and printed as the steps that lead there.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from sandbox.kubernetes import KubernetesWorld
from tests.model.actions import (
    Abort,
    Action,
    ChangeByHand,
    Crash,
    Deploy,
    EditThePipeline,
    GoOn,
    RestartACopy,
    RollBack,
    TryAgain,
)
from tests.model.machine import Machine
from tests.model.stand import Stand
from tests.security.operator import Operator
from tests.support.unship import Unship, serving

FEW = 3
EXAMPLES = int(os.environ.get("UNSHIP_MODEL", FEW))
STEPS = 12

# After two deployments: every kind of action, and every answer that depends on what was done before.
TOUR: tuple[Action, ...] = (
    RollBack(sabotaged=True, crash_at=4),
    RollBack(back=1, scope="stage prod"),
    TryAgain(),
    RollBack(back=2),
    Deploy("v3", hold=True),
    Deploy("v1"),
    RollBack(back=3),
    Crash(),
    Abort(crash=True),
    RollBack(scope="instance prod"),
    Deploy("v1", fails_in="prod", crash_at=8),
    EditThePipeline(),
    Deploy("v2"),
    RollBack(),
    RollBack(scope="stage staging"),
    EditThePipeline(),
    Deploy("v3", hold=True),
    ChangeByHand("prod", image="by-hand"),
    GoOn(),
    ChangeByHand("staging", copies=0),
    RestartACopy("prod"),
    RollBack(scope="stage prod", hold=True),
    RollBack(back=1),
    RollBack(back=1, scope="stage staging"),
    Abort(),
    TryAgain(),
    RollBack(scope="instance prod"),
)


@pytest.fixture(scope="module")
def world() -> Generator[KubernetesWorld]:
    with KubernetesWorld.start(tick=0.01) as running:
        yield running


@pytest.fixture(scope="module")
def unship(connectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Unship]:
    with serving(tmp_path_factory.mktemp("model"), connectors=str(connectors)) as running:
        yield running


@pytest.fixture(autouse=True)
def play(unship: Unship, world: KubernetesWorld, connectors: Path, tmp_path: Path) -> Generator[None]:
    """What is played leaves a sound database and no defect."""
    Machine.new_stand = lambda name: Stand(name, unship, world, tmp_path)
    yield
    said = Operator(unship.directory / "data", {"connectors": str(connectors)}).run("check")
    assert said.code == 0, said.output
    assert "failed unexpectedly" not in unship.log


def test_a_tour_of_everything() -> None:
    machine = Machine()
    machine.install()
    for action in TOUR:
        assert machine.act_on(action), action
    assert [run.status for run in machine.model.runs] == [
        *("SUCCEEDED", "SUCCEEDED", "FAILED", "SUCCEEDED", "ABORTED", "FAILED", "SUCCEEDED", "SUCCEEDED"),
        *("SUCCEEDED", "ABORTED", "SUCCEEDED", "SUCCEEDED"),
    ]
    machine.teardown()


def test_anything_in_any_order() -> None:
    thorough = EXAMPLES > FEW
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=not thorough,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink] if thorough else [Phase.generate],
            suppress_health_check=[HealthCheck.too_slow],
            print_blob=True,
        ),
    )
