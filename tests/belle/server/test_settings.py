"""Which names a server answers to, and whom it can be reached by."""

from __future__ import annotations

import socket

import pytest

from belle.server.settings import ServerSettings, answers_to


@pytest.mark.parametrize(
    ("header", "here", "in_the_network"),
    [
        ("127.0.0.1:8080", True, True),
        ("localhost", True, True),
        ("[::1]:1", True, True),
        ("192.168.1.5:8080", False, True),
        ("[fe80::1]", False, True),
        (socket.gethostname(), False, True),
        ("evil.example", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("named.example:9", True, True),
        ("", False, False),
        ("[", False, False),
    ],
)
def test_a_host_is_an_address_or_a_name_of_this_computer(header: str, here: bool, in_the_network: bool) -> None:
    for host, expected in (("127.0.0.1", here), ("0.0.0.0", in_the_network)):
        assert answers_to(header, ServerSettings(host=host, allowed_hosts=("named.example",))) == expected
