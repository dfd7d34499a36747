"""Virtual machines: they start, run and end over a few ticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sandbox.aws.ec2.images import ImageFate, Images
from sandbox.aws.names import Account, resource_id
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.services import Handler
from sandbox.core.wire import Object

REMEMBERED_TICKS = 100


class State(StrEnum):
    """The states of an instance."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


CODES = {State.PENDING: 0, State.RUNNING: 16, State.SHUTTING_DOWN: 32, State.TERMINATED: 48}


@dataclass
class Instance:
    """One machine; `since` counts the ticks in its state."""

    id: str
    image: str
    type: str
    zone: str
    subnet: str | None
    address: str
    tags: list[Object]
    launched: datetime
    state: State = State.PENDING
    since: int = 0
    reason: str | None = None
    """Why it ended."""

    def move(self, state: State, reason: str | None = None) -> None:
        """Takes another state."""
        self.state, self.since, self.reason = state, 0, reason


class Instances:
    """The machines of the account; terminated ones stay listed for a while."""

    def __init__(self, account: Account, images: Images) -> None:
        self._account = account
        self._images = images
        self._instances: dict[str, Instance] = {}
        self._launched = 0
        self.handlers: Mapping[str, Handler] = {
            "DescribeInstances": self._describe,
            "TerminateInstances": self._terminate,
        }

    def launch(self, data: Object, zone: str, subnet: str | None, tags: list[Object]) -> Instance:
        """Starts a machine from a launch template's data. Raises AwsError where the image is not there."""
        image = data.get("ImageId", "")
        self._images.demand(image)
        self._launched += 1
        high, low = divmod(self._launched, 250)
        instance = Instance(
            resource_id("i"),
            image,
            data.get("InstanceType", "m1.small"),
            zone,
            subnet,
            f"10.0.{high}.{low + 4}",
            tags,
            datetime.now(UTC),
        )
        self._instances[instance.id] = instance
        return instance

    def all(self) -> list[Instance]:
        """Every machine, also those that ended a short while ago."""
        return list(self._instances.values())

    def get(self, instance_id: str) -> Instance | None:
        """A machine, also one that ended a short while ago."""
        return self._instances.get(instance_id)

    def terminate(self, instance_id: str) -> None:
        """Ends a machine; one that ended already stays as it is."""
        instance = self._instances.get(instance_id)
        if instance is not None and instance.state in (State.PENDING, State.RUNNING):
            instance.move(State.SHUTTING_DOWN, "User initiated")

    def is_serving(self, instance_id: str) -> bool:
        """Whether it would pass a health check."""
        instance = self._instances.get(instance_id)
        if instance is None or instance.state is not State.RUNNING:
            return False
        return self._images.fate(instance.image) is not ImageFate.UNHEALTHY

    def tick(self) -> None:
        """One second."""
        for instance in list(self._instances.values()):
            instance.since += 1
            match instance.state:
                case State.PENDING if self._images.fate(instance.image) in (ImageFate.BAD, ImageFate.GONE):
                    instance.move(State.TERMINATED, "Client.InternalError: Client error on launch")
                case State.PENDING:
                    instance.move(State.RUNNING)
                case State.SHUTTING_DOWN:
                    instance.move(State.TERMINATED, instance.reason)
                case State.TERMINATED if instance.since > REMEMBERED_TICKS:
                    del self._instances[instance.id]
                case _:
                    pass

    def _find(self, ids: list[str]) -> list[Instance]:
        missing = [wanted for wanted in ids if wanted not in self._instances]
        if missing:
            several = "s" if len(missing) > 1 else ""
            verb = "do" if several else "does"
            message = f"The instance ID{several} '{', '.join(missing)}' {verb} not exist"
            raise AwsError("InvalidInstanceID.NotFound", message)
        return [self._instances[wanted] for wanted in ids]

    def _describe(self, params: Object) -> Object:
        ids: list[str] = params.get("InstanceIds", [])
        filters = {item["Name"]: item.get("Values", []) for item in params.get("Filters", [])}
        found = [
            instance
            for instance in (self._find(ids) if ids else self._instances.values())
            if instance.id in filters.get("instance-id", (instance.id,))
            and instance.state in filters.get("instance-state-name", (instance.state,))
        ]
        return {
            "Reservations": [
                {
                    "ReservationId": instance.id.replace("i-", "r-"),
                    "OwnerId": self._account.id,
                    "Instances": [_shown(instance)],
                }
                for instance in found
            ]
        }

    def _terminate(self, params: Object) -> Object:
        changes: list[Object] = []
        for instance in self._find(params["InstanceIds"]):
            before = _state(instance)
            self.terminate(instance.id)
            changes.append({"InstanceId": instance.id, "PreviousState": before, "CurrentState": _state(instance)})
        return {"TerminatingInstances": changes}


def _state(instance: Instance) -> Object:
    return {"Code": CODES[instance.state], "Name": instance.state.value}


def _shown(instance: Instance) -> Object:
    return {
        "InstanceId": instance.id,
        "ImageId": instance.image,
        "InstanceType": instance.type,
        "State": _state(instance),
        "StateReason": instance.reason and {"Code": instance.reason.partition(":")[0], "Message": instance.reason},
        "LaunchTime": instance.launched,
        "PrivateIpAddress": instance.address,
        "SubnetId": instance.subnet,
        "Placement": {"AvailabilityZone": instance.zone, "Tenancy": "default"},
        "Tags": instance.tags,
    }
