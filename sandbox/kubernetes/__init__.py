"""A Kubernetes API server with the controllers that make workloads move."""

from sandbox.kubernetes.world import KubernetesWorld

__all__ = ["KubernetesWorld"]
