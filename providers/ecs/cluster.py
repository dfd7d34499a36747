"""One ECS cluster in the words of its API: each method is one request, or all pages of one list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from providers.aws.account import Effect, Look
from providers.aws.client import Region
from providers.aws.faults import code_of
from providers.aws.written import Shows
from providers.ecs import seeing, tags
from providers.ecs.settings import short
from providers.errors import ProviderError, ProviderNotFound, ProviderRefused
from providers.tree import Tree, text, tree, trees

_MOST_TASKS = 100


@dataclass(frozen=True)
class EcsCluster:
    """A cluster by name, in a region."""

    region: Region
    name: str

    async def services(self, names: Sequence[str]) -> dict[str, Tree]:
        """The services of these names that there are, with their tags; also those that drain or are inactive."""

        async def look() -> dict[str, Tree]:
            answer = await self.region.call(
                "ecs",
                "DescribeServices",
                {"cluster": self.name, "services": list(names), "include": ["TAGS"]},
                f"read the services of cluster {self.name}",
            )
            return {self._thing(text(item, "serviceName") or ""): item for item in trees(answer, "services")}

        found = await self.region.written.read(",".join(names), look, map(self._thing, names))
        return {text(item, "serviceName") or "": item for item in found.values()}

    async def service(self, name: str) -> Tree | None:
        """The service, unless it is gone (INACTIVE counts as gone)."""
        found = (await self.services([name])).get(name)
        return None if found is None or text(found, "status") == "INACTIVE" else found

    async def definition(self, name: str) -> Tree | None:
        """A task definition with its `tags`; None where there never was one."""
        try:
            answer = await self.region.call(
                "ecs",
                "DescribeTaskDefinition",
                {"taskDefinition": name, "include": ["TAGS"]},
                f"read task definition {short(name)}",
            )
        except ProviderRefused as error:
            # The API has no code of its own for one that does not exist.
            if "describe task definition" in (error.said or "").lower():
                return None
            raise
        return {**tree(answer, "taskDefinition"), "tags": answer.get("tags")}

    async def newest_definitions(self, family: str, count: int) -> list[Tree]:
        """The newest active revisions of a family, newest first."""
        answer = await self.region.call(
            "ecs",
            "ListTaskDefinitions",
            {"familyPrefix": family, "sort": "DESC", "status": "ACTIVE", "maxResults": count},
            f"list the revisions of task definition {family}",
        )
        arns = answer.get("taskDefinitionArns")
        names = [arn for arn in arns if isinstance(arn, str)] if isinstance(arns, list) else []
        found = await asyncio.gather(*(self.definition(name) for name in names))
        return [item for item in found if item is not None]

    async def register(self, definition: Tree, effect: Effect, look: Look) -> Tree:
        """The new revision; `look` finds one that an earlier try has registered."""
        answer = await self.region.call(
            "ecs",
            "RegisterTaskDefinition",
            definition,
            f"register a revision of task definition {text(definition, 'family')}",
            effect=effect,
            look=look,
        )
        return tree(answer, "taskDefinition") or answer

    async def create_service(self, request: Tree, effect: Effect) -> Tree:
        """The new service; the request's client token makes a repetition harmless."""
        answer = await self.region.call(
            "ecs",
            "CreateService",
            {**request, "cluster": self.name},
            f"create service {text(request, 'serviceName')}",
            effect=effect,
            repeatable=True,
        )
        service = tree(answer, "service")
        self._note(text(request, "serviceName") or "", "deployment", seeing.deployment(service), ordered=True)
        return service

    async def update_service(self, name: str, request: Tree, effect: Effect, look: Look) -> Tree:
        """The service as it is then; `look` finds it where an earlier try has changed it."""
        answer = await self.region.call(
            "ecs",
            "UpdateService",
            {**request, "cluster": self.name, "service": name},
            f"update service {name}",
            effect=effect,
            look=look,
        )
        service = tree(answer, "service") or answer
        self._note(name, "deployment", seeing.deployment(service), ordered=True)
        self._note(name, "settings", seeing.settings(service, request))
        return service

    async def delete_service(self, name: str, effect: Effect) -> None:
        """Delete a service with its tasks; one that is already being deleted is as good as deleted."""
        answer: Tree = {}
        try:
            answer = await self.region.call(
                "ecs",
                "DeleteService",
                {"cluster": self.name, "service": name, "force": True},
                f"delete service {name}",
                effect=effect,
                repeatable=True,
            )
        except ProviderNotFound:
            pass
        except ProviderError as error:
            if code_of(error) != "ServiceNotActiveException":
                raise
        for thing in (self._thing(name), self._tasks(name)):
            self.region.written.forget(thing)
        self._note(name, "deployment", seeing.deletion(tree(answer, "service")), ordered=True)

    async def tag(self, arn: str, added: dict[str, str], effect: Effect) -> None:
        """Write tags on a service."""
        await self.region.call(
            "ecs",
            "TagResource",
            {"resourceArn": arn, "tags": tags.write(added)},
            f"note on {short(arn)} what is deployed",
            effect=effect,
            repeatable=True,
        )
        for key, value in added.items():
            self._note(short(arn), f"tag {key}", seeing.tag(key, value))

    async def tasks(self, service: str, status: str = "RUNNING") -> list[Tree]:
        """The tasks of a service that are to run (or, STOPPED, that have ended lately)."""
        tasks = self._tasks(service)

        async def look() -> dict[str, list[Tree]]:
            return {tasks: await self._listed(service, status)}

        if status != "RUNNING":
            return (await look())[tasks]
        return (await self.region.written.read(tasks, look))[tasks]

    def settled(self, service: Tree) -> None:
        """From now on the service's tasks are those of its newest deployment."""
        name = text(service, "serviceName") or ""
        self.region.written.note(self._tasks(name), "tasks", seeing.tasks(service))

    async def _listed(self, service: str, status: str) -> list[Tree]:
        arns = await self.region.list(
            "ecs",
            "ListTasks",
            {"cluster": self.name, "serviceName": service, "desiredStatus": status},
            f"list the tasks of service {service}",
            "taskArns",
        )
        parts = [arns[start : start + _MOST_TASKS] for start in range(0, len(arns), _MOST_TASKS)]
        answers = await asyncio.gather(*(self._described(service, part) for part in parts))
        return [item for answer in answers for item in trees(answer, "tasks")]

    def _tasks(self, service: str) -> str:
        return f"tasks of {self.name}/{service}"

    def _thing(self, service: str) -> str:
        return f"service {self.name}/{service}"

    def _note(self, service: str, aspect: str, shows: Shows, *, ordered: bool = False) -> None:
        self.region.written.note(self._thing(service), aspect, shows, ordered=ordered)

    async def _described(self, service: str, arns: list[JsonValue]) -> Tree:
        return await self.region.call(
            "ecs",
            "DescribeTasks",
            {"cluster": self.name, "tasks": arns},
            f"read the tasks of service {service}",
        )

    async def deployments(self, service: str, statuses: Sequence[str]) -> list[Tree]:
        """The newest records of a service's deployments with one of these statuses, newest first."""
        answer = await self.region.call(
            "ecs",
            "ListServiceDeployments",
            {"cluster": self.name, "service": service, "status": list(statuses), "maxResults": 20},
            f"list the deployments of service {service}",
        )
        return trees(answer, "serviceDeployments")

    async def revisions(self, arns: Iterable[str]) -> list[Tree]:
        """Service revisions: what was wanted of a service at some time."""
        wanted: list[JsonValue] = list(arns)
        if not wanted:
            return []
        answer = await self.region.call(
            "ecs",
            "DescribeServiceRevisions",
            {"serviceRevisionArns": wanted},
            "read earlier revisions of the service",
        )
        return trees(answer, "serviceRevisions")
