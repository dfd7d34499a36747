"""Which network addresses an Http step may call: not those where machines keep their credentials."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from pipelines.documents.failure import FailureKind
from pipelines.steps.values import StepFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Link-local holds the metadata services of most clouds; the single addresses are those of the others.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "0.0.0.0/8",
        "::/128",
        "224.0.0.0/4",
        "ff00::/8",
    )
)
# The last four bytes of these are an IPv4 address, for those who translate.
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))


async def allowed_addresses(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host name, in the system's order; the caller connects to one of these and no other.

    Raises StepFailed where there is none, or any of them is refused. Loopback is allowed: scripts, which could
    call it as well, are the operator's decision.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StepFailed(f'The host "{host}" cannot be found.', FailureKind.CONNECTIVITY) from error
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    if any(is_refused(address) for address in addresses):
        raise StepFailed(f'The host "{host}" has an address that Http steps may not call.')
    return addresses


def is_refused(address: str) -> bool:
    """Whether the address, or the IPv4 address inside it, is among the refused ones."""
    plain = _unwrapped(ipaddress.ip_address(address.split("%", maxsplit=1)[0]))
    return any(plain in network for network in _REFUSED if network.version == plain.version)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback:
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour or address
