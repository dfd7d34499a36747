"""Tanzu Application Service, and any other Cloud Foundry with the v3 API."""

from providers.tas.provider import TasProvider

__all__ = ["TasProvider"]
