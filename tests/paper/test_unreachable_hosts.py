"""What a user reads when a host cannot be reached over SSH; the causes themselves are had in tests/hosts/test_ssh.py."""

from __future__ import annotations

import socket

import pytest

from etcdpilot.hosts.blame import unreachable
from etcdpilot.hosts.login import Login


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (socket.EAI_NONAME, "The name web.example.test is unknown here."),
        (socket.EAI_AGAIN, "No name server answered for web.example.test."),
    ],
)
def test_a_name_that_does_not_exist_and_a_name_server_that_is_silent_are_told_apart(code: int, why: str) -> None:
    failed = unreachable("web", Login(host="web.example.test"), socket.gaierror(code, "as the resolver words it"))
    assert failed.why == why
