"""A real vLLM server on a free port, and a proxy in front of it that spoils what a test tells it to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tests.remote.install import python_of_vllm
from tests.waiting import until

STARTED_BY = ("-m", "vllm.entrypoints.openai.api_server")
CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
}


@contextmanager
def vllm(model: Path, log: Path, *options: str):
    """The address of a server of the model, `…/v1`, and its process, for as long as the context lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = ("--model", str(model), "--served-model-name", "tiny", "--dtype", "float32", "--enforce-eager")
    where = ("--host", "127.0.0.1", "--port", str(port))
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [python_of_vllm(), *STARTED_BY, *chosen, *where, *options],
            env={**inherited, **CPU},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: _healthy(port, process, log), 600)
            yield f"http://127.0.0.1:{port}/v1", process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(60)


def _healthy(port, process, log) -> bool:
    assert process.poll() is None, log.read_text(encoding="utf-8")[-3000:]
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


@dataclass
class Proxy:
    """What stands between. asked: bodies that were let through, and spoilt. Each POST takes one of `faults`.

    A fault is None (let it through), a status, "cut" (half of the true answer), or "hang up".
    """

    address: str
    target: str
    asked: list[dict] = field(default_factory=list)
    faults: deque = field(default_factory=deque)
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def proxy(target: str):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 120

        def do_GET(self):
            self._forward(None, None)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.asked.append(json.loads(body))
            self._forward(body, made.faults.popleft() if made.faults else None)

        def _forward(self, body, fault):
            if fault == "hang up":
                self.close_connection = True
                return
            if isinstance(fault, int):
                self._answer(fault, json.dumps({"error": {"message": "spoilt by the proxy"}}).encode(), made.headers)
                return
            path = self.path.removeprefix("/v1")
            request = Request(f"{target}{path}", data=body, headers={"Content-Type": "application/json"})
            try:
                with urlopen(request, timeout=110) as answer:
                    status, content = answer.status, answer.read()
            except HTTPError as error:
                status, content = error.code, error.read()
            except URLError:
                self.close_connection = True
                return
            self._answer(status, content[: len(content) // 2] if fault == "cut" else content, {})

        def _answer(self, status, content, headers):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Proxy(f"http://127.0.0.1:{server.server_port}/v1", target)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
