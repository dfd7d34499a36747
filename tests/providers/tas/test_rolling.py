"""What is special about rolling deployments on Cloud Foundry, and their way back."""

from __future__ import annotations

import asyncio

import pytest

from providers.errors import ProviderConflict, ProviderRefused
from providers.tas.live import Site, state_of
from providers.tas.provider import TasProvider
from providers.tas.values import TasSnapshot, TasTarget
from providers.tas.verbs import TasVerbs
from providers.tas.waiting import Watch
from providers.values import Effect, Snapshot
from sandbox.cloudfoundry.fates import CRASH_DETAILS, STAGING_ERROR, Fate
from sandbox.core.faults import Fault, FaultMode
from tests.providers.attempts import BrokenOffError, TestAttempt
from tests.providers.stories import NEW, OLD, Story, tell
from tests.providers.tas.foundry import cf, scale, set_env, the_app, writes
from tests.providers.tas.platform import TasPlatform

RICH = """
applications:
  - name: mailer
    instances: 4
    memory: 1G
    disk_quota: 2G
    docker: {image: "shop/mailer:stable-bullseye-perl"}
    env: {MODE: fast, TOKEN: "marker-7791"}
    routes: [{route: mailer.apps.example.com}, {route: mailer.apps.example.com/v2}]
    health-check-type: http
    health-check-http-endpoint: /health
    timeout: 30
"""


def site_of(platform: TasPlatform) -> Site:
    provider, target = platform.provider, platform.target
    assert isinstance(provider, TasProvider)
    assert isinstance(target, TasTarget)
    verbs = provider.load()
    assert isinstance(verbs, TasVerbs)
    return verbs.site(target)


def as_tas(snapshot: Snapshot) -> TasSnapshot:
    assert isinstance(snapshot, TasSnapshot)
    return snapshot


