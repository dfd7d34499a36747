"""Top-level errors: each has a code; a defect is masked, and logged under the id that the client is shown."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

from graphql import GraphQLError, GraphQLSyntaxError

from db.outages import is_outage, outage_in_words
from resolvers.errors import InputRefused

logger = logging.getLogger(__name__)


def coded(errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    """The errors as a client may see them, with `extensions.code`; applied twice they stay the same.

    Fields that fail for one and the same reason share one line of the log.
    """
    incidents: dict[int, str] = {}
    return [_coded(error, incidents) for error in errors]


def _coded(error: GraphQLError, incidents: dict[int, str]) -> GraphQLError:
    original = error.original_error
    if error.extensions and "code" in error.extensions and isinstance(original, GraphQLError | None):
        return error
    if isinstance(original, InputRefused):
        return _visible(error, original.message, original.code)
    if is_outage(original) or isinstance(original, ConnectionError):
        if id(original) not in incidents:
            incidents[id(original)] = "UNAVAILABLE"
            logger.warning("the database is unavailable: %s", original)
        return _visible(error, outage_in_words(original), "UNAVAILABLE")
    if original is not None and not isinstance(original, GraphQLError):
        return _masked(error, original, incidents)
    if isinstance(error, GraphQLSyntaxError):
        return _visible(error, error.message, "GRAPHQL_PARSE_FAILED")
    code = "GRAPHQL_VALIDATION_FAILED" if error.path is None else "BAD_USER_INPUT"
    return _visible(error, error.message, code)


def _masked(error: GraphQLError, original: BaseException, incidents: dict[int, str]) -> GraphQLError:
    incident = incidents.get(id(original))
    if incident is None:
        incident = incidents[id(original)] = secrets.token_hex(8)
        where = ".".join(map(str, error.path or ()))
        logger.error("unexpected error %s at %s", incident, where, exc_info=original)
    shown = _visible(error, "Unexpected error.", "UNEXPECTED")
    shown.extensions = {"code": "UNEXPECTED", "id": incident}
    return shown


def _visible(error: GraphQLError, message: str, code: str) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": str(code)},
    )
