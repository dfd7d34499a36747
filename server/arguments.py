"""The arguments of the commands about tokens, grants and the audit log. Imports what costs no time of db."""

from __future__ import annotations

import argparse
import math
import re
from typing import Protocol

from db.security import ANONYMOUS
from db.statuses import GRANTED_ROLES, Role

# With a colon in none of them, no token can pass for an operator.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SUBJECT = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")
_ANCHOR = re.compile(r"([1-9]\d{0,9}):([0-9a-f]{64})")
_LONGEST_DAYS = 3650


class _Commands(Protocol):
    def add_parser(self, name: str, *, help: str = ..., description: str = ...) -> argparse.ArgumentParser: ...  # noqa: A002


def add_security_commands(commands: _Commands) -> None:
    """Add `token`, `grant` and `audit` with what belongs under them."""
    _add_token(commands.add_parser("token", help="create, list and revoke machine tokens"))
    _add_grant(
        commands.add_parser(
            "grant",
            help="record, list and revoke grants",
            description="Record a role of a subject in an environment for some hours.",
        )
    )
    audit = commands.add_parser("audit", help="verify the audit log")
    verify = audit.add_subparsers(metavar="COMMAND", dest="subcommand", required=True).add_parser(
        "verify", help="verify that every entry is as it was written"
    )
    verify.add_argument(
        "--expect",
        type=_anchor,
        metavar="SEQUENCE:MAC",
        help="an entry that must be there, as an earlier run printed its last one",
    )


def _add_token(token: argparse.ArgumentParser) -> None:
    commands = token.add_subparsers(metavar="COMMAND", dest="subcommand", required=True)
    create = commands.add_parser("create", help="make a token and print it, once")
    create.add_argument("--name", required=True, type=_name, help="recorded with what is done with the token")
    create.add_argument("--role", required=True, type=_role, help=_ROLES)
    create.add_argument("--days", required=True, type=_days, help="how long it holds")
    commands.add_parser("list", help="show all tokens, without their secrets")
    commands.add_parser("revoke", help="revoke a token").add_argument("token", metavar="NAME|ID")


def _add_grant(grant: argparse.ArgumentParser) -> None:
    for name, kind, said in (
        ("--subject", _subject, "who"),
        ("--role", _granted_role, ", ".join(GRANTED_ROLES)),
        ("--environment", str, "the identifier of an environment"),
        ("--hours", _hours, "how long it holds"),
    ):
        grant.add_argument(name, type=kind, help=said)
    commands = grant.add_subparsers(metavar="COMMAND", dest="subcommand")
    commands.add_parser("list", help="show all grants")
    commands.add_parser("revoke", help="revoke a grant").add_argument("grant", metavar="ID")


def missing_for_grant(options: argparse.Namespace) -> str | None:
    """What is wrong with the arguments of `grant`, which needs all of its own or a subcommand; else None."""
    names = ("subject", "role", "environment", "hours")
    given = [name for name in names if getattr(options, name) is not None]
    if options.subcommand is not None:
        return f"--{given[0]} does not go with {options.subcommand}" if given else None
    missing = [f"--{name}" for name in names if name not in given]
    return f"the following arguments are required: {', '.join(missing)}" if missing else None


_ROLES = ", ".join(role.value for role in Role)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no role; choose one of {_ROLES}") from None


def _granted_role(text: str) -> Role:
    role = _role(text)
    if role is Role.NONE:
        raise argparse.ArgumentTypeError(f"{text!r} is nothing to grant; revoke a grant instead")
    if role not in GRANTED_ROLES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is a role everywhere or nowhere: give it to a token, or by a JWT"
        )
    return role


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or text == ANONYMOUS:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no name: up to 63 letters, digits, ".", "_" and "-", not "{ANONYMOUS}"'
        )
    return text


def _subject(text: str) -> str:
    if not _SUBJECT.fullmatch(text):
        raise argparse.ArgumentTypeError("a subject is up to 200 characters without spaces")
    return text


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:9]) <= _LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_LONGEST_DAYS}")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 < hours <= _LONGEST_DAYS * 24:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, {_LONGEST_DAYS * 24} at most")
    return hours


def _anchor(text: str) -> tuple[int, str]:
    found = _ANCHOR.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not SEQUENCE:MAC as `audit verify` prints it")
    return int(found[1]), found[2]
