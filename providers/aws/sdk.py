"""The only door to aiobotocore: untyped objects and the SDK's exceptions stay behind it.

The SDK is imported at the first request, in a thread: it takes about a second and 60 MB, which a server that
never meets AWS does not pay. It sends each request exactly once; sending again is decided in client.py.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any, cast

from pydantic import JsonValue

from providers import web
from providers.aws.connecting import AwsConnectorSpec, Keys
from providers.aws.values import CONNECTOR_TYPE
from providers.telemetry import count_answer
from providers.tracing import TRACING, Kind
from providers.tree import Tree

USER_AGENT = "unship/0.1.0"
SESSION_NAME = "unship"
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)[\s/>]")


class Sdk:
    """One identity at AWS, and a client for each service and region, made when first needed."""

    def __init__(self, spec: AwsConnectorSpec, session: Any) -> None:
        self._spec = spec
        self._session = session
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = asyncio.Lock()
        self._opened = AsyncExitStack()

    @classmethod
    async def open(cls, spec: AwsConnectorSpec, keys: Keys | None) -> Sdk:
        """A new session; raises the SDK's own errors."""
        session = await asyncio.to_thread(_new_session, spec)
        if keys is not None:
            session.set_credentials(keys.access_key, keys.secret_key, keys.session_token)
        if spec.role_arn is None:
            return cls(spec, session)
        assumed = await asyncio.to_thread(_new_session, spec)
        role = _role(session, spec, await session.get_credentials())
        assumed.register_component("credential_provider", _Chosen(role))
        return cls(spec, assumed)

    async def send(self, service: str, region: str, operation: str, parameters: Tree) -> Tree:
        """One request; the answer as plain JSON. Raises the SDK's own errors, which sdk_faults.py reads."""
        client = await self._client(service, region)
        method = getattr(client, _xform_name(operation))
        known = {"unship.platform": CONNECTOR_TYPE, "rpc.service": service, "rpc.method": operation}
        with TRACING.span(f"{service} {operation}", Kind.REQUEST, known):
            try:
                answer = cast("dict[str, Any]", await method(**parameters))
            except Exception as error:
                count_answer(CONNECTOR_TYPE, _status_of(getattr(error, "response", None)))
                raise
        count_answer(CONNECTOR_TYPE, _status_of(answer))
        return {key: _plain(value) for key, value in answer.items() if key != "ResponseMetadata"}

    async def input_shape(self, service: str, region: str, operation: str) -> Any:
        """The SDK's description of an operation's parameters."""
        client = await self._client(service, region)
        return client.meta.service_model.operation_model(operation).input_shape

    async def close(self) -> None:
        self._clients.clear()
        await self._opened.aclose()

    async def _client(self, service: str, region: str) -> Any:
        found = self._clients.get((service, region))
        if found is not None:
            return found
        async with self._making:
            found = self._clients.get((service, region))
            if found is None:
                await asyncio.to_thread(_load, service)
                making = self._session.create_client(
                    service,
                    region_name=region,
                    endpoint_url=self._spec.endpoint_url,
                    config=_config(),
                    verify=_authorities(self._spec),
                )
                found = await self._opened.enter_async_context(making)
                found.meta.events.register("before-parse", _refuse_garbage)
                self._clients[service, region] = found
        return found


def _authorities(spec: AwsConnectorSpec) -> bool | None:
    """None: the SDK's own certificate authorities. Reading them takes 50 ms, which plain HTTP has no use for."""
    return False if (spec.endpoint_url or "").startswith("http://") else None


def _role(session: Any, spec: AwsConnectorSpec, source: Any) -> Any:
    """Credentials of the role, assumed as `source` when first needed and renewed before they end."""
    credentials = import_module("aiobotocore.credentials")
    if source is None:
        raise import_module("botocore.exceptions").NoCredentialsError

    def sts(service: str, **keys: object) -> object:
        return session.create_client(
            service, region_name=spec.region, endpoint_url=spec.endpoint_url, config=_config(), **keys
        )

    further = {"RoleSessionName": SESSION_NAME}
    if spec.external_id is not None:
        further["ExternalId"] = spec.external_id
    fetcher = credentials.AioAssumeRoleCredentialFetcher(sts, source, spec.role_arn, extra_args=further)
    return credentials.AioDeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


class _Chosen:
    """A credential provider that has one answer."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    async def load_credentials(self) -> Any:
        return self._credentials


def _new_session(spec: AwsConnectorSpec) -> Any:
    session = import_module("aiobotocore.session").AioSession(profile=spec.profile)
    session.register_component("data_loader", _loader())
    return session


@cache
def _loader() -> Any:
    """The SDK's description of all services; one for the process, because each service is some megabytes."""
    return import_module("botocore.loaders").create_loader()


@cache
def _load(service: str) -> None:
    """Read what a client needs from disk, so that making one does not hold up the event loop."""
    loader = _loader()
    for name in ("_retry", "endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data_with_path(name)
    for kind in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model(service, kind)


def _config() -> Any:
    return import_module("aiobotocore.config").AioConfig(
        user_agent=USER_AGENT,
        retries={"total_max_attempts": 1},
        connect_timeout=web.SILENCE_SECONDS,
        read_timeout=web.SILENCE_SECONDS,
        max_pool_connections=50,
    )


@cache
def _xform_name(operation: str) -> str:
    return import_module("botocore").xform_name(operation)


def _refuse_garbage(operation_model: Any, response_dict: dict[str, Any], **_: object) -> None:
    """The SDK takes whatever is no JSON for an answer without content: for "there is nothing"."""
    if response_dict["status_code"] >= 300:
        return
    body: bytes = response_dict["body"]
    protocol = operation_model.service_model.resolved_protocol
    if protocol in ("query", "ec2"):
        sound = _has_root(body, f"{operation_model.name}Response".encode())
    else:
        sound = _is_json_object(body) or (not body and not operation_model.output_shape)
    if not sound:
        raise import_module("botocore.parsers").ResponseParserError("the answer is not of this API")


def _status_of(answer: object) -> int | None:
    """The HTTP status that the SDK keeps with an answer; None where there was none."""
    if not isinstance(answer, dict):
        return None
    status: int | None = cast("dict[str, Any]", answer).get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status


def _has_root(body: bytes, name: bytes) -> bool:
    found = _ROOT.search(body)
    return found is not None and found.group(1) == name


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _plain(value: object) -> JsonValue:
    """The SDK's value as JSON: moments as ISO 8601 in UTC, bytes as base64."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[object]", value)]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
