"""A real HTTP server in front of a real model, which answers as vLLM's completions API does."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import torch


class Served:
    """What is served, and what was asked of it.

    failures: HTTP statuses to answer with before the first real answer. prompt_logprobs: whether it knows them.
    """

    def __init__(self, model, tokenizer, *, failures=(), prompt_logprobs=True, max_model_len=64):
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.failures = list(failures)
        self.prompt_logprobs = prompt_logprobs
        self.max_model_len = max_model_len
        self.asked = []
        self.lock = Lock()
        self.url = ""

    def models(self):
        return {"object": "list", "data": [{"id": "tiny", "object": "model", "max_model_len": self.max_model_len}]}

    def completion(self, request):
        prompts = request["prompt"]
        if isinstance(prompts, str) or (prompts and isinstance(prompts[0], int)):
            prompts = [prompts]
        choices = [self._choice(index, prompt, request) for index, prompt in enumerate(prompts)]
        # Answers may come in any order: only `index` says whose they are.
        return {"id": "c", "object": "text_completion", "created": 0, "model": "tiny", "choices": choices[::-1]}

    @torch.no_grad()
    def _choice(self, index, prompt, request):
        ids = self.tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
        log_probs = self.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        listed = None
        if self.prompt_logprobs and request.get("prompt_logprobs") is not None:
            listed = [None] + [
                {str(token): {"logprob": float(log_probs[place, token]), "rank": 1, "decoded_token": "?"}}
                for place, token in enumerate(ids[1:])
            ]
        written = []
        for _ in range(request.get("max_tokens", 16)):
            logits = self.model(torch.tensor([[*ids, *written]])).logits[0, -1]
            # As the API has it, one is the temperature where none is given.
            warm = request.get("temperature") if request.get("temperature") is not None else 1.0
            token = logits.argmax() if warm == 0 else torch.multinomial((logits / warm).softmax(-1), 1)
            written.append(int(token))
        text = self.tokenizer.decode(written)
        return {"index": index, "text": text, "logprobs": None, "finish_reason": "length", "prompt_logprobs": listed}


@contextmanager
def serving(model, tokenizer, **options):
    """The server at `served.url`, on a free port of 127.0.0.1, for as long as the context lasts."""
    served = Served(model, tokenizer, **options)

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self):
            self._answer(200, served.models())

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with served.lock:
                if served.failures:
                    self._answer(served.failures.pop(0), {"error": {"message": "busy"}})
                    return
                served.asked.append(request)
                self._answer(200, served.completion(request))

        def _answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
