"""Objects as people name them in steps: `Deployment/web`, or `other-namespace/Deployment/web`."""

from __future__ import annotations

from providers.errors import ProviderRefused
from providers.kubernetes.live import Site
from providers.kubernetes.objects import Ref


async def find_ref(site: Site, name: str) -> Ref:
    """The object that `name` means; ProviderRefused if it is not of the form kind/name."""
    parts = [part.strip() for part in name.split("/")]
    if len(parts) not in {2, 3} or not all(parts):
        raise ProviderRefused(f'"{name}" does not name an object: write kind/name, as in Deployment/web.')
    kind = await site.cluster.discovery.by_name(parts[-2])
    namespace = parts[0] if len(parts) == 3 else site.namespace
    return Ref.of(kind.api_version, kind.name, parts[-1], namespace if kind.namespaced else None)
