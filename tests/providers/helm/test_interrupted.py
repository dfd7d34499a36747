"""A helm that was stopped in the middle: by an abort, by a kill, by somebody else."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from providers.errors import ProviderConflict
from sandbox.core.faults import Fault, FaultMode
from tests.providers.helm.platform import HelmPlatform
from tests.providers.helm.stories import attempt, captured, fired, forget, history, previewed, rewrite, upgrade
from tests.providers.stories import NEW, OLD, Story, tell

LONG_AGO = "2001-01-01T00:00:00Z"


def helms_of(platform: HelmPlatform) -> list[int]:
    """The processes that run the platform's helm against its world now."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if arguments[0] == str(platform.binary).encode() and platform.world.url.encode() in _kubeconfig(arguments):
            found.append(int(entry.name))
    return found


def _kubeconfig(arguments: list[bytes]) -> bytes:
    if b"--kubeconfig" not in arguments:
        return b""
    try:
        return Path(os.fsdecode(arguments[arguments.index(b"--kubeconfig") + 1])).read_bytes()
    except OSError:
        return b""


def helm_of(platform: HelmPlatform) -> int:
    (found,) = helms_of(platform)
    return found


@pytest.mark.parametrize("written", range(3))
def test_an_aborted_deployment_leaves_no_helm_and_can_be_rolled_back(helm: HelmPlatform, written: int) -> None:
    """Aborted while its write after the first `written` hangs."""

    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        before = helm.state()
        snapshot = await captured(story, NEW)
        fault = helm.world.faults.add(
            Fault(FaultMode.HANG, writes=True, skip=written, user_agent="^Helm/", seconds=30)
        )
        deploying = asyncio.ensure_future(story.deploy(NEW, attempt("second")))
        await fired(fault)
        assert helms_of(helm)
        deploying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deploying
        assert helms_of(helm) == []
        await story.roll_back(snapshot, attempt("third"))
        assert helm.state() == before

    tell(helm, story)


