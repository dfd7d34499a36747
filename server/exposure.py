"""Who can reach the server, and whether that is safe: the settings about it, judged together. Pure.

Imports nothing of the project; server.settings asks it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Exposure:
    """The settings that belong together; `authenticates` is whether callers need credentials."""

    host: str
    authenticates: bool
    behind_proxy: bool
    tls_certificate: Path | None
    tls_key: Path | None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def danger_of(exposure: Exposure) -> str | None:
    """Why a server with these settings must not start, and what to do; None where it may."""
    certificate, key = exposure.tls_certificate, exposure.tls_key
    if (certificate is None) != (key is None):
        missing = "UNSHIP_TLS_KEY" if key is None else "UNSHIP_TLS_CERTIFICATE"
        return f"{missing}: a certificate and its key belong together; set both, or neither"
    for name, path in (("UNSHIP_TLS_CERTIFICATE", certificate), ("UNSHIP_TLS_KEY", key)):
        if path is not None and not path.is_file():
            return f"{name}: there is no file {path}"
    if is_loopback(exposure.host):
        return None
    if not exposure.authenticates:
        return (
            f"UNSHIP_HOST: {exposure.host} can be reached from other machines, but UNSHIP_AUTH=none lets everybody"
            " do everything; listen on 127.0.0.1 and put a proxy that authenticates in front of it, or set"
            " UNSHIP_AUTH=token or oidc"
        )
    if certificate is None and not exposure.behind_proxy:
        return (
            f"UNSHIP_HOST: {exposure.host} can be reached from other machines, and tokens would travel in the"
            " clear; set UNSHIP_TLS_CERTIFICATE and UNSHIP_TLS_KEY, or UNSHIP_BEHIND_PROXY=true where a proxy that"
            " speaks TLS is the only one that can reach it"
        )
    return None


def complaint_about_issuer(issuer: str, audience: str, jwks_url: str) -> str | None:
    """What UNSHIP_AUTH=oidc still needs; None where it has everything."""
    given = {"UNSHIP_OIDC_ISSUER": issuer, "UNSHIP_OIDC_AUDIENCE": audience, "UNSHIP_OIDC_JWKS_URL": jwks_url}
    for name, value in given.items():
        if not value:
            return f"{name}: UNSHIP_AUTH=oidc needs it; set {', '.join(given)}"
    parts = urlsplit(jwks_url)
    if parts.scheme == "https" and parts.hostname:
        return None
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return None
    return "UNSHIP_OIDC_JWKS_URL: keys are believed, so they are fetched by https:// alone (or from this machine)"
