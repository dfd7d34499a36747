"""Fixtures for every folder of tests."""

from tests.support.databases import database_url
from tests.support.postgres import postgres, postgres_url

__all__ = ["database_url", "postgres", "postgres_url"]
