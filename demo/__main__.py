"""`python -m demo`: starts a sandbox and a server, and shows a rollback end to end. Imports its neighbours."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from demo import operations
from demo.children import ROOT, ChildFailed, start_sandbox, start_server, url_of
from demo.client import Client, OperationFailed
from demo.screen import Screen
from demo.story import AFTER, BEFORE, Story, Wrong

_EXAMPLE = ROOT / "examples" / "kubernetes.yaml"
_RUN_PORT = 8000


def main() -> int:
    """0 when everything was as it should be; 1 when not; 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep serving afterwards, until Ctrl-C")
    parser.add_argument("--serve", action="store_true", help="only load the example, and serve until Ctrl-C")
    options = parser.parse_args()
    screen = Screen()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        _run(options, screen)
    except KeyboardInterrupt:
        return 0 if options.keep or options.serve else 130
    except (Wrong, OperationFailed, ChildFailed, TimeoutError) as error:
        print(f"The demonstration failed: {error}", file=sys.stderr)
        return 1
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace, screen: Screen) -> None:
    started = time.monotonic()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unship-")))
        stack.enter_context(start_sandbox(directory / "worlds"))
        port = int(os.environ.get("UNSHIP_PORT", _RUN_PORT)) if options.serve else 0
        server = stack.enter_context(start_server(directory / "data", directory / "worlds/connectors.yaml", port))
        client = Client(url_of(server))
        stack.callback(client.close)
        screen.heading("Unship is up")
        screen.line(f"   API         {client.url}   (embedded database in {directory / 'data'})")
        screen.line(f"   Kubernetes  a sandbox of its API; kubectl --kubeconfig {directory / 'worlds/kubeconfig'}")
        story = Story(client, directory / "worlds" / "kubeconfig", screen)
        screen.heading("Configuration")
        story.configure(_EXAMPLE)
        execution = None if options.serve else _tell(story, screen)
        if execution is not None:
            screen.heading(f"Done in {time.monotonic() - started:.0f} s: what was deployed is undone, and proved.")
        if options.keep or options.serve:
            _invite(client.url, screen)
            server.wait()


def _tell(story: Story, screen: Screen) -> str:
    screen.heading(f"Deploy {BEFORE}: staging, then production")
    story.deploy(BEFORE)
    screen.heading(f"Deploy {AFTER}: staging, then production")
    execution = story.deploy(AFTER)
    screen.heading("The services dashboard")
    story.show_dashboard()
    screen.heading("The rollback plan, before anybody clicks")
    plan_hash = story.show_plan(execution)
    screen.heading("rollbackDeployment: production first, then staging")
    story.roll_back(execution, plan_hash)
    screen.heading("The proof")
    story.prove(BEFORE)
    story.show_dashboard()
    return execution


def _invite(url: str, screen: Screen) -> None:
    screen.heading(f"Serving until Ctrl-C: open {url} in a browser, or paste")
    variables = '{"input": {"pipelineIdentifier": "web", "variables": {"tag": "stable-perl"}}}'
    for title, document in (
        ("Deploy", f"{operations.RUN}\n# variables: {variables}"),
        ("Look", operations.DASHBOARD),
        ("Roll back", operations.ROLL_BACK),
    ):
        screen.line(screen.quiet(f"# {title}"))
        screen.line(document)
    screen.line()
    screen.line(f"curl -s {url} -H 'content-type: application/json' \\")
    screen.line("""  -d '{"query": "{ services(first: 20) { nodes { name instanceCount } } }"}'""")


if __name__ == "__main__":
    raise SystemExit(main())
