"""The application's factory, for any ASGI server: `uvicorn server.app:create_app --factory`."""

from __future__ import annotations

from starlette.applications import Starlette

from providers.connectors import load_connectors
from server.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> Starlette:
    """The application of these settings, or of the environment's; SettingsError where they cannot be used."""
    chosen = settings or load_settings()
    connectors = load_connectors(chosen.connectors)
    # All floors take a second to load: settings that cannot be used are told before that.
    from server.application import application  # noqa: PLC0415

    return application(chosen, connectors)
