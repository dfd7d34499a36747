"""What a group has to show after our own changes: decided without a platform."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from providers.asg import noting
from providers.asg.edits import edits
from providers.asg.groups import Group, Member, thing
from providers.asg.site import Site
from providers.asg.values import SavedGroup, TemplateVersion
from providers.aws import written
from providers.aws.client import Accounts
from providers.connectors import Connector, Connectors
from providers.tree import Tree

V1, V2, V3 = (TemplateVersion(id="lt-1", name="web", version=version) for version in (1, 2, 3))
WEB = SavedGroup(name="web", template=V1, least=1, most=5, desired=3)
POLICY: Tree = {"PolicyName": "cpu", "TargetTrackingConfiguration": {"TargetValue": 50}}
AS_SHOWN: Tree = {"PolicyName": "cpu", "TargetTrackingConfiguration": {"TargetValue": 50, "DisableScaleIn": False}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A region in which nothing is asked."""
    monkeypatch.setattr(written, "LONGEST_LAG_SECONDS", 0.2)
    connector = Connector("aws", "Aws", {"region": "eu-west-1"}, tmp_path)
    return Site(Accounts(Connectors({"aws": connector})).at("aws"))


def changed(*instances: str, **fields: object) -> Group:
    """The group with other values and these instances."""
    members = tuple(Member(name, V1, "InService", "Healthy", None, None) for name in instances)
    return Group(WEB.model_copy(update=fields), members, deleting=False)


def is_believed(site: Site, found: Group | None, request: str = "request") -> bool:
    """Whether an answer is taken at once."""
    asked: list[str] = []

    async def look() -> Mapping[str, Group]:
        asked.append(request)
        return {} if found is None else {thing("web"): found}

    asyncio.run(site.region.written.read(request, look, [thing("web")]))
    return len(asked) == 1


@pytest.mark.parametrize(("found", "believed"), [(V1, False), (V2, True), (V3, True)])
def test_a_version_made_since_is_somebody_elses_doing(site: Site, found: TemplateVersion, believed: bool) -> None:
    noting.launching(site, WEB, V2)
    assert is_believed(site, changed(template=found)) is believed


@pytest.mark.parametrize(("instances", "believed"), [(("i-1", "i-2"), False), (("i-2",), True), ((), True)])
def test_an_instance_that_was_replaced_never_comes_back(
    site: Site, instances: tuple[str, ...], believed: bool
) -> None:
    noting.replaced(site, "web", ["i-1"])
    assert is_believed(site, changed("i-3"))
    assert is_believed(site, changed(*instances)) is believed


@pytest.mark.parametrize(
    ("found", "believed"),
    [
        (changed(desired=4), False),
        (changed(policies=(POLICY,)), False),
        (changed(desired=4, policies=(AS_SHOWN,)), True),
        (changed(desired=4, policies=(AS_SHOWN,), most=9), True),
    ],
)
def test_an_edit_is_seen_in_the_platforms_own_words(site: Site, found: Group, believed: bool) -> None:
    wanted = changed(desired=4, policies=(POLICY,)).state
    for edit in edits(WEB, wanted):
        noting.edited(site, edit, [wanted])
    assert is_believed(site, found) is believed


@pytest.mark.parametrize("deleted", [True, False])
def test_a_group_that_was_deleted_is_gone_and_one_that_was_created_is_there(site: Site, deleted: bool) -> None:
    (noting.deleted if deleted else noting.created)(site, "web")
    assert is_believed(site, changed("i-1"), "one") is not deleted
    (noting.deleted if deleted else noting.created)(site, "web")
    assert is_believed(site, None, "another") is deleted
