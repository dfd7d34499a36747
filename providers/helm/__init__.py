"""Native Helm: charts that the operator's own helm installs, upgrades and rolls back on a Kubernetes cluster."""

from providers.helm.provider import HelmProvider

__all__ = ["HelmProvider"]
