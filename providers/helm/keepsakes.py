"""What somebody changed by hand on a release before a deployment: kept in the cluster, because Helm forgets it.

Helm goes back to what a revision's manifest says. Rule 10 asks for what was there: a hotfix by `kubectl set image`
too. So before the first change the objects that are not as their revision's manifest says are written down, in a
Secret that belongs to Helm's record of that revision and is deleted with it.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib

from pydantic import ValidationError

from providers.errors import ProviderRefused
from providers.helm.releases import Revision
from providers.kubernetes.calls import Effect
from providers.kubernetes.discovery import SECRET
from providers.kubernetes.live import Site
from providers.kubernetes.objects import KubeObject, Ref
from providers.kubernetes.records import MOST_BYTES, StoredObject
from providers.tree import Tree, text
from providers.values import Value

KEEPSAKE_TYPE = "unship.dev/helm-state.v1"
_RELEASE_LABEL = "unship.dev/helm-release"
_MOST_UNPACKED = 64 << 20


class _Content(Value):
    objects: tuple[StoredObject, ...] = ()


async def recall(site: Site, revision: int) -> dict[Ref, Tree | None]:
    """The states that were kept of a revision's objects: None for one that somebody had deleted."""
    secret = await site.cluster.get(_ref(site, revision))
    if secret is None:
        return {}
    return {stored.ref: stored.body for stored in _content(secret, site, revision).objects}


async def keep(site: Site, revision: Revision, states: dict[Ref, Tree | None], effect: Effect) -> None:
    """Keep exactly these states of the revision's objects; nothing is written where they are kept already."""
    ref = _ref(site, revision.number)
    secret = await site.cluster.get(ref)
    content = _Content(objects=tuple(StoredObject.of(ref, body) for ref, body in sorted(states.items())))
    if secret is not None:
        if states and _content(secret, site, revision.number) == content:
            return
        # What an attempt that came to nothing had found; people went on working since.
        await site.cluster.delete(ref, text(secret, "metadata", "uid") or "", effect)
    if states:
        await site.cluster.create(SECRET, site.namespace, _secret(site, revision, content), effect)


def _ref(site: Site, revision: int) -> Ref:
    return Ref.of("v1", "Secret", f"unship.helm.{site.release}.v{revision}", site.namespace)


def _content(secret: Tree, site: Site, revision: int) -> _Content:
    try:
        packed = base64.b64decode(text(secret, "data", "states") or "", validate=True)
        unpacked = zlib.decompressobj(wbits=31).decompress(packed, _MOST_UNPACKED)
        return _Content.model_validate_json(unpacked)
    except (ValueError, binascii.Error, zlib.error, ValidationError) as error:
        raise ProviderRefused(f"{_ref(site, revision)} was changed by hand and cannot be read.") from error


def _secret(site: Site, revision: Revision, content: _Content) -> Tree:
    packed = gzip.compress(content.model_dump_json().encode(), mtime=0)
    if len(packed) > MOST_BYTES:
        raise ProviderRefused(
            f'What was changed by hand on release "{site.release}" is more than a Secret takes '
            f"({MOST_BYTES} bytes): put the changes into the chart first."
        )
    owner: Tree = {"apiVersion": "v1", "kind": "Secret", "name": revision.secret, "uid": revision.uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": KEEPSAKE_TYPE,
        "metadata": {
            "name": _ref(site, revision.number).name,
            "namespace": site.namespace,
            "labels": {_RELEASE_LABEL: site.release},
            "ownerReferences": [owner],
        },
        "data": {"states": base64.b64encode(packed).decode()},
    }


def kept_objects(states: dict[Ref, Tree | None]) -> tuple[KubeObject, ...]:
    """The objects to have again as they were kept."""
    return tuple(KubeObject(ref, body) for ref, body in states.items() if body is not None)
