"""What an interrupted helm left behind: a revision that stays pending and blocks every further upgrade."""

from __future__ import annotations

from providers.errors import ProviderConflict
from providers.helm.helm import Helm, waiting
from providers.helm.home import Home
from providers.helm.releases import Releases, Revision, Status
from providers.interface import Attempt
from providers.values import Progress

# Helm's own default for --timeout: an operation of others that is older has probably been interrupted.
OTHERS_SECONDS = 300.0
# Each try at a way back makes a revision: if it is interrupted, it shall not have cost one that came up.
KEEPING_HISTORY = ("--history-max", "0")


def unfinished(releases: Releases) -> Revision | None:
    """The newest revision if an operation on it has begun and not ended."""
    newest = releases.newest
    if newest is not None and (newest.is_pending or newest.status is Status.UNINSTALLING):
        return newest
    return None


def refuse_others(revision: Revision, site_name: str) -> None:
    """ProviderConflict if it may be that somebody is at work right now."""
    age = revision.age_seconds()
    if age < OTHERS_SECONDS:
        wait = int(OTHERS_SECONDS - age) + 1
        raise ProviderConflict(
            f"Somebody else's helm is at work on {site_name} ({revision.status.value}, revision "
            f"{revision.number}), or was interrupted: let it end, or try again in {wait} s."
        )


async def recover(helm: Helm, home: Home, lock: int, releases: Releases, mark: str, attempt: Attempt) -> bool:
    """Before an upgrade: go back to the last revision that came up, or remove what none of them ever was.

    True if there was something to recover from. What others left is taken for interrupted when it is old.
    """
    left = unfinished(releases)
    if left is None:
        return False
    if not _is_own(left, releases, mark):
        refuse_others(left, helm.name)
    base = releases.base
    if base is None and not releases.nothing_came_up:
        raise ProviderConflict(
            f"Revision {left.number} of {helm.name} was interrupted, and no revision that came up is left in its "
            "history to go back to: bring the release into order with helm, and run the step again."
        )
    then = f"going back to revision {base.number}" if base is not None else "removing what it made"
    message = f"An interrupted helm left revision {left.number} {left.status.value}: {then} first"
    await attempt.report(Progress(message=message))
    if base is not None:
        await helm.roll_back(home, lock, attempt, base.number, ["--no-hooks", *KEEPING_HISTORY])
    else:
        await helm.uninstall(home, lock, attempt, ["--no-hooks", *waiting(attempt.seconds_left)])
    return True


def _is_own(left: Revision, releases: Releases, mark: str) -> bool:
    """Made by this step, or by its own recovery after that."""
    recovering = left.status in {Status.PENDING_ROLLBACK, Status.UNINSTALLING}
    return left.is_of(mark) or (recovering and releases.of_step(mark) is not None)