def test_a_helm_that_was_killed_is_recovered_from_by_the_repeated_step(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        fault = helm.world.faults.add(Fault(FaultMode.HANG, method="PATCH", user_agent="^Helm/", seconds=30))
        deploying = asyncio.ensure_future(story.deploy(NEW, attempt("second")))
        await fired(fault)
        os.killpg(helm_of(helm), signal.SIGKILL)
        with pytest.raises(Exception, match="install or upgrade"):
            await deploying
        assert history(helm, tmp_path)[-1][:2] == (2, "pending-upgrade")
        again = attempt("second")
        outcome = await story.deploy(NEW, again)
        assert set(helm.running()) == {NEW}
        assert outcome.outputs["revision"] == "4"
        assert any("pending-upgrade" in told.message for told in again.told)
        found = history(helm, tmp_path)
        assert [entry[1] for entry in found] == ["superseded", "pending-upgrade", "superseded", "deployed"]
        assert found[2][2] == "Rollback to 1"

    tell(helm, story)


@pytest.mark.parametrize("description", ["Preparing upgrade", 'Upgrade "web" failed: connection reset'])
def test_what_only_a_failed_rollback_calls_superseded_is_no_way_back(
    helm: HelmPlatform, tmp_path: Path, description: str
) -> None:
    """Helm calls the revision before a rollback that fails superseded, whatever that was."""

    async def story(story: Story) -> None:
        for version in (OLD, "interrupted", OLD):
            upgrade(helm, tmp_path, version)
        rewrite(helm, 3, "failed", description='Rollback "web" failed: connection reset')
        rewrite(helm, 2, "superseded", description=description)
        assert (await captured(story, NEW)).revision == 1

    tell(helm, story)


def test_where_no_revision_that_came_up_is_left_nothing_is_removed(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        upgrade(helm, tmp_path, OLD)
        upgrade(helm, tmp_path, OLD)
        rewrite(helm, 2, "pending-upgrade", last_deployed=LONG_AGO)
        forget(helm, 1)
        before = helm.state()
        with pytest.raises(ProviderConflict, match="no revision that came up is left"):
            await story.deploy(NEW, attempt("first"))
        assert helm.state() == before

    tell(helm, story)


def test_a_first_installation_that_was_killed_is_begun_again(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        fault = helm.world.faults.add(
            Fault(FaultMode.HANG, path="/services", writes=True, user_agent="^Helm/", seconds=30)
        )
        deploying = asyncio.ensure_future(story.deploy(OLD, attempt("first")))
        await fired(fault)
        os.killpg(helm_of(helm), signal.SIGKILL)
        with pytest.raises(Exception, match="install or upgrade"):
            await deploying
        assert history(helm, tmp_path)[-1][:2] == (1, "pending-install")
        await story.deploy(OLD, attempt("first"))
        assert set(helm.running()) == {OLD}
        assert [entry[1] for entry in history(helm, tmp_path)] == ["deployed"]

    tell(helm, story)


def test_a_repeated_step_waits_for_the_helm_that_a_killed_server_left(helm: HelmPlatform) -> None:
    """The helm goes on after its server: the lock it keeps open says so to the next one."""

    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        fault = helm.world.faults.add(Fault(FaultMode.SLOW, method="PATCH", user_agent="^Helm/", seconds=1))
        orphaned = asyncio.ensure_future(story.deploy(NEW, attempt("second")))
        await fired(fault)
        mark = helm.world.requests.mark
        again = await story.deploy(NEW, attempt("second"))
        begun = [item for item in helm.world.requests.writes(mark) if item.method == "POST"]
        assert begun == [], "no second helm was started"
        assert (await orphaned).outputs == again.outputs

    tell(helm, story)


def test_what_others_are_doing_is_not_disturbed_until_it_is_old(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        snapshot = await captured(story, NEW)
        upgrade(helm, tmp_path, "others")
        rewrite(helm, 2, "pending-upgrade")
        fingerprint = helm.fingerprint()
        with pytest.raises(ProviderConflict, match="Somebody else's helm is at work"):
            await story.deploy(NEW, attempt("second"))
        with pytest.raises(ProviderConflict, match="Somebody else's helm is at work"):
            await story.roll_back(snapshot, attempt("third"))
        (obstacle,) = await helm.provider.preflight(helm.target, snapshot)
        assert obstacle.blocking
        assert helm.fingerprint() == fingerprint
        rewrite(helm, 2, "pending-upgrade", last_deployed=LONG_AGO)
        (obstacle,) = await helm.provider.preflight(helm.target, snapshot)
        assert not obstacle.blocking
        assert "pending-upgrade" in obstacle.message
        back = attempt("fourth")
        await story.roll_back(snapshot, back)
        assert any("interrupted" in told.message for told in back.told)
        assert set(helm.running()) == {OLD}
        assert history(helm, tmp_path)[-1] == (3, "deployed", "Rollback to 1")

    tell(helm, story)


def test_a_deployment_recovers_from_what_others_left_long_ago(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        upgrade(helm, tmp_path, OLD)
        upgrade(helm, tmp_path, "others")
        rewrite(helm, 2, "pending-upgrade", last_deployed=LONG_AGO)
        rewrite(helm, 1, "deployed")
        await story.deploy(NEW, attempt("first"))
        assert set(helm.running()) == {NEW}
        assert [entry[1] for entry in history(helm, tmp_path)] == [
            "superseded",
            "pending-upgrade",
            "superseded",
            "deployed",
        ]

    tell(helm, story)


def test_a_rollback_that_was_interrupted_is_finished_by_the_next(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        before = helm.state()
        snapshot = await captured(story, NEW)
        await story.deploy(NEW, attempt("second"))
        fault = helm.world.faults.add(Fault(FaultMode.HANG, method="PATCH", user_agent="^Helm/", seconds=30))
        going = asyncio.ensure_future(story.roll_back(snapshot, attempt("third")))
        await fired(fault)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        assert history(helm, tmp_path)[-1][:2] == (3, "pending-rollback")
        assert ("Release/web", "revision") in await previewed(story, snapshot)
        await story.roll_back(snapshot, attempt("third"))
        assert helm.state() == before
        assert history(helm, tmp_path)[-1] == (4, "deployed", "Rollback to 1")

    tell(helm, story)
