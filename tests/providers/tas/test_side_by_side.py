"""Blue/green, canary and basic: two apps side by side, and the way back from any point."""

from __future__ import annotations

from collections import Counter

import pytest

from providers.errors import ProviderError, ProviderRefused, ProviderTimedOut
from providers.values import InstanceHealth, Snapshot
from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.cloudfoundry.fates import Fate
from tests.providers.attempts import TestAttempt
from tests.providers.stories import NEW, OLD, Story, tell
from tests.providers.tas.foundry import cf, scale, the_app, writes
from tests.providers.tas.platform import TasBlueGreenPlatform, TasCanaryPlatform, TasPlatform


def apps(world: CloudFoundryWorld) -> dict[str, tuple[str, int]]:
    """State and wanted web instances of each app, by name."""
    return {app.name: (app.state, world.web(app).instances) for app in list(world.foundation.apps.values())}


def leads_to(world: CloudFoundryWorld) -> dict[str, list[str]]:
    """The names of the apps that each route leads to."""
    foundation = world.foundation
    return {
        foundation.url(route): sorted(foundation.apps[to.app].name for to in route.destinations)
        for route in list(foundation.routes.values())
    }


async def step(story: Story, number: int, version: str, token: str) -> None:
    """One of the strategy's forward steps."""
    platform = story.platform
    attempt = TestAttempt(token).at_step(number)
    release = platform.release(version)
    await platform.provider.deploy(platform.target, release, platform.deploy_steps[number], attempt)


async def groups(story: Story) -> dict[str, tuple[int, set[str | None]]]:
    """How many instances each group has, and of which versions."""
    platform = story.platform
    found = await platform.provider.instances(platform.target, platform.release(NEW))
    assert {one.health for one in found} == {InstanceHealth.HEALTHY}
    counts = Counter(one.group for one in found)
    return {name: (counts[name], {one.artifact.tag for one in found if one.group == name}) for name in counts}


