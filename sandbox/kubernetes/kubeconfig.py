"""The kubeconfig of a world. Imports pyyaml only."""

import yaml

CONTEXT = "demo"


def kubeconfig(url: str, token: str, namespace: str) -> str:
    """A kubeconfig with one context, `demo`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": url}}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": namespace}}],
        "current-context": CONTEXT,
    }
    return yaml.safe_dump(document, sort_keys=False)
