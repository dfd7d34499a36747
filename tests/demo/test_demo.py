"""`make demo` tells the whole story, proves it, and cleans up after itself."""

from pathlib import Path

import httpx2
import pytest

from demo.children import Child, start_server, url_of
from demo.client import Client
from demo.screen import Screen
from demo.story import AFTER, BEFORE, Story, Wrong


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
    assert f"✓ Unship lists: 6 instances, all library/nginx:{BEFORE}, in production and staging" in told
    for namespace in ("prod", "staging"):
        assert f"✓ The cluster says: 3 pods in {namespace}, all library/nginx:{BEFORE}" in told
    assert "\x1b" not in told, "there is no terminal to move about on"
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url)


def test_what_is_not_so_is_not_proved(tmp_path: Path, connectors: Path) -> None:
    with start_server(tmp_path, connectors) as server:
        client = Client(url_of(server))
        story = Story(client, connectors.with_name("kubeconfig"), Screen())
        story.configure(Path(__file__).parents[2] / "examples" / "kubernetes.yaml")
        story.deploy(BEFORE)
        story.prove(BEFORE)
        with pytest.raises(Wrong, match="what Unship lists"):
            story.prove(AFTER)
        client.close()