def test_the_new_colour_runs_on_its_temporary_route_until_the_swap(colours: TasBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        world = colours.world
        await story.deploy(OLD, TestAttempt("first"))
        await step(story, 0, NEW, "second")
        assert leads_to(world) == {
            "mailer.apps.example.com": ["mailer"],
            "mailer-temp.apps.example.com": ["mailer__INACTIVE"],
        }
        assert await groups(story) == {"mailer": (2, {OLD}), "mailer__INACTIVE": (2, {NEW})}
        await step(story, 1, NEW, "second")
        assert leads_to(world) == {"mailer.apps.example.com": ["mailer"]}
        assert await groups(story) == {"mailer": (2, {NEW})}
        assert apps(world) == {"mailer": ("STARTED", 2), "mailer__INACTIVE": ("STOPPED", 2)}

    tell(colours, story)


def test_what_stays_as_it_is_is_no_change(colours: TasBlueGreenPlatform) -> None:
    """The same image in another app, and a health check of the same type that asks for something else."""

    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        snapshot = await story.capture(OLD)
        await story.deploy(OLD, TestAttempt("second"))
        old = next(app for app in colours.world.foundation.apps.values() if app.name == "mailer__INACTIVE")
        colours.world.web(old).health_check = {"type": "port", "data": {"timeout": 77, "invocation_timeout": None}}
        changes = await colours.provider.preview(colours.target, snapshot)
        assert {"droplet", "health_check"} <= {change.field for change in changes}
        assert [change for change in changes if change.current == change.target] == []

    tell(colours, story)


def test_the_old_colour_serves_before_the_new_one_loses_its_routes(colours: TasBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        changes = await colours.provider.preview(colours.target, snapshot)
        old, new = "shop/mailer:stable-perl", "shop/mailer:stable-bullseye-perl"
        assert [(change.resource, change.field, change.current, change.target) for change in changes] == [
            ("app/mailer", "image", new, old),
            ("app/mailer__INACTIVE", "name", "mailer__INACTIVE", "mailer"),
            ("app/mailer__INACTIVE", "state", "STOPPED", "STARTED"),
            ("route/mailer.apps.example.com", "app", "mailer (made by the release)", "mailer"),
            ("app/mailer (made by the release)", "app", new, None),
        ]
        mark = colours.world.requests.mark
        await story.roll_back(snapshot, TestAttempt("third"))
        assert writes(colours.world, mark) == [
            "PATCH apps",
            "POST apps/actions/start",
            "POST routes/destinations",
            "DELETE routes/destinations",
            "DELETE apps",
            "PATCH apps",
            "PATCH apps",
        ]
        started = next(one for one in colours.world.requests.since(mark) if one.path.endswith("/actions/start"))
        mapped = next(one for one in colours.world.requests.writes(mark) if one.path.endswith("/destinations"))
        between = colours.world.requests.since(started.sequence)[: mapped.sequence - started.sequence]
        assert any(one.path.endswith("/stats") for one in between), "it was looked whether the instances run"

    tell(colours, story)


def test_requests_stay_where_they_are_until_the_old_version_is_up(
    colours: TasBlueGreenPlatform,
) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        before = leads_to(colours.world)
        colours.world.versions.bad(f":{OLD}$", Fate.HANGS)
        with pytest.raises(ProviderTimedOut) as late:
            await story.roll_back(snapshot, TestAttempt("third", seconds_left=1.0))
        assert "STARTING" in (late.value.said or "")
        assert leads_to(colours.world) == before
        assert colours.running().count(NEW) == 2, "the new version serves on"
        colours.world.versions.clear()
        await story.roll_back(snapshot, TestAttempt("third"))
        assert await groups(story) == {"mailer": (2, {OLD})}

    tell(colours, story)


def test_requests_are_not_led_to_a_new_version_that_does_not_come_up(colours: TasBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        colours.world.versions.bad(f":{NEW}$", Fate.HANGS)
        with pytest.raises(ProviderTimedOut):
            await story.deploy(NEW, TestAttempt("second", seconds_left=1.0))
        assert leads_to(colours.world)["mailer.apps.example.com"] == ["mailer"]
        assert colours.running().count(OLD) == 2

    tell(colours, story)


def test_an_old_colour_that_was_kept_running_comes_back_too(colours: TasBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        colours.deploy_steps = (colours.deploy_steps[0], colours.spec("SwapRoutes"))
        for number, version in enumerate(("1", "2")):
            await story.deploy(version, TestAttempt(f"t{number}"))
        before = await groups(story)
        assert before == {"mailer": (2, {"2"}), "mailer__INACTIVE": (2, {"1"})}
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        assert apps(colours.world)["mailer__0"] == ("STOPPED", 2)
        await story.roll_back(snapshot, TestAttempt("third"))
        assert await groups(story) == before
        assert set(apps(colours.world)) == {"mailer", "mailer__INACTIVE"}

    tell(colours, story)


@pytest.mark.parametrize(("keep", "left"), [(0, {"mailer__0"}), (1, {"mailer__0", "mailer__1"})])
def test_older_versions_are_kept_as_many_as_asked(
    colours: TasBlueGreenPlatform, keep: int, left: set[str]
) -> None:
    async def story(story: Story) -> None:
        colours.deploy_steps = (colours.spec("BGAppSetup", existingVersionToKeep=keep), colours.deploy_steps[1])
        for number in range(5):
            await story.deploy(f"v{number}", TestAttempt(f"t{number}"))
        assert set(apps(colours.world)) == {"mailer", "mailer__INACTIVE"} | left
        assert set(colours.running()) == {"v4"}

    tell(colours, story)


def test_a_setup_that_failed_is_cleared_away_by_the_rollback(colours: TasBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = colours.state()
        snapshot = await story.capture(NEW)
        colours.break_version(NEW)
        with pytest.raises(ProviderError):
            await story.deploy(NEW, TestAttempt("second", seconds_left=1.0))
        assert set(apps(colours.world)) == {"mailer", "mailer__NEXT"}
        await story.roll_back(snapshot, TestAttempt("third"))
        assert colours.state() == before

    tell(colours, story)


def test_a_setup_that_failed_is_cleared_away_by_the_next_deployment(canary: TasCanaryPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = canary.state()
        canary.break_version("broken")
        with pytest.raises(ProviderError):
            await story.deploy("broken", TestAttempt("second", seconds_left=1.0))
        assert apps(canary.world) == {"mailer": ("STARTED", 1), "mailer__INACTIVE": ("STARTED", 2)}
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("third"))
        assert set(canary.running()) == {NEW}
        await story.roll_back(snapshot, TestAttempt("fourth"))
        assert canary.state() == before

    tell(canary, story)


async def _half(story: Story) -> Snapshot:
    """OLD, and half of it taken over by NEW; the snapshot of before."""
    await story.deploy(OLD, TestAttempt("first"))
    snapshot = await story.capture(NEW)
    await step(story, 0, NEW, "second")
    await step(story, 1, NEW, "second")
    return snapshot


def test_a_canary_takes_its_share_and_gives_it_back(canary: TasCanaryPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await _half(story)
        assert await groups(story) == {"mailer": (1, {NEW}), "mailer__INACTIVE": (1, {OLD})}
        assert leads_to(canary.world) == {"mailer.apps.example.com": ["mailer", "mailer__INACTIVE"]}
        mark = canary.world.requests.mark
        await story.roll_back(snapshot, TestAttempt("third"))
        assert await groups(story) == {"mailer": (2, {OLD})}
        assert writes(canary.world, mark)[:4] == [
            "PATCH apps",
            "POST processes/actions/scale",
            "DELETE routes/destinations",
            "DELETE apps",
        ]

    tell(canary, story)


def test_a_canary_of_as_many_as_run_ignores_the_manifest(canary: TasCanaryPlatform) -> None:
    async def story(story: Story) -> None:
        canary.deploy_steps = (
            canary.spec("CanaryAppSetup", tasInstanceCountType="MatchRunningInstances"),
            *canary.deploy_steps[1:],
        )
        await story.deploy(OLD, TestAttempt("first"))
        scale(canary.world, 5)
        await story.deploy(NEW, TestAttempt("second"))
        assert Counter(canary.running()) == {NEW: 5}

    tell(canary, story)


def test_a_resize_by_count_and_without_a_share_for_the_old_app(canary: TasCanaryPlatform) -> None:
    async def story(story: Story) -> None:
        amount = {"type": "Count", "spec": {"value": 1}}
        await story.deploy(OLD, TestAttempt("first"))
        canary.deploy_steps = (canary.deploy_steps[0], canary.spec("AppResize", newAppInstances=amount))
        scale(canary.world, 4)
        canary.world.clock.advance(5)
        await story.deploy(NEW, TestAttempt("second"))
        assert await groups(story) == {"mailer": (1, {NEW}), "mailer__INACTIVE": (3, {OLD})}

    tell(canary, story)


def test_a_resize_without_a_setup_is_refused(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        fingerprint = rolling.fingerprint()
        amount = {"type": "Count", "spec": {"value": 1}}
        rolling.deploy_steps = (rolling.spec("AppResize", newAppInstances=amount),)
        with pytest.raises(ProviderRefused) as refused:
            await story.deploy(NEW, TestAttempt("second"))
        assert "setup step" in refused.value.message
        assert rolling.fingerprint() == fingerprint

    tell(rolling, story)


def test_a_name_that_somebody_has_taken_closes_the_way(colours: TasBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        world = colours.world
        new = the_app(world)
        cf(world, "PATCH", f"/v3/apps/{new.guid}", {"name": "set-aside"}).raise_for_status()
        relationships = {"space": {"data": {"guid": new.space}}}
        made: dict[str, object] = {"name": "mailer", "relationships": relationships}
        cf(world, "POST", "/v3/apps", made).raise_for_status()
        before = colours.state()
        found = await colours.provider.preflight(colours.target, snapshot)
        assert any("cf rename mailer" in one.remedy and one.blocking for one in found)
        with pytest.raises(ProviderRefused):
            await story.roll_back(snapshot, TestAttempt("third"))
        assert colours.state() == before

    tell(colours, story)


def test_a_route_that_the_manifest_does_not_name_moves_with_the_swap(colours: TasBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        world, app = colours.world, the_app(colours.world)
        (route,) = world.foundation.routes_of(app.guid)
        relationships = {"space": {"data": {"guid": app.space}}, "domain": {"data": {"guid": route.domain}}}
        made = cf(world, "POST", "/v3/routes", {"host": "by-hand", "relationships": relationships}).json()
        destination = {"destinations": [{"app": {"guid": app.guid}}]}
        cf(world, "POST", f"/v3/routes/{made['guid']}/destinations", destination).raise_for_status()
        before = colours.state()
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        assert leads_to(world) == {"mailer.apps.example.com": ["mailer"], "by-hand.apps.example.com": ["mailer"]}
        await story.roll_back(snapshot, TestAttempt("third"))
        assert colours.state() == before

    tell(colours, story)


def test_a_rolling_deployment_after_a_canary_that_failed_clears_it_away(canary: TasCanaryPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        canary.break_version("broken")
        with pytest.raises(ProviderError):
            await story.deploy("broken", TestAttempt("second", seconds_left=1.0))
        canary.deploy_steps = (canary.spec("TasRollingDeploy"),)
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("third"))
        assert await groups(story) == {"mailer": (2, {NEW})}
        assert leads_to(canary.world) == {"mailer.apps.example.com": ["mailer"]}
        await story.roll_back(snapshot, TestAttempt("fourth"))
        assert Counter(canary.running()) == {OLD: 2}
        assert set(apps(canary.world)) == {"mailer"}

    tell(canary, story)
