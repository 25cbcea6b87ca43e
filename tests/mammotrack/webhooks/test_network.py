"""Addresses that somebody typed never lead inside."""

import socket

import pytest

from mammotrack.webhooks import network


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0",
        "0.0.0.0",  # noqa: S104 -- to refuse
        "2130706433",
        "0x7f000001",
        "017700000001",
        "localhost",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:7f00:1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
    ],
)
def test_I07_what_leads_inside_is_refused(host):
    with pytest.raises(network.WebhookAddressRefused):
        network.judged(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "ftp://93.184.215.14/",
        "file:///etc/passwd",
        "gopher://93.184.215.14/",
        "https://",
        "https://:443/",
        "https://user:secret@93.184.215.14/",
        "https://93.184.215.14/#part",
        "https://93.184.215.14:99999/",
        "https://93.184.215.14:x/",
        "https://no-such-host.invalid/",
        f"https://{'a' * 70}.example/",
        "http://93.184.215.14/",  # not encrypted
    ],
)
def test_I07_what_is_no_address_of_the_public_network_is_refused(url):
    with pytest.raises(network.WebhookAddressRefused):
        network.judged(url)


def test_I07_a_public_address_is_judged_once_and_used_as_judged():
    target = network.judged("https://93.184.215.14:8443/hook?of=1")

    assert target == network.Target("https", "93.184.215.14", 8443, "/hook?of=1", "93.184.215.14")


def test_I07_every_address_of_a_name_is_judged(monkeypatch):
    """A name with one address outside and one inside."""
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("8.8.8.8", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)

    with pytest.raises(network.WebhookAddressRefused):
        network.judged("https://rebinding.example/")


def test_I07_the_connection_goes_to_the_judged_address(settings):
    """Whatever the name leads to by then: it is not looked up again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        target = network.Target("http", "elsewhere.invalid", port, "/", "127.0.0.1")
        server.settimeout(5)
        with pytest.raises(network.Undeliverable):
            _post_and_hang_up(server, target)


def _post_and_hang_up(server, target):
    from concurrent.futures import ThreadPoolExecutor

    def hang_up():
        peer, _ = server.accept()
        with peer:
            return peer.recv(4096)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(hang_up)
        try:
            network.post(target, b"{}", {})
        finally:
            assert b"Host: elsewhere.invalid" in asked.result()


def test_I07_the_operators_own_networks_are_let_through(settings):
    settings.WEBHOOK_NETWORKS = ["10.20.0.0/16"]

    assert network.judged("http://10.20.3.4/hook").address == "10.20.3.4"
    for other in ("https://10.21.0.1/", "https://127.0.0.1/", "http://93.184.215.14/"):
        with pytest.raises(network.WebhookAddressRefused):
            network.judged(other)
