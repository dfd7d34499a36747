"""Discovery documents, legacy and aggregated, and the OpenAPI v3 index. Imports kinds and core.wire.

The aggregated form is answered only when the Accept header asks for it; the OpenAPI documents declare the query
parameters that clients look for before they send them.
"""

from collections.abc import Iterator

from sandbox.core.wire import Object
from sandbox.kubernetes.kinds import KINDS, VERBS, Kind, groups

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION: Object = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0",
    "gitCommit": "sandbox",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "go1.26",
    "compiler": "gc",
    "platform": "linux/amd64",
}

SUBRESOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "status": ("", "", ("get", "patch", "update")),
    "scale": ("autoscaling/v1", "Scale", ("get", "patch", "update")),
    "log": ("", "", ("get",)),
    "finalize": ("", "", ("update",)),
}
PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force", "pretty")


def wants_aggregated(accept: str) -> bool:
    """Whether the Accept header asks for aggregated discovery."""
    return "as=APIGroupDiscoveryList" in accept


def api_versions() -> Object:
    """/api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def api_groups() -> Object:
    """/apis."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in groups()]}


def api_group(name: str) -> Object | None:
    """/apis/GROUP."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name)} if name in groups() else None


def _group(name: str) -> Object:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in groups()[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resources(group: str, version: str) -> Object | None:
    """/api/v1 or /apis/GROUP/VERSION."""
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    listed = [entry for kind in kinds for entry in _entries(kind)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
        "resources": listed,
    }


def _entries(kind: Kind) -> Iterator[Object]:
    entry: Object = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": ["create"] if kind.review else list(VERBS),
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.id in ALL:
        entry["categories"] = ["all"]
    yield entry
    for name in kind.subresources:
        api_version, sub_kind, verbs = SUBRESOURCES[name]
        entry = {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": sub_kind or kind.kind,
            "verbs": list(verbs),
        }
        if api_version:
            entry["group"], entry["version"] = api_version.split("/")
        yield entry


ALL = frozenset(
    {
        "pods",
        "services",
        "replicationcontrollers",
        "deployments.apps",
        "replicasets.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "jobs.batch",
        "cronjobs.batch",
        "horizontalpodautoscalers.autoscaling",
    }
)


def aggregated(*, core: bool) -> Object:
    """/api or /apis in the aggregated form."""
    names = {"": ["v1"]} if core else groups()
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name} if name else {},
                "versions": [
                    {
                        "version": version,
                        "freshness": "Current",
                        "resources": [
                            _aggregated_entry(kind)
                            for kind in KINDS
                            if (kind.group, kind.version) == (name, version)
                        ],
                    }
                    for version in versions
                ],
            }
            for name, versions in names.items()
        ],
    }


def _aggregated_entry(kind: Kind) -> Object:
    entry: Object = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.kind.lower(),
        "verbs": ["create"] if kind.review else list(VERBS),
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.id in ALL:
        entry["categories"] = ["all"]
    if kind.subresources:
        entry["subresources"] = [_aggregated_subresource(kind, name) for name in kind.subresources]
    return entry


def _aggregated_subresource(kind: Kind, name: str) -> Object:
    api_version, sub_kind, verbs = SUBRESOURCES[name]
    group, version = api_version.split("/") if api_version else (kind.group, kind.version)
    response = {"group": group, "version": version, "kind": sub_kind or kind.kind}
    return {"subresource": name, "responseKind": response, "verbs": list(verbs)}


def openapi_index() -> Object:
    """/openapi/v3."""
    names = ["api/v1", *(f"apis/{name}/{version}" for name, versions in groups().items() for version in versions)]
    return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}?hash=SANDBOX"} for name in names}}


def openapi_document(group: str, version: str) -> Object | None:
    """/openapi/v3/api/v1 or /openapi/v3/apis/GROUP/VERSION: which operations take which parameters."""
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    paths = {path: operations for kind in kinds for path, operations in _operations(kind)}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": paths,
        "components": {"schemas": {}},
    }


def _operations(kind: Kind) -> Iterator[tuple[str, Object]]:
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = f"{root}/namespaces/{{namespace}}" if kind.namespaced else root
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in PARAMETERS
    ]
    operation: Object = {
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
    }
    yield f"{scope}/{kind.plural}", {"post": operation}
    if not kind.review:
        yield f"{scope}/{kind.plural}/{{name}}", {"patch": operation, "put": operation, "delete": operation}
