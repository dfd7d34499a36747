"""What we made of groups, and reads are to show from then on. A group has no version: what is noted are values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

from providers.asg.edits import Edit, changed_fields, edits
from providers.asg.groups import Group, in_brief, thing
from providers.asg.merging import as_shown
from providers.asg.site import Site
from providers.asg.values import SavedGroup, TemplateVersion


def created(site: Site, name: str) -> None:
    """The group is there."""
    for known in (thing(name), in_brief(name)):
        site.region.written.forget(known)
        site.region.written.note(known, "group", lambda found: found is not None)


def deleted(site: Site, name: str) -> None:
    """The group is not there, or is being deleted."""
    for known in (thing(name), in_brief(name)):
        site.region.written.forget(known)
    site.region.written.note(thing(name), "group", lambda found: found is None or found.deleting)


def edited(site: Site, edit: Edit, wanted: Iterable[SavedGroup]) -> None:
    """What an edit changes of the groups is as wanted."""
    for group in wanted:
        for field in changed_fields([edit], group):
            _note(site, group.name, field, partial(_is_so, field, group))


def launching(site: Site, before: SavedGroup, now: TemplateVersion) -> None:
    """The group launches from that version; from one made since, it is somebody else's doing."""
    known = max(before.template.version, now.version)

    def shows(found: Group) -> bool:
        template = found.state.template
        return template == now or template.id != now.id or template.version > known

    _note(site, before.name, "launch template", shows)


def replaced(site: Site, name: str, ids: Collection[str]) -> None:
    """These instances are gone, and no instance ever comes back."""

    def shows(found: Group | None) -> bool:
        return found is None or not any(member.id in ids for member in found.staying)

    site.region.written.note(thing(name), "instances", shows, ordered=True)


def _note(site: Site, name: str, aspect: str, shows: Callable[[Group], bool]) -> None:
    site.region.written.note(thing(name), aspect, lambda found: found is None or found.deleting or shows(found))


def _is_so(field: str, wanted: SavedGroup, found: Group) -> bool:
    return field not in changed_fields(edits(found.state, as_shown(wanted, found.state)), wanted)
