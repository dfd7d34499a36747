"""Task definitions: families of numbered, unchangeable revisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.aws.ecs.finding import Finder, short
from sandbox.aws.ecs.state import Definition, State, now
from sandbox.aws.names import Account
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object, clone, sublist

_LISTS = ("environment", "mountPoints", "volumesFrom", "systemControls", "portMappings")
_MOST = 100


class Definitions:
    """RegisterTaskDefinition and what reads and retires its revisions."""

    def __init__(self, state: State, finder: Finder, account: Account) -> None:
        self._state = state
        self._finder = finder
        self._account = account
        self.handlers: Mapping[str, Handler] = {
            "RegisterTaskDefinition": self._register,
            "DescribeTaskDefinition": self._describe,
            "DeregisterTaskDefinition": self._deregister,
            "ListTaskDefinitions": self._list,
            "ListTaskDefinitionFamilies": self._families,
            "DeleteTaskDefinitions": self._delete,
        }

    def _register(self, parameters: Object) -> Object:
        _check(parameters)
        family: str = parameters["family"]
        revisions = self._state.families.setdefault(family, [])
        number = revisions[-1].revision + 1 if revisions else 1
        arn = self._account.arn("ecs", f"task-definition/{family}:{number}")
        awsvpc = parameters.get("networkMode") == "awsvpc"
        body: Object = {
            "placementConstraints": [],
            "volumes": [],
            **{key: value for key, value in parameters.items() if key != "tags"},
            "containerDefinitions": [_filled(item, awsvpc) for item in parameters["containerDefinitions"]],
            "taskDefinitionArn": arn,
            "revision": number,
            "status": "ACTIVE",
            "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
            "compatibilities": ["EC2", "FARGATE"] if awsvpc else ["EC2"],
            "registeredAt": now(),
            "registeredBy": self._account.user,
        }
        tags: list[Object] = list(parameters.get("tags") or [])
        revisions.append(Definition(arn, family, number, body, tags))
        self._state.revision += 1
        return {"taskDefinition": body, "tags": tags}

    def _describe(self, parameters: Object) -> Object:
        found = self._finder.definition(parameters["taskDefinition"])
        if found is None:
            raise AwsError("ClientException", "Unable to describe task definition.")
        tags = {"tags": clone(found.tags)} if "TAGS" in (parameters.get("include") or ()) else {}
        return {"taskDefinition": clone(found.body), **tags}

    def _deregister(self, parameters: Object) -> Object:
        name = parameters["taskDefinition"]
        found = self._finder.definition(name) if ":" in short(name) else None
        if found is None:
            raise AwsError("ClientException", "The specified task definition does not exist.")
        if found.is_active:
            found.body = {**found.body, "status": "INACTIVE", "deregisteredAt": now()}
            self._state.revision += 1
        return {"taskDefinition": clone(found.body)}

    def _list(self, parameters: Object) -> Object:
        wanted = parameters.get("status") or "ACTIVE"
        family = parameters.get("familyPrefix")
        arns = [
            item.arn
            for name, revisions in sorted(self._state.families.items())
            for item in revisions
            if family in (None, name) and item.body["status"] == wanted
        ]
        if parameters.get("sort") == "DESC":
            arns.reverse()
        found = page(arns, parameters.get("nextToken"), parameters.get("maxResults") or _MOST, "ClientException")
        return {"taskDefinitionArns": list(found.items), "nextToken": found.next_token}

    def _families(self, parameters: Object) -> Object:
        prefix = parameters.get("familyPrefix") or ""
        wanted = parameters.get("status") or "ACTIVE"
        names = [
            name
            for name, revisions in sorted(self._state.families.items())
            if name.startswith(prefix)
            and (wanted == "ALL" or any(item.is_active for item in revisions) == (wanted == "ACTIVE"))
        ]
        found = page(names, parameters.get("nextToken"), parameters.get("maxResults") or _MOST, "ClientException")
        return {"families": list(found.items), "nextToken": found.next_token}

    def _delete(self, parameters: Object) -> Object:
        done: list[Object] = []
        failures: list[Object] = []
        for name in parameters["taskDefinitions"]:
            found = self._finder.definition(name) if ":" in short(name) else None
            if found is None or found.is_active:
                reason = "The specified task definition is still in ACTIVE status. Please deregister the target."
                failures.append({"arn": name, "reason": reason if found else "MISSING"})
                continue
            self._state.families[found.family].remove(found)
            self._state.revision += 1
            done.append({**found.body, "status": "DELETE_IN_PROGRESS"})
        return {"taskDefinitions": done, "failures": failures}


def _check(parameters: Object) -> None:
    containers = sublist(parameters, "containerDefinitions")
    if not containers:
        raise AwsError("ClientException", "Container list cannot be empty.")
    for container in containers:
        if not container.get("image"):
            raise AwsError("ClientException", "Container.image should not be null or empty.")
    if "FARGATE" in sublist(parameters, "requiresCompatibilities"):
        if parameters.get("networkMode") != "awsvpc":
            message = "Fargate only supports network mode \u2018awsvpc\u2019."
            raise AwsError("ClientException", message)
        if not parameters.get("cpu") or not parameters.get("memory"):
            message = "Fargate requires that 'cpu' and 'memory' be defined at the task level."
            raise AwsError("ClientException", message)


def _filled(container: Object, awsvpc: bool) -> Object:
    """The container with the values that AWS adds."""
    filled: Object = {"cpu": 0, "essential": True, **dict.fromkeys(_LISTS, ()), **container}
    for name in _LISTS:
        filled[name] = list(filled[name])
    filled["portMappings"] = [_mapping(item, awsvpc) for item in filled["portMappings"]]
    return filled


def _mapping(mapping: Mapping[str, Any], awsvpc: bool) -> Object:
    host = mapping.get("hostPort", mapping["containerPort"] if awsvpc else 0)
    return {"protocol": "tcp", **mapping, "hostPort": host}