def test_everything_that_a_manifest_says_is_deployed_and_comes_back(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = rolling.state()
        release = rolling.of_manifest(RICH, NEW)
        snapshot = await rolling.provider.capture(rolling.target, release)
        attempt = TestAttempt("second").at_step(0)
        await rolling.provider.deploy(rolling.target, release, rolling.deploy_steps[0], attempt)
        app = the_app(rolling.world)
        web = rolling.world.web(app)
        assert (web.instances, web.memory, web.disk) == (4, 1024, 2048)
        assert web.running_env == {"MODE": "fast", "TOKEN": "marker-7791"}
        assert web.health_check["data"] | {"endpoint": "/health", "timeout": 30} == web.health_check["data"]
        assert len(rolling.world.foundation.routes_of(app.guid)) == 2
        changes = await rolling.provider.preview(rolling.target, snapshot)
        assert {change.field for change in changes} >= {
            "image",
            "revision",
            "instances",
            "memory",
            "disk",
            "health_check",
            "env MODE",
            "app",
        }
        assert "marker-7791" not in str(changes) + str(snapshot.as_json())
        await story.roll_back(snapshot, TestAttempt("third"))
        assert rolling.state() == before

    tell(rolling, story)


def test_a_rollback_never_has_fewer_instances_than_before_or_now(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        scale(rolling.world, 5)
        mark = rolling.world.requests.mark
        await story.roll_back(snapshot, TestAttempt("third"))
        assert rolling.running() == [OLD, OLD]
        posted = [one for one in rolling.world.requests.writes(mark) if one.path == "/v3/deployments"]
        assert posted[0].body.get("options", {}) == {}, "the five of now are rolled over"
        assert writes(rolling.world, mark)[-2:] == ["POST processes/actions/scale", "PATCH apps"]
        scale(rolling.world, 1)
        mark = rolling.world.requests.mark
        await story.roll_back(snapshot, TestAttempt("fourth"))
        assert rolling.running() == [OLD, OLD]
        assert "POST deployments" not in writes(rolling.world, mark), "the version is right already"

    tell(rolling, story)


def test_a_deployment_goes_back_to_the_saved_revision(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        outcome = await story.roll_back(snapshot, TestAttempt("third"))
        app = the_app(rolling.world)
        newest = rolling.world.foundation.revisions_of(app.guid)[-1]
        assert newest.version == 3
        assert newest.description == "New droplet deployed. Rolled back to revision 1."
        assert outcome.outputs["restoredRevision"] == "1"
        listed = await rolling.provider.instances(rolling.target, rolling.release(OLD))
        assert {one.artifact.revision for one in listed} == {"1"}
        assert [one.details["revision_guid"] for one in listed] == [newest.guid] * 2

    tell(rolling, story)


def test_without_revisions_the_saved_droplet_is_deployed(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        path = f"/v3/apps/{the_app(rolling.world).guid}/features/revisions"
        cf(rolling.world, "PATCH", path, {"enabled": False}).raise_for_status()
        set_env(rolling.world, KEPT="same")
        before = rolling.state()
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        set_env(rolling.world, ADDED="later")
        await story.roll_back(snapshot, TestAttempt("third"))
        assert rolling.state() == before
        assert rolling.world.web(the_app(rolling.world)).running_env == {"KEPT": "same"}
        assert await rolling.provider.preview(rolling.target, snapshot) == ()

    tell(rolling, story)


def test_without_revisions_a_changed_variable_closes_the_way(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        path = f"/v3/apps/{the_app(rolling.world).guid}/features/revisions"
        cf(rolling.world, "PATCH", path, {"enabled": False}).raise_for_status()
        set_env(rolling.world, MODE="slow")
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        set_env(rolling.world, MODE="fast")
        found = await rolling.provider.preflight(rolling.target, snapshot)
        assert ["MODE" in one.message and one.blocking for one in found] == [True]
        with pytest.raises(ProviderRefused):
            await story.roll_back(snapshot, TestAttempt("third"))

    tell(rolling, story)


def test_a_route_of_later_is_taken_off_and_a_deleted_one_is_made_again(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        world, app = rolling.world, the_app(rolling.world)
        (route,) = world.foundation.routes_of(app.guid)
        relationships = {"space": {"data": {"guid": app.space}}, "domain": {"data": {"guid": route.domain}}}
        made = cf(world, "POST", "/v3/routes", {"host": "by-hand", "relationships": relationships}).json()
        destination = {"destinations": [{"app": {"guid": app.guid}}]}
        cf(world, "POST", f"/v3/routes/{made['guid']}/destinations", destination).raise_for_status()
        cf(world, "DELETE", f"/v3/routes/{route.guid}").raise_for_status()
        world.clock.advance(5)
        await story.roll_back(snapshot, TestAttempt("third"))
        urls = [world.foundation.url(one) for one in world.foundation.routes_of(app.guid)]
        assert urls == ["mailer.apps.example.com"]
        assert world.foundation.routes[made["guid"]].destinations == [], "somebody else's route is kept, unmapped"

    tell(rolling, story)


def test_an_image_that_cannot_be_staged_is_refused_with_the_reason(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = rolling.state()
        rolling.world.versions.bad(f":{NEW}$", Fate.UNSTAGEABLE)
        with pytest.raises(ProviderRefused) as refused:
            await story.deploy(NEW, TestAttempt("second"))
        assert refused.value.said == STAGING_ERROR
        assert rolling.state() == before

    tell(rolling, story)


def test_instances_that_keep_crashing_end_the_wait_early(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        rolling.break_version(OLD)
        cf(rolling.world, "POST", f"/v3/apps/{the_app(rolling.world).guid}/actions/restart").raise_for_status()
        attempt = TestAttempt("second")
        watch = Watch(site_of(rolling).foundation, attempt.at_step(0), "mailer", crashing_seconds=0.2)
        with pytest.raises(ProviderRefused) as refused:
            await watch.until_up(the_app(rolling.world).guid)
        assert CRASH_DETAILS in (refused.value.said or "")
        assert any(CRASH_DETAILS in told.message for told in attempt.told)

    tell(rolling, story)


def test_a_deployment_that_somebody_supersedes_is_a_conflict(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        world, app = rolling.world, the_app(rolling.world)
        before = app.droplet
        world.versions.bad(f":{NEW}$", Fate.HANGS)
        rolled = asyncio.create_task(story.deploy(NEW, TestAttempt("second")))
        while world.foundation.active_deployment(app.guid) is None:  # noqa: ASYNC110 - it is another thread's
            await asyncio.sleep(0.01)
        body = {"droplet": {"guid": before}, "relationships": {"app": {"data": {"guid": app.guid}}}}
        await asyncio.to_thread(cf, world, "POST", "/v3/deployments", body)
        with pytest.raises(ProviderConflict) as conflict:
            await rolled
        assert "SUPERSEDED" in conflict.value.message

    tell(rolling, story)


def test_a_deployment_of_somebody_under_way_is_captured_as_what_it_ends_with(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        scale(rolling.world, 4)
        world, app = rolling.world, the_app(rolling.world)
        world.clock.advance(5)
        world.clock.pause()
        droplet = world.foundation.stage(app, "shop/mailer:theirs", None)
        body = {"droplet": {"guid": droplet.guid}, "relationships": {"app": {"data": {"guid": app.guid}}}}
        cf(world, "POST", "/v3/deployments", body).raise_for_status()
        snapshot = await story.capture(NEW)
        for _ in range(4):
            assert [(group.artifact.tag, group.count) for group in snapshot.groups] == [("theirs", 4)]
            world.clock.advance(2)
            snapshot = await story.capture(NEW)
        world.clock.resume()
        await story.deploy(NEW, TestAttempt("second"))
        await story.roll_back(snapshot, TestAttempt("third"))
        assert rolling.running() == ["theirs"] * 4

    tell(rolling, story)


def test_an_app_that_is_being_deleted_gives_way_to_a_new_one(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        gone = the_app(rolling.world).guid
        # Its answer is late, so that the deletion is in the middle of the deployment.
        slow = Fault(FaultMode.SLOW, method="POST", path="/v3/packages", seconds=0.3, user_agent="^unship/")
        fault = rolling.world.faults.add(slow)
        cf(rolling.world, "DELETE", f"/v3/apps/{gone}").raise_for_status()
        await story.deploy(NEW, TestAttempt("second"))
        assert fault.fired == 1
        assert rolling.running() == [NEW, NEW]
        assert the_app(rolling.world).guid != gone

    tell(rolling, story)


def test_a_deleted_app_closes_the_way_back(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        cf(rolling.world, "DELETE", f"/v3/apps/{the_app(rolling.world).guid}").raise_for_status()
        rolling.world.clock.advance(5)
        found = await rolling.provider.preflight(rolling.target, snapshot)
        assert [one.blocking for one in found] == [True]
        assert "was deleted" in found[0].message

    tell(rolling, story)


def test_a_rollback_cut_before_its_last_request_is_finished_by_its_repetition(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        with pytest.raises(BrokenOffError):
            await story.roll_back(snapshot, TestAttempt("third", breaks_before=3))
        assert rolling.running() == [OLD, OLD]
        outcome = await story.roll_back(snapshot, TestAttempt("third"))
        assert outcome.effect is Effect.CHANGED
        scale(rolling.world, 4)
        counts = [group.count for group in (await story.capture(NEW)).groups]
        assert counts == [4], "what is there counts again, not what the rollback was for"

    tell(rolling, story)


def test_a_foundation_that_asks_for_patience_gets_it(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        busy = Fault(FaultMode.STATUS, method="POST", path="/v3/deployments", status=503, retry_after=1)
        fault = rolling.world.faults.add(busy)
        await story.deploy(NEW, TestAttempt("second"))
        assert fault.fired == 1
        posted = [one for one in rolling.world.requests.writes() if one.path == "/v3/deployments"]
        assert posted[1].time - posted[0].time >= 1
        between = rolling.world.requests[posted[0].sequence : posted[1].sequence - 1]
        assert any(one.method == "GET" and one.path == "/v3/deployments" for one in between), "it looked before"

    tell(rolling, story)


def test_an_auditor_is_told_which_role_is_missing(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        rolling.world.api.apps.unreadable = frozenset({the_app(rolling.world).guid})
        found = await rolling.provider.preflight(rolling.target, snapshot)
        assert ["SpaceDeveloper" in one.remedy for one in found] == [True]

    tell(rolling, story)


def test_a_stopped_app_is_started_by_a_deployment_and_stopped_again(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        cf(rolling.world, "POST", f"/v3/apps/{the_app(rolling.world).guid}/actions/stop").raise_for_status()
        snapshot = await story.capture(NEW)
        assert snapshot.existed
        assert snapshot.groups == ()
        await story.deploy(NEW, TestAttempt("second"))
        assert rolling.running() == [NEW, NEW]
        await story.roll_back(snapshot, TestAttempt("third"))
        rolling.world.clock.advance(2)
        assert rolling.running() == []
        app = the_app(rolling.world)
        assert (app.state, app.droplet) == ("STOPPED", as_tas(snapshot).apps[0].droplet)
        again = await story.roll_back(snapshot, TestAttempt("fourth"))
        assert again.effect is Effect.SKIPPED

    tell(rolling, story)


def test_a_snapshot_tells_variables_apart_and_tells_no_value(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        set_env(rolling.world, ONE="marker-5521", TWO="marker-5521")
        snapshot = as_tas(await story.capture(NEW))
        variables = snapshot.apps[0].variables
        assert sorted(variables) == ["ONE", "TWO"]
        assert variables["ONE"] != variables["TWO"], "equal secrets do not show"
        assert "marker-5521" not in snapshot.model_dump_json()
        family = await site_of(rolling).family("mailer")
        assert family.active is not None
        assert await state_of(site_of(rolling).foundation, family.active) == snapshot.apps[0]

    tell(rolling, story)
