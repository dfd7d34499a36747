"""Launch templates and their versions, which are numbers that only grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.aws.names import Account, resource_id
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object, canonical

LATEST, DEFAULT = "$Latest", "$Default"


@dataclass
class Version:
    """One version; its data never change."""

    number: int
    data: Object
    description: str | None
    created: datetime


@dataclass
class LaunchTemplate:
    """A template; `last` is the newest number ever given, also to a version that is deleted."""

    id: str
    name: str
    tags: list[Object]
    created: datetime
    default: int = 1
    last: int = 0
    versions: dict[int, Version] = field(default_factory=dict[int, Version])

    def find(self, version: str) -> Version | None:
        """The version of a number, $Latest or $Default."""
        if version == LATEST:
            return self.versions[max(self.versions)]
        number = self.default if version == DEFAULT else int(version) if version.isdigit() else 0
        return self.versions.get(number)


class LaunchTemplates:
    """The templates of the account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._templates: dict[str, LaunchTemplate] = {}
        self._tokens: dict[str, tuple[str, Object]] = {}
        self.handlers: Mapping[str, Handler] = {
            "CreateLaunchTemplate": self._once(self._create),
            "CreateLaunchTemplateVersion": self._once(self._create_version),
            "DescribeLaunchTemplates": self._describe,
            "DescribeLaunchTemplateVersions": self._describe_versions,
            "ModifyLaunchTemplate": self._modify,
            "CreateTags": self._tag,
            "DeleteLaunchTemplate": self._delete,
            "DeleteLaunchTemplateVersions": self._delete_versions,
        }

    def all(self) -> list[LaunchTemplate]:
        """Every template, the oldest first."""
        return list(self._templates.values())

    def find(self, params: Object) -> LaunchTemplate:
        """By LaunchTemplateId or LaunchTemplateName. Raises AwsError."""
        wanted, name = params.get("LaunchTemplateId"), params.get("LaunchTemplateName")
        if wanted is None and name is None:
            raise AwsError(
                "MissingParameter", "Either a launch template ID or a launch template name must be given."
            )
        for template in self._templates.values():
            if template.id == wanted or (wanted is None and template.name == name):
                return template
        if wanted is not None:
            message = f"The specified launch template, with template ID {wanted}, does not exist."
            raise AwsError("InvalidLaunchTemplateId.NotFound", message)
        message = f"The specified launch template, with template name {name}, does not exist."
        raise AwsError("InvalidLaunchTemplateName.NotFoundException", message)

    def version(self, template: LaunchTemplate, version: str) -> Version:
        """A version of a template. Raises AwsError."""
        found = template.find(version)
        if found is None:
            message = (
                f"Could not find the specified version {version} for the launch template with ID {template.id}."
            )
            raise AwsError("InvalidLaunchTemplateId.VersionNotFound", message)
        return found

    def _once(self, handler: Handler) -> Handler:
        """The same answer to the same ClientToken, without the effect."""

        def handle(params: Object) -> Mapping[str, Any]:
            token: str | None = params.get("ClientToken")
            asked = canonical(params)
            if token is None:
                return handler(params)
            if token not in self._tokens:
                self._tokens[token] = (asked, dict(handler(params)))
            before, answer = self._tokens[token]
            if before != asked:
                message = "Arguments on this idempotent request are inconsistent with those used before."
                raise AwsError("IdempotentParameterMismatch", message)
            return answer

        return handle

    def _create(self, params: Object) -> Object:
        name: str = params["LaunchTemplateName"]
        if any(template.name == name for template in self._templates.values()):
            raise AwsError(
                "InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use."
            )
        tags = [
            tag
            for specification in params.get("TagSpecifications", [])
            if specification.get("ResourceType") == "launch-template"
            for tag in specification.get("Tags", [])
        ]
        template = LaunchTemplate(resource_id("lt"), name, tags, datetime.now(UTC))
        self._add(template, params)
        self._templates[template.id] = template
        return {"LaunchTemplate": self._shown(template)}

    def _create_version(self, params: Object) -> Object:
        template = self.find(params)
        source = params.get("SourceVersion")
        base = {} if source is None else self.version(template, source).data
        version = self._add(template, {**params, "LaunchTemplateData": {**base, **params["LaunchTemplateData"]}})
        return {"LaunchTemplateVersion": self._shown_version(template, version)}

    def _add(self, template: LaunchTemplate, params: Object) -> Version:
        template.last += 1
        version = Version(
            template.last, params["LaunchTemplateData"], params.get("VersionDescription"), datetime.now(UTC)
        )
        template.versions[version.number] = version
        return version

    def _describe(self, params: Object) -> Object:
        names: list[str] = params.get("LaunchTemplateNames", [])
        ids: list[str] = params.get("LaunchTemplateIds", [])
        found = [self.find({"LaunchTemplateId": wanted}) for wanted in ids] or self._named(names)
        if not names and not ids:
            found = self.all()
        pages = page(found, params.get("NextToken"), params.get("MaxResults", 200))
        return {
            "LaunchTemplates": [self._shown(template) for template in pages.items],
            "NextToken": pages.next_token,
        }

    def _named(self, names: list[str]) -> list[LaunchTemplate]:
        found = [template for template in self._templates.values() if template.name in names]
        if len(found) < len(set(names)):
            message = "At least one of the launch templates specified in the request does not exist."
            raise AwsError("InvalidLaunchTemplateName.NotFoundException", message)
        return found

    def _describe_versions(self, params: Object) -> Object:
        template = self.find(params)
        wanted: list[str] = params.get("Versions", [])
        if wanted:
            found = [self.version(template, version) for version in wanted]
        else:
            found = [version for _, version in sorted(template.versions.items(), reverse=True)]
        pages = page(found, params.get("NextToken"), params.get("MaxResults", 200))
        return {
            "LaunchTemplateVersions": [self._shown_version(template, version) for version in pages.items],
            "NextToken": pages.next_token,
        }

    def _modify(self, params: Object) -> Object:
        template = self.find(params)
        if "DefaultVersion" in params:
            template.default = self.version(template, params["DefaultVersion"]).number
        return {"LaunchTemplate": self._shown(template)}

    def _tag(self, params: Object) -> Object:
        for resource in params["Resources"]:
            template = self.find({"LaunchTemplateId": resource})
            new = {tag["Key"]: tag for tag in params["Tags"]}
            template.tags = [*(tag for tag in template.tags if tag["Key"] not in new), *new.values()]
        return {}

    def _delete(self, params: Object) -> Object:
        template = self.find(params)
        shown = self._shown(template)
        del self._templates[template.id]
        return {"LaunchTemplate": shown}

    def _delete_versions(self, params: Object) -> Object:
        template = self.find(params)
        deleted: list[Object] = []
        refused: list[Object] = []
        for number in params["Versions"]:
            item: Object = {
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "VersionNumber": int(number),
            }
            if int(number) == template.default:
                error = {"Code": "unexpectedError", "Message": "You cannot delete the default version."}
                refused.append({**item, "ResponseError": error})
            elif template.versions.pop(int(number), None) is None:
                error = {"Code": "launchTemplateVersionDoesNotExist", "Message": "The version does not exist."}
                refused.append({**item, "ResponseError": error})
            else:
                deleted.append(item)
        return {
            "SuccessfullyDeletedLaunchTemplateVersions": deleted,
            "UnsuccessfullyDeletedLaunchTemplateVersions": refused,
        }

    def _shown(self, template: LaunchTemplate) -> Object:
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "CreateTime": template.created,
            "CreatedBy": self._account.user,
            "DefaultVersionNumber": template.default,
            "LatestVersionNumber": max(template.versions),
            "Tags": template.tags,
        }

    def _shown_version(self, template: LaunchTemplate, version: Version) -> Object:
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": version.number,
            "VersionDescription": version.description,
            "CreateTime": version.created,
            "CreatedBy": self._account.user,
            "DefaultVersion": version.number == template.default,
            "LaunchTemplateData": version.data,
        }
