"""`make demo` tells the whole story, proves it, and cleans up after itself."""

from pathlib import Path

import httpx2
import pytest

from demo.children import Child, ChildFailed, apply_files, start_server, url_of
from demo.client import Client
from demo.journeys import ONE_PLATFORM
from demo.screen import Screen
from demo.story import Story, Wrong

BEFORE, AFTER = ONE_PLATFORM.before["tag"], ONE_PLATFORM.after["tag"]


def test_the_whole_story_is_told_and_a_signal_ends_everything() -> None:
    with Child(["demo", "--keep"], {"PYTHONIOENCODING": "utf-8"}, "Serving until Ctrl-C").wait_ready() as demo:
        told = demo.output
        url = next(word for word in demo.ready_line.split() if word.startswith("http"))
        assert httpx2.get(url.replace("graphql", "livez")).status_code == 200
        assert demo.stop() == 0
    assert told.index("   Production   Roll back: Deployment/web: 3 of 3 available") < told.index(
        "   Staging      Roll back: Deployment/web: 3 of 3 available"
    )
    assert f"image (web): library/nginx:{AFTER} → library/nginx:{BEFORE}" in told
    assert f"✓ Unship lists: 6 instances: 6 x library/nginx:{BEFORE}" in told
    for namespace in ("prod", "staging"):
        assert f"✓ Kubernetes, namespace {namespace} says: 3 x library/nginx:{BEFORE}" in told
    assert "\x1b" not in told, "there is no terminal to move about on"
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url)


def test_what_is_not_so_is_not_proved(tmp_path: Path, connectors: Path) -> None:
    with start_server(tmp_path, connectors) as server:
        client = Client(url_of(server))
        apply_files(tmp_path, connectors, ["examples/kubernetes.yaml"])
        story = Story(client, connectors.parent, ONE_PLATFORM, Screen())
        story.deploy(ONE_PLATFORM.before)
        story.prove(ONE_PLATFORM.before)
        with pytest.raises(Wrong, match="what Unship lists"):
            story.prove(ONE_PLATFORM.after)
        client.close()


def test_configuration_that_is_refused_ends_the_demonstration(tmp_path: Path, connectors: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("service: {identifier: web, nam: Web}")
    with pytest.raises(ChildFailed, match="did you mean"):
        apply_files(tmp_path / "data", connectors, [str(wrong)])
