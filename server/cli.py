"""The commands of `python -m server` and their arguments. Imports server.commands only when one is to run.

Exit codes: 0 done, 1 refused (the message says why), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable

from server.arguments import add_security_commands, missing_for_grant


def main(arguments: list[str] | None = None) -> int:
    """Run the command of these arguments (the process's own by default); returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    wrong = missing_for_grant(options) if options.command == "grant" else None
    if wrong is not None:
        parser.error(wrong)
    return _loaded()(options)


def _loaded() -> Callable[[argparse.Namespace], int]:
    """The application takes seconds to load, which neither --help nor a wrong argument should cost."""
    # Loading leaves no garbage, and looking for it takes a tenth of the time.
    gc.disable()
    try:
        from server.commands import run  # noqa: PLC0415
    finally:
        gc.enable()
    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description="Unship: roll back what was deployed. Settings are environment variables (see README.md).",
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the API", description="Serve the API until SIGTERM.")
    serve.add_argument("--host", help="address to listen on (UNSHIP_HOST, 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (UNSHIP_PORT, 8000)")
    apply = commands.add_parser(
        "apply",
        help="load configuration YAML",
        description="Load services, environments, infrastructures and pipelines, as applyConfiguration does. All"
        " files are applied together or not at all, in any order. A server may be running meanwhile.",
    )
    apply.add_argument("files", nargs="+", metavar="FILE", help="a YAML file; - reads standard input")
    commands.add_parser("export-schema", help="print the GraphQL schema", description="Print the SDL.")
    commands.add_parser(
        "check",
        help="verify connectors, database and engine",
        description="Verify the settings, each connector (who answers there), the database and the engine.",
    )
    add_security_commands(commands)
    return parser
