"""Nothing that is shown of a server holds a secret: neither its name nor its errors, whatever it answers."""

from __future__ import annotations

import json
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from llm_attr_widget.errors import AttributionError, discreet
from llm_attr_widget.models.chat import ChatModel
from llm_attr_widget.models.openai import OpenAIModel
from tests.models.huggingface.families import build
from tests.models.huggingface.test_slopes import Tok
from tests.models.served import serving

KEY = "open-sesame-77"
NAME = f"https://me:hunter22@models.example/{KEY}"


@contextmanager
def answering(status: int, body: object) -> Generator[str, None, None]:
    """The address of a server that says the same to everything; with credentials and a key in it."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = answer  # noqa: N815  (names of the standard library's)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the standard library calls it so)
            del format, args  # nothing is printed

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://me:hunter22@127.0.0.1:{server.server_port}/v1?api_key=x{KEY}&limit=3"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": {"message": f"Incorrect key {KEY} in Bearer {KEY}", "code": KEY}}),
        (500, {"detail": [f"Authorization: Bearer {KEY}", "at https://me:hunter22@models.example"]}),
        (200, {"choices": [], "echo": KEY}),
    ],
)
def test_no_error_of_a_server_holds_a_secret(status: int, body: object) -> None:
    with answering(status, body) as url, pytest.raises(AttributionError) as raised:
        OpenAIModel(url, api_key=KEY, model=NAME, retries=0)
    printed = "".join(traceback.format_exception(raised.value)).replace(__file__, "")
    assert "127.0.0.1" in printed
    for secret in (KEY, "hunter22"):
        assert secret not in printed


def test_neither_name_nor_repr_of_a_model_holds_a_secret() -> None:
    with serving(build("llama"), Tok()) as served:
        url = served.url.replace("http://", "http://me:hunter22@") + f"?api_key=x{KEY}"
        remote = OpenAIModel(served.url.replace("http://", "http://me:hunter22@"), api_key=KEY, model="tiny")
        chat = ChatModel(served.url.replace("http://", "http://me:hunter22@"), labels=["a"], api_key=KEY, model="tiny")
        for text in (repr(remote), remote.name, repr(chat), chat.name, discreet(url)):
            assert KEY not in text
            assert "hunter22" not in text
    assert repr(remote).startswith("OpenAIModel('tiny' at http://…@127.0.0.1")
    assert "hunter22" in remote.fingerprint  # by which ledgers are told apart; they keep its hash
