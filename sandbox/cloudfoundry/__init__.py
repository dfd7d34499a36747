"""A Cloud Foundry foundation: UAA and the v3 API, with instances that start, crash and are rolled."""

from sandbox.cloudfoundry.world import CloudFoundryWorld

__all__ = ["CloudFoundryWorld"]
