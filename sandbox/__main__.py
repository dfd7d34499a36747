"""`python -m sandbox`: serves the worlds until SIGTERM or SIGINT, and prints a connectors file for them."""

import argparse
import logging
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import yaml

from sandbox.aws import AwsWorld
from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.core.world import World
from sandbox.kubernetes import KubernetesWorld


def main(arguments: list[str] | None = None) -> int:
    """Serves until told to stop; 0 on a clean end."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument(
        "--port-base",
        type=int,
        default=9100,
        help="the worlds are on the next ports; 0: any",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--tick", type=float, default=0.1, help="seconds between two moves of the worlds")
    parser.add_argument("--directory", type=Path, help="where kubeconfig and connectors.yaml are written")
    parser.add_argument("--namespace", action="append", help="a namespace to start with (staging and prod)")
    options = parser.parse_args(arguments)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _setter(stop))
    directory: Path = options.directory or Path(tempfile.mkdtemp(prefix="unship-sandbox-"))
    with ExitStack() as stack:
        worlds = [stack.enter_context(world) for world in _start(options)]
        print(write_connectors(worlds, directory), flush=True)
        stop.wait()
    return 0


def _start(options: argparse.Namespace) -> tuple[World, ...]:
    """Every world, each on the port after the one before it."""
    base: int = options.port_base
    first, second, third = (base + number if base else 0 for number in (1, 2, 3))
    namespaces = tuple(options.namespace or ("staging", "prod"))
    return (
        KubernetesWorld.start(first, options.tick, host=options.host, namespaces=namespaces),
        AwsWorld.start(second, options.tick, host=options.host),
        CloudFoundryWorld.start(third, options.tick, host=options.host),
    )


def _setter(event: threading.Event) -> Callable[[int, FrameType | None], None]:
    def handler(_number: int, _frame: FrameType | None) -> None:
        event.set()

    return handler


def write_connectors(worlds: Sequence[World], directory: Path) -> str:
    """Writes connectors.yaml, and what it refers to, into the directory; the text of it."""
    connectors = [connector for world in worlds for connector in world.connectors(directory)]
    text = yaml.safe_dump({"connectors": connectors}, sort_keys=False)
    (directory / "connectors.yaml").write_text(text)
    return text


if __name__ == "__main__":
    raise SystemExit(main())
