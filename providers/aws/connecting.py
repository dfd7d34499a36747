"""A connector of type Aws: where the API is, and who we are to it. Secrets are read when they are needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from providers.connectors import Connector, ConnectorsError, resolve_reference
from providers.errors import ProviderRefused


class AwsConnectorSpec(BaseModel):
    """The `spec` of a connector of type Aws.

    Without keys and profile the SDK's own chain finds the credentials: environment, web identity, container or
    instance role. With `role_arn` these are used to assume that role. `endpoint_url` takes the place of AWS's own
    addresses, for every service.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )
    region: str = Field(min_length=1)
    endpoint_url: str | None = None
    access_key_ref: str | None = None
    secret_key_ref: str | None = None
    session_token_ref: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> AwsConnectorSpec:
        if (self.access_key_ref is None) != (self.secret_key_ref is None):
            raise ValueError("accessKeyRef and secretKeyRef belong together")
        if self.session_token_ref is not None and self.access_key_ref is None:
            raise ValueError("sessionTokenRef needs accessKeyRef and secretKeyRef")
        if self.access_key_ref is not None and self.profile is not None:
            raise ValueError("profile and accessKeyRef exclude each other")
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("externalId needs roleArn")
        if self.endpoint_url is not None and urlsplit(self.endpoint_url).scheme not in ("http", "https"):
            raise ValueError("endpointUrl must be http://... or https://...")
        return self


@dataclass(frozen=True)
class Keys:
    """Long-lived or temporary keys, as the references say at this moment."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def read_keys(spec: AwsConnectorSpec, connector: Connector) -> Keys | None:
    """The keys behind the references, read now; None where the spec has none. Reads files: not for the loop."""
    if spec.access_key_ref is None or spec.secret_key_ref is None:
        return None
    try:
        token = spec.session_token_ref
        return Keys(
            resolve_reference(spec.access_key_ref, connector.directory),
            resolve_reference(spec.secret_key_ref, connector.directory),
            resolve_reference(token, connector.directory) if token is not None else None,
        )
    except ConnectorsError as error:
        message = f'The credentials of connector "{connector.identifier}" cannot be read. {error}'
        raise ProviderRefused(message) from error
