"""What the commands do, and how they fail: in words. Imports the other modules of this floor."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from pipelines.configuration import Input
from schema.building import sdl
from server.administration import AdministrationRefused
from server.applying import ConfigurationRefused, apply_files
from server.audit_commands import run_audit
from server.checking import check
from server.grant_commands import run_grant
from server.refusing import words_of
from server.serving import serve
from server.settings import load_settings, unknown_variables
from server.token_commands import run_token


class CommandFailed(Exception):
    """The command could not do what it was asked to; the message is for the operator."""


_REFUSED = (ConfigurationRefused, CommandFailed, AdministrationRefused)


def run(options: argparse.Namespace) -> int:
    """Run the chosen command; 0 when it is done, 1 when it is refused."""
    for name in unknown_variables(os.environ):
        print(f"warning: {name} is not a setting; it is ignored", file=sys.stderr)
    try:
        return _COMMANDS[options.command](options)
    except Exception as error:
        words = str(error) if isinstance(error, _REFUSED) else words_of(error)
        if words is None:
            raise
        print(words, file=sys.stderr)
    return 1


def _serve(options: argparse.Namespace) -> int:
    overrides = {name: getattr(options, name) for name in ("host", "port") if getattr(options, name) is not None}
    return serve(load_settings(**overrides))


def _export_schema(_options: argparse.Namespace) -> int:
    print(sdl(), end="")
    return 0


def _apply(options: argparse.Namespace) -> int:
    settings = load_settings()
    print("\n".join(asyncio.run(apply_files(settings, [_read(name) for name in options.files]))))
    return 0


def _read(name: str) -> Input:
    try:
        if name == "-":
            return Input(sys.stdin.read(), name="standard input")
        path = Path(name)
        return Input(path.read_text(encoding="utf-8"), path.resolve().parent, name)
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{name}: the file is not UTF-8 text") from error
    except OSError as error:
        raise CommandFailed(f"{name}: {error.strerror}") from error


def _check(_options: argparse.Namespace) -> int:
    settings = load_settings()
    settings.prepare_files()
    findings = asyncio.run(check(settings))
    for finding in findings:
        print(f"{'ok     ' if finding.fine else 'PROBLEM'}  {finding.what}: {finding.found}")
    return 0 if all(finding.fine for finding in findings) else 1


_COMMANDS = {
    "serve": _serve,
    "apply": _apply,
    "export-schema": _export_schema,
    "check": _check,
    "token": run_token,
    "grant": run_grant,
    "audit": run_audit,
}
