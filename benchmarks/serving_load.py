"""The load that benchmarks/serving.py puts on three servers, and the servers themselves."""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carprice_assets.files import read_json

ROOT = Path(__file__).resolve().parents[1]
YARDSTICK = """
import sys
import numpy as np
import msgspec, uvicorn
from litestar import Litestar, Request, Response, post
kind, port, path, width = sys.argv[1:5]
model = None
if kind == "bare":
    import catboost
    model = catboost.CatBoost()
    model.load_model(path)
    rows = np.random.default_rng(0).random((1000, int(width))).astype(np.float32)
    row = rows[0].tolist()

@post("/", status_code=200)
async def answer(request: Request) -> Response:
    body = msgspec.json.decode(await request.body())
    if model is None:
        return Response(msgspec.json.encode(body), media_type="application/json")
    cars = len(body["cars"])
    found = model.predict([row] if cars == 1 else rows[:cars], thread_count=1 if cars == 1 else -1)
    prices = np.exp(found).tolist()
    return Response(msgspec.json.encode({"result": prices}), media_type="application/json")

app = Litestar([answer], openapi_config=None, logging_config=None)
uvicorn.run(app, port=int(port), log_level="error", access_log=False)
"""


@dataclass(frozen=True)
class Server:
    """A server under load."""

    name: str
    port: int
    path: str
    process: subprocess.Popen[bytes]

    def request(self, body: bytes) -> bytes:
        """The bytes of one request."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def resident(self) -> float:
        """Resident memory in megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1e3


class Connection:
    """One keep-alive connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""

    def send(self, request: bytes) -> None:
        """Send one request."""
        self.got = b""
        self.socket.sendall(request)

    def whole(self) -> bool:
        """Read what is there; whether the answer is complete."""
        self.got += self.socket.recv(1 << 20)
        head, found, body = self.got.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{self.server.name}: {self.got[:400]!r}")
        length = int(re.findall(rb"content-length: (\d+)", head.lower())[0])
        return len(body) >= length

    def ask(self, request: bytes) -> bytes:
        """Send one request and wait for its answer."""
        self.send(request)
        while not self.whole():
            pass
        return self.got.partition(b"\r\n\r\n")[2]


def timed(server: Server, bodies: Iterator[bytes], seconds: float) -> list[float]:
    """Milliseconds of each request of one client."""
    connection = Connection(server)
    found: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        request = server.request(next(bodies))
        begin = time.perf_counter()
        connection.ask(request)
        found.append(1e3 * (time.perf_counter() - begin))
    connection.socket.close()
    return found


def rate(server: Server, bodies: Iterator[bytes], seconds: float, clients: int) -> float:
    """Requests a second of ``clients`` clients that each wait for their answer."""
    ready = selectors.DefaultSelector()
    for _ in range(clients):
        connection = Connection(server)
        ready.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(server.request(next(bodies)))
    done, begin = 0, time.perf_counter()
    while (now := time.perf_counter()) - begin < seconds:
        for key, _ in ready.select(1.0):
            connection = key.data
            if connection.whole():
                done += 1
                connection.send(server.request(next(bodies)))
    for key in list(ready.get_map().values()):
        key.data.socket.close()
    return done / (now - begin)


@contextmanager
def servers(home: Path, market: str, release: Path) -> Iterator[list[Server]]:
    """The three servers, each as a process."""
    form = release / "content" / "regressors" / "catboost"
    width = len(read_json(form / "form.json")["feature_names"])
    running: list[Server] = []
    try:
        running.append(service(home, market))
        for name in ("bare", "echo"):
            port = free_port()
            words = ["-c", YARDSTICK, name, str(port), str(form / "model.cbm"), str(width)]
            process = subprocess.Popen([sys.executable, *words])
            running.append(Server(name, port, "/", process))
        for server in running:
            wait_for(server.port)
        yield running
    finally:
        for server in running:
            server.process.send_signal(signal.SIGTERM)
        for server in running:
            server.process.wait(30)


def service(home: Path, market: str) -> Server:
    """The service on a port of its own."""
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CARPRICE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "carprice_serving"],
        env=kept | {"CARPRICE_HOME": str(home), "CARPRICE_PORT": str(port)},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    return Server("service", port, f"/api/v1/{market}/valuations", process)


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    """Until somebody listens."""
    deadline = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
