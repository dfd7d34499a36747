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
from demo.children import ChildFailed, apply_files, provide_helm, start_sandbox, start_server, url_of
from demo.client import Client, OperationFailed
from demo.journeys import ALL_PLATFORMS, ONE_PLATFORM, Journey
from demo.screen import Screen
from demo.story import Story, Wrong, named

_RUN_PORT = 8000


def main() -> int:
    """0 when everything was as it should be; 1 when not; 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep serving afterwards, until Ctrl-C")
    parser.add_argument("--serve", action="store_true", help="only load the example, and serve until Ctrl-C")
    parser.add_argument("--platforms", choices=("one", "all"), default="one", help="on one platform, or on all")
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
    journey = ALL_PLATFORMS if options.platforms == "all" else ONE_PLATFORM
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unship-")))
        worlds, data = directory / "worlds", directory / "data"
        provide_helm(worlds)
        stack.enter_context(start_sandbox(worlds))
        port = int(os.environ.get("UNSHIP_PORT", _RUN_PORT)) if options.serve else 0
        server = stack.enter_context(start_server(data, worlds / "connectors.yaml", port))
        client = Client(url_of(server))
        stack.callback(client.close)
        screen.heading("Unship is up")
        screen.line(f"   API         {client.url}   (embedded database in {data})")
        screen.line(f"   platforms   a sandbox of their APIs; {worlds / 'connectors.yaml'}")
        screen.line(f"               kubectl --kubeconfig {worlds / 'kubeconfig'}")
        screen.heading("Configuration")
        files = [f"examples/{name}" for name in journey.files]
        for line in apply_files(data, worlds / "connectors.yaml", files):
            screen.line(f"   {line}")
        if not options.serve:
            _tell(Story(client, worlds, journey, screen), journey, screen)
            screen.heading(f"Done in {time.monotonic() - started:.0f} s: what was deployed is undone, and proved.")
        if options.keep or options.serve:
            _invite(client.url, screen)
            server.wait()


def _tell(story: Story, journey: Journey, screen: Screen) -> None:
    forward = ", then ".join(" and ".join(sorted(block)) for block in journey.blocks)
    backwards = ", then ".join(" and ".join(sorted(block)) for block in reversed(journey.blocks))
    screen.heading(f"Deploy {named(journey.before)}: {forward}")
    story.deploy(journey.before)
    screen.heading(f"Deploy {named(journey.after)}")
    execution = story.deploy(journey.after)
    screen.heading("The services dashboard")
    story.show_dashboard()
    screen.heading("The rollback plan, before anybody clicks")
    plan_hash = story.show_plan(execution)
    screen.heading(f"rollbackDeployment: {backwards}")
    story.roll_back(execution, plan_hash)
    screen.heading("The proof")
    story.prove(journey.before)
    story.show_dashboard()


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
