"""Revisions of apps (cloud_controller_ng, app/actions/revision_resolver.rb), and what a start does with them."""

from __future__ import annotations

from sandbox.cloudfoundry.errors import unprocessable
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.state import App, Process, Revision
from sandbox.core.wire import timestamp

SAME = (
    "Unable to rollback. The code and configuration you are rolling back to is the same as the deployed revision."
)


def update(foundation: Foundation, app: App) -> Revision | None:
    """The revision that describes an app as it is now: the latest one, or a new one if something differs."""
    if not app.revisions_enabled or app.droplet is None:
        return None
    commands = _commands(foundation, app.guid)
    latest = next(reversed(foundation.revisions_of(app.guid)), None)
    if latest is None:
        return _create(foundation, app, (app.droplet, app.env, commands), "Initial revision.")
    reasons = _reasons(latest, (app.droplet, app.env, commands))
    if not reasons:
        return latest
    return _create(foundation, app, (app.droplet, app.env, commands), " ".join(reasons))


def rolled_back(foundation: Foundation, app: App, target: Revision) -> Revision | None:
    """A new revision with what an earlier one has. Raises ApiError 422 where the latest one has that already."""
    if not app.revisions_enabled:
        return None
    latest = foundation.revisions_of(app.guid)[-1]
    content = (target.droplet, target.env, target.commands)
    reasons = _reasons(latest, content)
    if not reasons:
        raise unprocessable(SAME)
    return _create(foundation, app, content, " ".join([*reasons, f"Rolled back to revision {target.version}."]))


def run(process: Process, app: App, revision: Revision | None) -> None:
    """Starts the instances of a process anew, with what its app or its revision says now."""
    process.revision = revision.guid if revision is not None else None
    process.running_droplet = revision.droplet if revision is not None else app.droplet
    process.running_env = dict(revision.env if revision is not None else app.env)
    process.copies.clear()
    process.updated_at = timestamp()


_Content = tuple[str, dict[str, str], dict[str, str | None]]


def _commands(foundation: Foundation, app: str) -> dict[str, str | None]:
    return {process.type: process.command for process in foundation.processes_of(app)}


def _reasons(latest: Revision, content: _Content) -> list[str]:
    droplet, env, commands = content
    reasons: list[str] = []
    if latest.droplet != droplet:
        reasons.append("New droplet deployed.")
    if latest.env != env:
        reasons.append("New environment variables deployed.")
    for kind in sorted({*latest.commands, *commands}):
        before, after = latest.commands.get(kind), commands.get(kind)
        if kind not in latest.commands:
            reasons.append(f"New process type '{kind}' added.")
        elif kind not in commands:
            reasons.append(f"Process type '{kind}' removed.")
        elif before != after:
            what = "added" if before is None else "removed" if after is None else "updated"
            reasons.append(f"Custom start command {what} for '{kind}' process.")
    return sorted(reasons)


def _create(foundation: Foundation, app: App, content: _Content, description: str) -> Revision:
    droplet, env, commands = content
    version = 1 + max((item.version for item in foundation.revisions_of(app.guid)), default=0)
    revision = Revision(
        app=app.guid,
        version=version,
        droplet=droplet,
        env=dict(env),
        commands=dict(commands),
        description=description,
    )
    return foundation.add(foundation.revisions, revision)
