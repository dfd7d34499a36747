"""Launch templates: a version for a release, made once; what a version holds; whether it can still be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from providers.asg.names import CREATED_TAG, mark
from providers.asg.site import Site, Work
from providers.asg.values import TemplateVersion
from providers.errors import ProviderNotFound, ProviderRefused
from providers.tree import Tree, number, text, tree, trees


@dataclass(frozen=True)
class Template:
    """A launch template."""

    id: str
    name: str
    newest: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Version:
    """A version of a launch template."""

    template: TemplateVersion
    data: Tree
    description: str | None


async def find(site: Site, name: str) -> Template | None:
    """The template of a name; None where there is none."""

    async def look() -> dict[str, Template]:
        found = await _find(site, name)
        return {} if found is None else {_thing(name): found}

    return (await site.region.written.read(_thing(name), look, [_thing(name)])).get(_thing(name))


async def _find(site: Site, name: str) -> Template | None:
    try:
        answer = await site.ask(
            "ec2",
            "DescribeLaunchTemplates",
            f"read the launch template {name}",
            LaunchTemplateNames=[name],
        )
    except ProviderNotFound:
        return None
    for item in trees(answer, "LaunchTemplates"):
        tags = {text(tag, "Key") or "": text(tag, "Value") or "" for tag in trees(item, "Tags")}
        return Template(
            text(item, "LaunchTemplateId") or "",
            name,
            number(item, "LatestVersionNumber") or 0,
            tags,
        )
    return None


async def versions(site: Site, template: str, *wanted: str) -> list[Version]:
    """Versions of the template of an id, the newest first where none is named; ProviderNotFound if one is gone."""
    thing = _versions(template, *wanted)
    gone: list[ProviderNotFound] = []

    async def look() -> dict[str, list[Version]]:
        try:
            found = await site.list(
                "ec2",
                "DescribeLaunchTemplateVersions",
                "LaunchTemplateVersions",
                f"read the launch template {template}",
                LaunchTemplateId=template,
                **({"Versions": list(wanted)} if wanted else {}),
            )
        except ProviderNotFound as error:
            gone.append(error)
            return {}
        return {thing: [_version(item) for item in found if isinstance(item, dict)]}

    found = await site.region.written.read(thing, look, [thing])
    if thing not in found:
        raise gone[-1]
    return found[thing]


async def number_of(site: Site, specification: Tree) -> TemplateVersion:
    """What a group's specification means now: $Latest and $Default become numbers."""
    version = text(specification, "Version") or "$Default"
    template, name = text(specification, "LaunchTemplateId") or "", text(specification, "LaunchTemplateName") or ""
    if version.isdigit() and template:
        return TemplateVersion(id=template, name=name, version=int(version))
    [found] = await versions(site, template, version)
    return found.template


async def ensure(work: Work, name: str, data: Tree, *, anew: bool) -> TemplateVersion:
    """The version that holds `data`: the newest if it does, unless a new one is wanted `anew`; else a new one.

    A version that this step made before is taken again.
    """
    ours = mark(work.attempt.token)
    template = await find(work, name)
    if template is None:
        return await _create(work, name, data)
    known = sorted(await versions(work, template.id), key=lambda item: -item.template.version)
    for version in known:
        if version.description == ours:
            return version.template
    if known and not anew and known[0].data == data:
        return known[0].template
    answer = await work.change(
        "ec2",
        "CreateLaunchTemplateVersion",
        f"create a version of the launch template {name}",
        {
            "LaunchTemplateId": template.id,
            "LaunchTemplateData": data,
            "VersionDescription": ours,
            "ClientToken": ours,
        },
    )
    return _made(work, _version(tree(answer, "LaunchTemplateVersion")).template)


async def _create(work: Work, name: str, data: Tree) -> TemplateVersion:
    ours = mark(work.attempt.token)
    tags = {"ResourceType": "launch-template", "Tags": [{"Key": CREATED_TAG, "Value": ours}]}
    answer = await work.change(
        "ec2",
        "CreateLaunchTemplate",
        f"create the launch template {name}",
        {
            "LaunchTemplateName": name,
            "LaunchTemplateData": data,
            "VersionDescription": ours,
            "ClientToken": ours,
            "TagSpecifications": [tags],
        },
    )
    created = text(answer, "LaunchTemplate", "LaunchTemplateId") or ""
    return _made(work, TemplateVersion(id=created, name=name, version=1))


def _made(work: Work, made: TemplateVersion) -> TemplateVersion:
    """A version that we made, which reads are to show from now on."""
    number = made.version
    note(work, made.name, "newest", lambda found: found is not None and found.newest >= number)
    for thing in (_versions(made.id), _versions(made.id, str(number))):
        work.region.written.note(
            thing, "newest", lambda found: any(item.template.version == number for item in found or ())
        )
    return made


def note(work: Work, name: str, aspect: str, shows: Callable[[Template | None], bool]) -> None:
    """From now on the template is to be read as `shows` says."""
    work.region.written.note(_thing(name), aspect, shows)


def forget(work: Work, template: Template, deleted: Iterable[str]) -> None:
    """These versions are not to be read any more."""
    for thing in (
        _thing(template.name),
        _versions(template.id),
        *(_versions(template.id, item) for item in deleted),
    ):
        work.region.written.forget(thing)


def _thing(name: str) -> str:
    return f"launch template {name}"


def _versions(template: str, *wanted: str) -> str:
    return f"versions {' '.join(wanted)} of launch template {template}"


async def image_of(site: Site, template: TemplateVersion) -> str | None:
    """The image of a version; ProviderNotFound where the version is gone."""
    [version] = await versions(site, template.id, str(template.version))
    return text(version.data, "ImageId")


async def image_exists(site: Site, image: str) -> bool:
    """Whether an image can be launched. What Systems Manager resolves at launch counts as there."""
    if image.startswith("resolve:"):
        return True
    try:
        answer = await site.ask("ec2", "DescribeImages", f"read the image {image}", ImageIds=[image])
    except ProviderNotFound:
        return False
    return any(text(item, "State") == "available" for item in trees(answer, "Images"))


async def demand_image(site: Site, data: Tree) -> None:
    """ProviderRefused where the image of a template's data is not there."""
    image = text(data, "ImageId")
    if image is None:
        raise ProviderRefused("The launch template names no ImageId: add it to LaunchTemplateData.")
    if not await image_exists(site, image):
        raise ProviderRefused(f"The image {image} does not exist in this region: correct the artifact's version.")


def _version(item: Tree) -> Version:
    template = TemplateVersion(
        id=text(item, "LaunchTemplateId") or "",
        name=text(item, "LaunchTemplateName") or "",
        version=number(item, "VersionNumber") or 0,
    )
    return Version(template, tree(item, "LaunchTemplateData"), text(item, "VersionDescription"))
