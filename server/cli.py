"""The commands of `python -m server`, their arguments and how they fail. Imports the other modules of this floor.

Exit codes: 0 done, 1 refused (the message says why), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from db.migrate import MigrationError
from pipelines.engine import DatabaseInUse
from providers.connectors import ConnectorsError
from schema.building import sdl
from server.applying import ConfigurationRefused, apply_texts
from server.checking import check
from server.serving import serve
from server.settings import Settings, SettingsError, load_settings, unknown_variables


class CommandFailed(Exception):
    """The command could not do what it was asked to; the message is for the operator."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command of these arguments (the process's own by default); returns the exit code."""
    options = _parser().parse_args(arguments)
    for name in unknown_variables(os.environ):
        print(f"warning: {name} is not a setting; it is ignored", file=sys.stderr)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (SettingsError, ConnectorsError, DatabaseInUse, MigrationError, CommandFailed) as error:
        print(error, file=sys.stderr)
    except SQLAlchemyError as error:
        print(f"The database cannot be used: {error.args[0] if error.args else error}", file=sys.stderr)
    except OSError as error:
        print(error, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description="Unship: roll back what was deployed. Settings are environment variables (see README.md).",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="serve the API", description="Serve the API until SIGTERM.")
    serve.add_argument("--host", help="address to listen on (UNSHIP_HOST, 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (UNSHIP_PORT, 8000)")
    serve.set_defaults(run=_serve)
    apply = commands.add_parser(
        "apply",
        help="load configuration YAML",
        description="Load services, environments, infrastructures and pipelines, as applyConfiguration does. Each"
        " file is applied as a whole or not at all. A server may be running meanwhile.",
    )
    apply.add_argument("files", nargs="+", metavar="FILE", help="a YAML file; - reads standard input")
    apply.set_defaults(run=_apply)
    export = commands.add_parser("export-schema", help="print the GraphQL schema", description="Print the SDL.")
    export.set_defaults(run=_export_schema)
    check = commands.add_parser(
        "check", help="verify database and engine", description="Verify the settings, the database and the engine."
    )
    check.set_defaults(run=_check)
    return parser


def _serve(options: argparse.Namespace) -> int:
    overrides = {name: getattr(options, name) for name in ("host", "port") if getattr(options, name) is not None}
    return serve(load_settings(**overrides))


def _export_schema(_options: argparse.Namespace) -> int:
    print(sdl(), end="")
    return 0


def _apply(options: argparse.Namespace) -> int:
    settings = load_settings()
    texts = [_read(name) for name in options.files]
    try:
        lines = asyncio.run(apply_texts(settings, texts))
    except ConfigurationRefused as error:
        raise CommandFailed(str(error)) from error
    print("\n".join(lines))
    return 0


def _read(name: str) -> tuple[str, str, Path | None]:
    """The file's name as given, its text and its directory."""
    try:
        if name == "-":
            return "standard input", sys.stdin.read(), None
        path = Path(name)
        return name, path.read_text(encoding="utf-8"), path.resolve().parent
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{name}: the file is not UTF-8 text") from error
    except OSError as error:
        raise CommandFailed(f"{name}: {error.strerror}") from error


def _check(_options: argparse.Namespace) -> int:
    findings = asyncio.run(check(_settings_with_files()))
    for finding in findings:
        print(f"{'ok     ' if finding.fine else 'PROBLEM'}  {finding.what}: {finding.found}")
    return 0 if all(finding.fine for finding in findings) else 1


def _settings_with_files() -> Settings:
    settings = load_settings()
    settings.prepare_files()
    return settings
