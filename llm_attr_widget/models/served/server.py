"""One server: a request to it, repeated while it is busy, and what its refusals mean."""

from __future__ import annotations

import email.utils
import os
import random
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, TypeAlias, cast

from llm_attr_widget.errors import CapabilityError, InputError, ScoreError, discreet, made_discreet

Ask: TypeAlias = Callable[[str, Mapping[str, Any]], Any]
"""A path of the server's and a body → the JSON of its answer."""
NO_KEY = "EMPTY"
"""What servers that ask for no key are given."""
ROOT = "root:"
"""Before a path that lies beside the `/v1` of OpenAI's protocol."""
AGAIN = (408, 409, 425, 429)
"""Statuses, besides those from 500 on, that the same request may well not meet again."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
"""Seconds between two tries where the server does not say how long; each wait is twice the one before."""


class Refusal(InputError):
    """A server will not do what it was asked: the caller's mistake, in the server's own words.

    status: HTTP's. alone: whether it may be about one prompt of the request.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        self.alone = status in (400, 413, 422)


class Lost(ScoreError):
    """A server that gave no answer in the end, or asks to wait for longer than we do.

    alone: whether it may be about one prompt of the request, whose other prompts it would answer. spent: whether asking
    again is of no use for now.
    """

    def __init__(self, message: str, *, alone: bool = False, spent: bool = False) -> None:
        super().__init__(message)
        self.alone = alone
        self.spent = spent


