"""Kubernetes: server-side apply, a release history in Secrets on the cluster, watched rollouts."""

from providers.kubernetes.provider import KubernetesProvider

__all__ = ["KubernetesProvider"]
