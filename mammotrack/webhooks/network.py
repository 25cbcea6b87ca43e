"""One POST to an address that somebody else typed: looked up once, judged, and then used as judged.

Whoever registers an address must not reach the inside of the clinic's network with it. The name is
resolved here, every address it has is judged, and the connection goes to that very address, so
that a name which changes its mind between two look-ups gains nothing. Redirects are not followed.
"""

import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from django.conf import settings

from mammotrack.errors import Rejected

TIMEOUT_S = 5
MOST_READ = 4096  # of an answer, which nobody looks at
# Ways to write an IPv4 address as an IPv6 one that leads out of a translator.
TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))

Address = IPv4Address | IPv6Address


class WebhookAddressRefused(Rejected):
    """It leads inside, or is not an address."""

    code = "webhook_address_refused"


class Undeliverable(Exception):
    """The attempt failed; ``reason`` is a code."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


@dataclass(frozen=True)
class Target:
    """A judged address: where to connect, and what to call it."""

    scheme: str
    host: str
    port: int
    path: str
    address: str


def judged(url: str) -> Target:
    """Where that URL leads, or ``WebhookAddressRefused``."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError) as error:
        raise WebhookAddressRefused("A webhook's address begins with https://.") from error
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise WebhookAddressRefused("A webhook's address is a plain URL without a user.")
    addresses = _resolved(parts.hostname, port)
    allowed = [ipaddress.ip_network(text) for text in settings.WEBHOOK_NETWORKS]
    for address in addresses:
        _judge(address, scheme=parts.scheme, allowed=allowed)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port, path, str(addresses[0]))


def _resolved(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WebhookAddressRefused("There is no such host.") from error
    return [_plain(ipaddress.ip_address(str(entry[4][0]).partition("%")[0])) for entry in found]


def _plain(address: Address) -> Address:
    """An IPv4 address in IPv6 dress as what it is."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _judge(address: Address, *, scheme: str, allowed: list[IPv4Network | IPv6Network]) -> None:
    if any(address in network for network in allowed if network.version == address.version):
        return
    translated = any(address in network for network in TRANSLATED)
    if not address.is_global or address.is_multicast or translated:
        raise WebhookAddressRefused("This address is not one of the public network.")
    if scheme != "https":
        raise WebhookAddressRefused("Over the public network only https:// is used.")


def post(target: Target, body: bytes, headers: dict[str, str]) -> int:
    """Send it to the judged address; returns the status, or raises ``Undeliverable``."""
    connection = _Pinned(target)
    try:
        connection.request("POST", target.path, body, headers)
        response = connection.getresponse()
        response.read(MOST_READ)
    except TimeoutError as error:
        raise Undeliverable("timeout") from error
    except ssl.SSLError as error:
        raise Undeliverable("tls") from error
    except (OSError, http.client.HTTPException) as error:
        raise Undeliverable("no_connection") from error
    finally:
        connection.close()
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise Undeliverable("refused", response.status)
    return response.status


class _Pinned(http.client.HTTPConnection):
    """Connects to the judged address, and checks the certificate of the name."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=TIMEOUT_S)
        self._target = target

    def connect(self) -> None:
        plain = socket.create_connection((self._target.address, self._target.port), TIMEOUT_S)
        if self._target.scheme == "https":
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(plain, server_hostname=self._target.host)
        else:
            self.sock = plain
