"""The application's factory, for any ASGI server: `uvicorn server.app:create_app --factory`."""

from __future__ import annotations

import logging
import os

from starlette.applications import Starlette

from providers.connectors import ConnectorsError, load_connectors
from server.settings import Settings, SettingsError, load_settings, unknown_variables

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Starlette:
    """The application of these settings; SettingsError or ConnectorsError where they cannot be used.

    Without settings, as an ASGI server calls it, those of the environment; the process then ends with what is
    wrong with them, since a traceback of the server would hide it.
    """
    if settings is not None:
        return _application(settings)
    for name in unknown_variables(os.environ):
        logger.warning("%s is not a setting; it is ignored", name)
    try:
        return _application(load_settings())
    except SettingsError as error:
        raise _refusal(str(error)) from None
    except ConnectorsError as error:
        raise _refusal(f"UNSHIP_CONNECTORS: {error}") from None


def _refusal(complaint: str) -> SystemExit:
    return SystemExit(f"Unship cannot start. README.md has its settings.\n{complaint}")


def _application(settings: Settings) -> Starlette:
    connectors = load_connectors(settings.connectors)
    # All floors take a second to load: settings that cannot be used are told before that.
    from server.application import application  # noqa: PLC0415

    return application(settings, connectors)
