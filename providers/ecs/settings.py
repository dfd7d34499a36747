"""Settings of services: what the API shows of one, as the request that would make it, and what differs. Pure."""

from __future__ import annotations

from pydantic import JsonValue

from providers.tree import Tree, text, tree, trees

# What UpdateService takes besides task definition and count.
UPDATED = (
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "deploymentConfiguration",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "loadBalancers",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)
_ONLY_CREATED = ("deploymentController", "launchType", "schedulingStrategy")
# The API shows these with the deployments, not with the service.
_OF_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
# What an absent setting means, so that one that a deployment brought can be taken away again.
_ABSENT: Tree = {
    "capacityProviderStrategy": [],
    "enableExecuteCommand": False,
    "healthCheckGracePeriodSeconds": 0,
    "loadBalancers": [],
    "placementConstraints": [],
    "placementStrategy": [],
    "serviceConnectConfiguration": {"enabled": False},
    "serviceRegistries": [],
    "volumeConfigurations": [],
    "vpcLatticeConfigurations": [],
}


def short(arn: str) -> str:
    """`family:revision` of a task definition's ARN; the name in any other."""
    return arn.rpartition("/")[2]


def primary(service: Tree) -> Tree:
    """The deployment that a service is about."""
    found = [item for item in trees(service, "deployments") if text(item, "status") == "PRIMARY"]
    return found[0] if found else {}


def settings_of(service: Tree) -> Tree:
    """The settings of a live service, as a request to create it takes them."""
    deployment = primary(service)
    found: Tree = {key: service[key] for key in (*UPDATED, *_ONLY_CREATED) if service.get(key) is not None}
    found |= {key: deployment[key] for key in _OF_DEPLOYMENT if deployment.get(key)}
    if found.get("capacityProviderStrategy"):
        found.pop("launchType", None)
    role = text(service, "roleArn")
    if role is not None and "AWSServiceRoleForECS" not in role:
        found["role"] = role
    return found


def with_revision(settings: Tree, revision: Tree) -> Tree:
    """The settings with what a service revision says of them."""
    of_revision = {key: revision[key] for key in UPDATED if revision.get(key) is not None}
    return {**settings, **of_revision}


def differing(live: Tree, wanted: Tree) -> Tree:
    """What UpdateService must be told so that `live` becomes `wanted`: both are whole settings."""
    # ECS refuses a grace period, also one of 0 s, for a service that no load balancer checks.
    balanced = bool(wanted.get("loadBalancers"))
    return {
        key: wanted.get(key, _ABSENT.get(key))
        for key in UPDATED
        if balanced or key != "healthCheckGracePeriodSeconds"
        if wanted.get(key, _ABSENT.get(key)) != live.get(key, _ABSENT.get(key))
        and wanted.get(key, _ABSENT.get(key)) is not None
    }


def uncovered(live: Tree, wanted: Tree) -> Tree:
    """The settings that a manifest names and that are not so; what it does not name stays as it is."""
    return {
        key: wanted[key]
        for key in UPDATED
        if key in wanted and not _covers(live.get(key, _ABSENT.get(key)), wanted[key], key)
    }


def _covers(live: JsonValue, wanted: JsonValue, key: str = "") -> bool:
    """Whether everything that is wanted is so; the API adds what was not said."""
    if key == "platformVersion" and wanted == "LATEST":
        return True
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(_covers(live.get(name), item) for name, item in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(live) == len(wanted) and all(map(_covers, live, wanted))
    return live == wanted


def is_counted(settings: Tree) -> bool:
    """Whether the service has a desired count; a DAEMON has one task for each instance of its cluster."""
    return text(settings, "schedulingStrategy") != "DAEMON"


def controller(service: Tree) -> str:
    """What deploys a service: ECS itself, CODE_DEPLOY or EXTERNAL."""
    return text(tree(service, "deploymentController"), "type") or "ECS"
