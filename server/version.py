"""The version of this program. Imports nothing; pyproject.toml has the same, which a test compares."""

VERSION = "0.1.0"
