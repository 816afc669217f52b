"""The client where nothing answers: one kind of error, and one line that says why."""

from __future__ import annotations

import socket
from threading import Thread

import pytest

from carprice_serving.client import Client, ClientError, Refused, Unreachable


@pytest.mark.parametrize(
    "base",
    ["127.0.0.1:8000", "localhost", "", "ftp://host", "http://", "http:///x", "http://host:eighty",
     "http://[::1", "https:host"],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_once(base: str) -> None:
    with pytest.raises(ClientError, match="must be http://host or https://host"):
        Client(base)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ClientError) as refused:
        Client("ftp://me:secret@host")
    assert "secret" not in str(refused.value)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}") as client,
        pytest.raises(Unreachable, match=f"no answer from http://127.0.0.1:{port}: ") as told,
    ):
        client.get_health()
    assert isinstance(told.value, ClientError)
    assert issubclass(Refused, ClientError)


@pytest.mark.parametrize("answer", [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nConte"])
def test_what_answers_is_no_service(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = Thread(target=once)
        thread.start()
        base = f"http://127.0.0.1:{server.getsockname()[1]}"
        with Client(base) as client, pytest.raises(ClientError):
            client.get_health()
        thread.join()
