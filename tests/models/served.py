"""A real HTTP server in front of a real model, which answers as servers of OpenAI's completions API do."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import torch

VLLM = frozenset({"prompt_logprobs", "token_ids"})


class Fault:
    """An answer that is none. cut: how many bytes of it are sent, all where None."""

    def __init__(self, status=200, content=None, *, headers=None, cut=None):
        self.status = status
        self.content = {"error": {"message": "busy"}} if content is None else content
        self.headers = headers or {"retry-after-ms": "1"}
        self.cut = cut


class Served:
    """What is served, and what was asked of it.

    speaks: which ways of asking it knows, by the names of our dialects; "token_ids" tells the ids it writes.
    failures: statuses or `Fault`s to answer with before the next real answer. bad: a token id whose prompts it refuses
    (`refusal` says with which status). end: the token that ends what it writes. before: called before each POST is
    answered, by many threads at once. asked: bodies of POST, in order.
    """

    def __init__(self, model, tokenizer, *, failures=(), speaks=VLLM, max_model_len=64, bad=None, refusal=400):
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.failures = list(failures)
        self.speaks = frozenset(speaks)
        self.max_model_len = max_model_len
        self.bad = bad
        self.refusal = refusal
        self.end = None
        self.before = lambda: None
        self.asked = []
        self.lock = Lock()
        self.url = ""

    def models(self):
        return {"object": "list", "data": [{"id": "tiny", "object": "model", "max_model_len": self.max_model_len}]}

    def answer(self, path, request):
        """Status and JSON."""
        if path == "/v1/completions":
            if request.get("model") != "tiny":
                return 404, {"error": {"message": f"The model `{request.get('model')}` does not exist."}}
            prompts = _listed(request["prompt"])
            if self.bad is not None and any(self.bad in prompt for prompt in prompts):
                return self.refusal, {"error": {"message": f"token {self.bad} is forbidden here"}}
            return 200, self.completion(request)
        if path == "/v1/chat/completions":
            return 200, self.chat(request)
        if path == "/generate" and "input_ids" in request and "sglang" in self.speaks:
            return 200, [
                self._sglang(ids, begin)
                for ids, begin in zip(request["input_ids"], request["logprob_start_len"], strict=True)
            ]
        if path == "/generate" and "inputs" in request and "tgi" in self.speaks:
            return 200, self._tgi(request)
        return 404, {"detail": "Not Found"}

    def chat(self, request):
        """The first token after all messages, one after another, and the likeliest that it might have been."""
        said = self.tokenizer.encode("".join(turn["content"] for turn in request["messages"]))
        last = self.log_probs([self.tokenizer.bos_token_id, *said])[-1]
        told = [
            {"token": self.tokenizer.decode([token]), "logprob": float(last[token])}
            for token in last.topk(request["top_logprobs"]).indices.tolist()
        ]
        return {"choices": [{"index": 0, "message": {}, "logprobs": {"content": [{**told[0], "top_logprobs": told}]}}]}

    def completion(self, request):
        choices = [self._choice(index, prompt, request) for index, prompt in enumerate(_listed(request["prompt"]))]
        # Answers may come in any order: only `index` says whose they are.
        return {"id": "c", "object": "text_completion", "created": 0, "model": "tiny", "choices": choices[::-1]}

    @torch.no_grad()
    def log_probs(self, ids):
        return self.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)

    def _choice(self, index, prompt, request):
        ids = self.tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
        log_probs = self.log_probs(ids)
        of_prompt = [None, *(float(log_probs[place, token]) for place, token in enumerate(ids[1:]))]
        choice = {"index": index, "logprobs": None, "finish_reason": "length", "prompt_logprobs": None}
        if "prompt_logprobs" in self.speaks and request.get("prompt_logprobs") is not None:
            choice["prompt_logprobs"] = [
                None if value is None else {str(token): {"logprob": value, "rank": 1, "decoded_token": "?"}}
                for token, value in zip(ids, of_prompt, strict=True)
            ]
        if wanted := request.get("logprob_token_ids"):
            last = log_probs[-1]
            known = {f"token_id:{token}": float(last[token]) for token in wanted}
            choice["logprobs"] = {"top_logprobs": [known]} if "logprob_token_ids" in self.speaks else {}
        written = self._written(ids, request)
        if written and written[-1] == self.end:
            choice |= {"finish_reason": "stop", "stop_reason": None}
        if "echo" in self.speaks and request.get("echo"):
            choice["logprobs"] = {"token_logprobs": [*of_prompt, *(-1.0 for _ in written)]}
        if "token_ids" in self.speaks and request.get("return_token_ids"):
            choice["token_ids"] = written
        return {**choice, "text": self.tokenizer.decode(written)}

    @torch.no_grad()
    def _written(self, ids, request):
        written = []
        while len(written) < request.get("max_tokens", 16) and (not written or written[-1] != self.end):
            logits = self.model(torch.tensor([[*ids, *written]])).logits[0, -1]
            # As the API has it, one is the temperature where none is given.
            warm = request.get("temperature") if request.get("temperature") is not None else 1.0
            token = logits.argmax() if warm == 0 else torch.multinomial((logits / warm).softmax(-1), 1)
            written.append(int(token))
        return written

    def _sglang(self, ids, begin):
        log_probs = self.log_probs(ids)
        told = [[float(log_probs[place - 1, ids[place]]), ids[place], None] for place in range(begin + 1, len(ids))]
        return {"text": "", "meta_info": {"input_token_logprobs": [[None, ids[begin], None], *told]}}

    def _tgi(self, request):
        ids = [self.tokenizer.bos_token_id, *self.tokenizer.encode(request["inputs"])]
        log_probs = self.log_probs(ids)
        told = [{"id": ids[0], "text": "", "logprob": None}]
        told += [
            {"id": token, "text": "", "logprob": float(log_probs[place, token])} for place, token in enumerate(ids[1:])
        ]
        return {"generated_text": "", "details": {"prefill": told, "tokens": []}}


def _listed(prompt):
    return [prompt] if isinstance(prompt, str) or (prompt and isinstance(prompt[0], int)) else prompt


@contextmanager
def serving(model, tokenizer, **options):
    """The server at `served.url`, on a free port of 127.0.0.1, for as long as the context lasts."""
    served = Served(model, tokenizer, **options)

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self):
            self._answer(Fault(200, served.models(), headers={}))

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.before()
            with served.lock:
                if served.failures:
                    failure = served.failures.pop(0)
                    self._answer(failure if isinstance(failure, Fault) else Fault(failure))
                    return
                served.asked.append(request)
                status, content = served.answer(self.path, request)
                self._answer(Fault(status, content))

        def _answer(self, answer):
            body = json.dumps(answer.content).encode()[: answer.cut]
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
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