class Server:
    """Where a model is served, by OpenAI's protocol.

    client: an `openai.OpenAI`. retries: how often a request is sent again after a lost connection, a timeout, an answer
    cut short, 408, 409, 425, 429 or 5xx. patience: the longest wait in seconds that it may ask for.
    """

    def __init__(self, client: Any, *, retries: int, patience: float) -> None:
        self._client = client.with_options(max_retries=0)  # they are counted here, where a closed run ends the waiting
        self._retries = retries
        self._patience = patience

    @property
    def address(self) -> str:
        """As it was given: requests go there. See `place`."""
        return str(self._client.base_url).rstrip("/")

    @property
    def place(self) -> str:
        """The address as it may be shown."""
        return self.shown(self.address)

    def shown(self, text: object) -> str:
        """As it may be shown: without credentials, and without the key, should an answer quote it."""
        return discreet(str(text), *self._keys())

    def hide(self, error: BaseException) -> None:
        """Take out of an error what must not be shown."""
        made_discreet(error, *self._keys())

    def _keys(self) -> tuple[str, ...]:
        key = getattr(self._client, "api_key", None)
        return (key,) if isinstance(key, str) and key != NO_KEY else ()

    def models(self) -> list[Any]:
        """What it says of each model that it serves. Raises Refusal and Lost."""
        listed = self._tried("GET", "/models", None, Event())
        data = cast("Mapping[str, Any]", listed).get("data") if isinstance(listed, Mapping) else None
        if not isinstance(data, list):
            raise Refusal(f"Expected a list of models from {self.place}/models, got {self.shown(listed)[:200]!r}.", 404)
        return data

    def asking(self, closed: Event) -> Ask:
        """What posts a body and gives the JSON of the answer. closed: set, it ends all waiting.

        It raises Refusal for what the server will not do, Lost where there is no answer in the end.
        """

        def ask(path: str, body: Mapping[str, Any]) -> Any:
            whole = f"{self.address.removesuffix('/v1')}{path[len(ROOT) :]}" if path.startswith(ROOT) else path
            return self._tried("POST", whole, body, closed)

        return ask

    def _tried(self, method: str, path: str, body: Mapping[str, Any] | None, closed: Event) -> Any:
        from openai import APIConnectionError, APIStatusError

        tried = 0
        while True:
            asked, wait = None, min(FIRST_WAIT * 2**tried, LONGEST_WAIT)
            try:
                return self._sent(method, path, body)
            except APIStatusError as error:
                cause, failed, asked = error, self._told(error), _seconds_asked(error.response.headers)
            except (APIConnectionError, ValueError) as error:
                cause, failed = error, self._silent(error)
            for one in (cause, failed):  # what the library quotes is printed with ours
                self.hide(one)
            if not isinstance(failed, Lost) or failed.spent or tried == self._retries:
                raise failed from cause
            if asked is not None and asked > self._patience:
                raise Lost(
                    f"The server asks to wait {_spoken(asked)}, which is longer than the patience of "
                    f"{self._patience:g} s. What was played is kept: go on then, or give more patience. {failed}"
                ) from cause
            tried += 1
            # Not all at the same moment, where many requests were turned away at once.
            if closed.wait(wait * random.uniform(0.75, 1) if asked is None else asked):  # noqa: S311 (no secret)
                raise Lost("The run was closed.") from cause

    def _sent(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        """Raises ValueError for an answer that is no JSON: cut short, or a page for people."""
        if method == "GET":
            answer = self._client.get(path, cast_to=object)
        else:
            answer = self._client.post(path, cast_to=object, body=dict(body or {}))
        if not isinstance(answer, Mapping | list):
            raise ValueError(f"no JSON: {str(answer)[:200]!r}")  # noqa: TRY004 (as a JSON decoder would)
        return cast("Any", answer)

    def _told(self, error: Any) -> Refusal | Lost:
        status, words = int(error.status_code), _words(error)
        if status == 429 and "insufficient_quota" in str(error.body):
            return Lost(f"The server at {self.place} has no more for this key: HTTP 429: {words}", spent=True)
        if status in AGAIN or (status >= 500 and status != 501):
            said = f"The server at {self.place} did not answer: HTTP {status}: {words}"
            return Lost(f"{said} See its log, or try again later.", alone=status == 500)
        said = f"The server at {self.place} refuses: HTTP {status}: {words}"
        if status in (401, 403):
            return Refusal(f"{said} Give the right key: api_key=…, or the environment's OPENAI_API_KEY.", status)
        if status == 404:
            return Refusal(f"{said} Check model=… and the address, which usually ends in /v1.", status)
        return Refusal(said, status)

    def _silent(self, error: Exception) -> Lost:
        cause = error.__cause__ or error
        said = f"{type(error).__name__}: {cause if str(cause) else error}"
        cut = isinstance(error, ValueError)
        return Lost(
            f"The server at {self.place} did not answer{' in full' if cut else ''}: {said}. "
            "Check the address and that it runs; for a slow one give a longer timeout or a smaller batch."
        )


def connect(base_url: str, api_key: str | None, timeout: float) -> Any:
    """A client of OpenAI's package. api_key: None is the environment's OPENAI_API_KEY, or none.

    Raises CapabilityError where the package is missing.
    """
    try:
        from openai import OpenAI
    except ImportError as error:
        raise CapabilityError("OpenAIModel needs the openai package: pip install 'llm_attr_widget[remote]'.") from error
    key = api_key or os.environ.get("OPENAI_API_KEY", NO_KEY)
    return OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=timeout)


def _words(error: Any) -> str:
    """The server's own: where OpenAI, vLLM, SGLang, TGI and FastAPI put them."""
    body = error.body
    for name in ("message", "detail", "error"):
        if isinstance(body, Mapping) and name in body:
            body = cast("Mapping[str, Any]", body)[name]
    words = str(body or error.message).strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _seconds_asked(headers: Mapping[str, str]) -> float | None:
    """What `retry-after-ms` or `Retry-After` (seconds, or a date) asks for; None where there is none to be read."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return float(milliseconds) / 1000
        if (asked := headers.get("retry-after")) is None:
            return None
        if asked.strip().replace(".", "", 1).isdigit():
            return float(asked)
        return max(email.utils.parsedate_to_datetime(asked).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _spoken(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
