"""What crosses the provider interface for Native Helm: target, snapshot, details, step specs, manifest options.

May import `providers.values`, the Kubernetes values and pydantic only.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from providers.kubernetes.values import KubernetesTarget, PodDetails
from providers.values import Document, Snapshot

CHART, VALUES = "HelmChart", "Values"
HTTP, OCI = "Http", "OciHelmChart"
HTTP_CONNECTOR, OCI_CONNECTOR = "HttpHelmRepo", "OciHelmRegistry"

# Helm's own rule (pkg/chart/common/util/validation): a DNS name of at most 53 characters.
HelmReleaseName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?$")]
# A file of a chart, as its archive spells it.
ChartPath = Annotated[str, StringConstraints(pattern=r"^[^/~\\\x00][^\\\x00]*$", max_length=1_024)]
# Neither can be taken for a flag of helm.
ChartName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=250)]
ChartVersion = Annotated[str, StringConstraints(pattern=r"^[v0-9][A-Za-z0-9.+-]*$", max_length=128)]


class HelmTarget(KubernetesTarget):
    """The `spec` of a KubernetesDirect infrastructure: one Helm release in one namespace of one cluster."""

    release_name: HelmReleaseName


class ChartOptions(Document):
    """What stands beside the store of a HelmChart.

    `chart_name` and `chart_version` choose from a repository; `values_paths` are values files inside the chart,
    which come before all others.
    """

    chart_name: ChartName | None = None
    chart_version: ChartVersion | None = None
    values_paths: tuple[ChartPath, ...] = ()


class HttpStore(Document):
    """A chart repository over HTTP. Its address is the connector's (type HttpHelmRepo), never the YAML's."""

    connector_ref: str = Field(min_length=1)


class OciStore(Document):
    """An OCI registry (a connector of type OciHelmRegistry); charts are below `base_path` there."""

    connector_ref: str = Field(min_length=1)
    base_path: ChartName | None = None


class HelmDeploySpec(Document):
    """HelmDeploy takes no keys of its own: values belong to the service, and the timeout to the step."""


class HelmRollbackSpec(Document):
    """HelmRollback. Hooks run, unless `skip_hooks`."""

    skip_hooks: bool = False


class HelmSnapshot(Snapshot):
    """The way back on Native Helm.

    `revision` is the revision that was really deployed (0 for none), `newest_revision` the newest there was,
    also a failed one. Of its manifest and values only digests are kept: both may hold secrets, and both stay in
    the cluster, in Helm's own records.
    """

    revision: int
    newest_revision: int
    chart: str | None = None
    chart_version: str | None = None
    app_version: str | None = None
    manifest_digest: str | None = None
    values_digest: str | None = None


class HelmPodDetails(PodDetails):
    """What a pod of a Helm release shows of itself and of its release."""

    release_name: str = Field(description="The name of the Helm release.")
    release_revision: int = Field(description="The newest revision of the Helm release.")
    chart: str = Field(description="The name of the chart.")
    chart_version: str = Field(description="The version of the chart.")
    app_version: str | None = Field(
        default=None, description="The version of what the chart installs, as it says."
    )
