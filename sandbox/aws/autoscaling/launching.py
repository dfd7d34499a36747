"""Which launch template a group uses, checked as Auto Scaling checks it, and instances from it."""

from __future__ import annotations

import itertools

from sandbox.aws.autoscaling.state import Activity, Group, Member, RefreshStatus, template_of
from sandbox.aws.ec2 import Ec2
from sandbox.aws.protocol.errors import AwsError
from sandbox.core.wire import Object

FORMED = "You must use a valid fully-formed launch template. "
PAUSE_TICKS = 3


class Launching:
    """Instances for groups."""

    def __init__(self, ec2: Ec2) -> None:
        self._ec2 = ec2
        self._orders = itertools.count(1)

    def checked(self, settings: Object) -> Object:
        """Settings with the id and the name of their launch template. Raises AwsError where it cannot be used."""
        if "LaunchTemplate" not in settings and "MixedInstancesPolicy" not in settings:
            return settings
        try:
            full = self._full(template_of(settings))
            version = self._version(full)
            self._ec2.images.demand(version.get("ImageId", ""))
        except AwsError as error:
            raise AwsError("ValidationError", FORMED + error.message) from error
        if "LaunchTemplate" in settings:
            return {**settings, "LaunchTemplate": full}
        policy: Object = settings["MixedInstancesPolicy"]
        template = {**policy["LaunchTemplate"], "LaunchTemplateSpecification": full}
        return {**settings, "MixedInstancesPolicy": {**policy, "LaunchTemplate": template}}

    def resolved(self, specification: Object) -> Object:
        """A specification with the number of its version. Raises AwsError where there is none."""
        template = self._ec2.launch_templates.find(specification)
        version = self._ec2.launch_templates.version(template, specification.get("Version", "$Default"))
        return {**self._full(specification), "Version": str(version.number)}

    def wanted(self, group: Group) -> Object:
        """The specification that new instances are launched from now."""
        refresh = group.active_refresh
        if (
            refresh is not None
            and refresh.desired
            and refresh.status in (RefreshStatus.PENDING, RefreshStatus.IN_PROGRESS)
        ):
            return template_of(refresh.desired)
        return template_of(group.settings)

    def matches(self, member: Member, specification: Object) -> bool:
        """Whether a member was launched from a specification's version."""
        try:
            return member.template == self.resolved(specification)
        except AwsError:
            return False

    def launch(self, group: Group) -> Member | None:
        """One more member; None, and a failed activity, where none can be launched."""
        activity = group.tell(Activity("Launching a new EC2 instance", _cause(group)))
        zones: list[str] = group.settings["AvailabilityZones"]
        number = next(self._orders)
        zone = zones[number % len(zones)]
        subnets = [subnet for subnet in group.settings.get("VPCZoneIdentifier", "").split(",") if subnet]
        try:
            template = self.resolved(self.wanted(group))
            data = self._version(template)
            subnet = subnets[number % len(subnets)] if subnets else None
            instance = self._ec2.instances.launch(data, zone, subnet, _instance_tags(group))
        except AwsError as error:
            activity.end("Failed", f"{error.message}. Launching EC2 instance failed.")
            group.pause = PAUSE_TICKS
            return None
        activity.description = f"Launching a new EC2 instance: {instance.id}"
        protected = bool(group.settings.get("NewInstancesProtectedFromScaleIn"))
        member = Member(
            instance.id, instance.type, zone, instance.image, template, activity, number, protected=protected
        )
        group.members[instance.id] = member
        return member

    def _full(self, specification: Object) -> Object:
        template = self._ec2.launch_templates.find(specification)
        version = specification.get("Version", "$Default")
        return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": version}

    def _version(self, specification: Object) -> Object:
        template = self._ec2.launch_templates.find(specification)
        return self._ec2.launch_templates.version(template, specification["Version"]).data


def _cause(group: Group) -> str:
    return (
        f"An instance was started in response to a difference between desired and actual capacity of {group.name}."
    )


def _instance_tags(group: Group) -> list[Object]:
    tags = [{"Key": key, "Value": tag["Value"]} for key, tag in group.tags.items() if tag["PropagateAtLaunch"]]
    return [*tags, {"Key": "aws:autoscaling:groupName", "Value": group.name}]
