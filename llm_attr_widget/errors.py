"""The error tree: one root, so that `except AttributionError` catches all that this package raises on purpose.

And what an error may say: see `discreet`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

MEANT = {
    "n_samples": "budget",
    "nsamples": "budget",
    "num_samples": "budget",
    "n_trials": "trials",
    "num_trials": "trials",
    "random_state": "seed",
    "contrast": "against",
    "level": "granularity",
    "max_tokens": "max_new_tokens",
    "generation_kwargs": "gen_args",
    "generate_kwargs": "gen_args",
    "tok": "tokenizer",
    "processor": "tokenizer",
    "text": "prompt",
    "show_progress": "progress",
}
"""What other packages call an argument of ours."""


class AttributionError(Exception):
    """Root of this package's errors. The message says what was expected, what came, and what to do next."""


class InputError(AttributionError, ValueError):
    """The prompt, its features or its baselines cannot be used as given."""


class TargetError(AttributionError, ValueError):
    """The target is empty, outside the vocabulary, or does not fit after the prompt."""


class MethodError(AttributionError, ValueError):
    """The method's parameters, or the coalitions given to its fit, do not make sense for it."""


class ScoreError(AttributionError, RuntimeError):
    """The model returned something that cannot be a log-prob (NaN, a wrong shape)."""


class CapabilityError(AttributionError, TypeError):
    """The model lacks what the method needs (gradients, generation, a tokenizer that fits)."""


class MissingPackage(CapabilityError, ImportError):
    """A package that only this needs is not installed."""


class LedgerError(AttributionError, ValueError):
    """A ledger does not belong to this game, or its file cannot be read."""


class ProtocolError(AttributionError, ValueError):
    """A message between the front end and the kernel could not be decoded."""


class Cancelled(AttributionError):
    """The run was stopped. What had been played stays in the ledger."""


def require_package(name: str, *, extra: str, what: str) -> None:
    """Import a package that not everybody has. Raises MissingPackage, which says how to get it.

    extra: that of ours which brings it. what: what needs it, the beginning of a sentence.
    """
    try:
        import_module(name)
    except ImportError as error:
        raise missing(name, error, extra=extra, what=what) from error


def missing(name: str, error: ImportError, *, extra: str, what: str) -> MissingPackage:
    """What to raise for a package that could not be imported. extra, what: as of `require_package`."""
    return MissingPackage(
        f"{what} needs {name}, which cannot be imported here ({error}). "
        f"Install it with: pip install 'llm_attr_widget[{extra}]'."
    )


def known_keywords(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """The same function, whose TypeError for an unknown keyword names the one that is likely meant."""
    names = [name for name in inspect.signature(function).parameters if name != "self"]

    @wraps(function)
    def checked(*given: Given.args, **options: Given.kwargs) -> Answer:
        for name in options:
            if name not in names:
                raise TypeError(_unknown(function.__qualname__.removesuffix(".__init__"), name, names))
        return function(*given, **options)

    return checked


def _unknown(owner: str, name: str, names: list[str]) -> str:
    synonym = MEANT.get(name)
    close = [synonym] if synonym in names else get_close_matches(name, names, 1)
    hint = f"Did you mean {close[0]!r}?" if close else f"It takes {', '.join(names)}."
    return f"{owner}() got an unexpected keyword argument {name!r}. {hint}"


_NAMED = (
    r"(?:api|access|subscription)[_-]?keys?(?:[_-]?id)?", r"(?:access|auth|refresh|id|api|hf|session|bearer)[_-]?token",
    r"[\w-]{0,40}secret(?:[_-]?(?:access[_-]?)?key)?", "password", "passwd", "pwd", "credentials?", "signature",
)  # fmt: skip
"""What fields are called that hold a secret."""

_KEYS = (
    r"[spr]k[-_][\w*.-]{6,}", r"hf_\w{8,}", r"api_org_\w{8,}", r"gh[pousr]_\w{8,}", r"github_pat_\w{8,}",
    r"glpat-[\w-]{8,}", r"gsk_\w{8,}", r"xai-[\w-]{8,}", r"nvapi-[\w-]{8,}", r"r8_\w{8,}", r"pplx-\w{8,}",
    r"tgp_v\d_[\w-]{8,}", r"dapi[0-9a-f]{16,}", r"ya29\.[\w-]{8,}", r"xox[a-z]-[\w-]{8,}", r"(?-i:AIza[\w-]{16,})",
    r"(?-i:A[KS]IA[A-Z0-9]{12,})", r"(?-i:eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?)",
)  # fmt: skip
"""Keys that say by their shape what they are: of OpenAI and its like, Hugging Face, GitHub, GitLab, Groq, xAI, NVIDIA,
Replicate, Perplexity, Together, Databricks, Google, Slack, Amazon; JSON web tokens."""

_PART = r"[\w.-]{0,40}"
_QUOTED = r"['\"\\]*"  # (in JSON within a text, quotes have backslashes)
_NOT_SHOWN = (
    # Of an address, all that stands before the last @ of its host, and parameters that are named like a key.
    (r"(?<=://)[^\s/'\"<>]+@", "…@"),
    (rf"([?&;#]{_PART}(?:key|token|secret|passw(?:or)?d|pwd|auth|sig|credential){_PART}=)[^&;#\s'\"<>]+", r"\1…"),
    # Headers, fields of JSON and of calls, variables of the environment.
    (rf"\b(authorization{_QUOTED}\s*[:=]\s*{_QUOTED})(?:(?:bearer|basic|token)\s+)?[^\s'\",;)}}\]\\]+", r"\1…"),
    (rf"(?<![a-z])((?:{_PART}[_-])?(?:{'|'.join(_NAMED)}){_QUOTED}\s*[:=]\s*b?{_QUOTED})[^\s'\",;&#)}}\]\\]+", r"\1…"),
    (r"(\bapi[ _-]?key[\w ]{0,20}:\s*)\S*[\d_*-]\S*", r"\1…"),
    (r"\b((?:bearer|basic)\s+)(?=\S*(?:\d|=|(?-i:[a-z][A-Z])))[\w.~+/=-]{8,}", r"\1…"),
    (rf"(?<![\w-])(?:{'|'.join(_KEYS)})", "…"),
    # Folders of a file in a traceback, all but the last.
    (r"(?<=File \")[^\"\n]*[/\\](?=[^/\\\"\n]+[/\\][^/\\\"\n]+\")", "…/"),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), shown) for pattern, shown in _NOT_SHOWN)


def discreet(text: str, *secrets: str) -> str:
    """Text as it may be shown and saved with a notebook: without credentials, keys, and folders of this machine.

    What goes: credentials and keys in addresses, headers and fields, keys that say by their shape what they are, the
    folders of files in tracebacks (the last one stays), and the way to the user's home. secrets: texts that are
    known to be secret, whatever they look like.

    >>> discreet("no answer from https://me:hunter2@models.example/v1?api_key=abc")
    'no answer from https://…@models.example/v1?api_key=…'
    """
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    home = str(Path.home())
    return re.sub(rf"{re.escape(home)}(?=[/\\])", "~", text) if len(home) > 1 else text


def made_discreet(error: BaseException, *secrets: str) -> None:
    """Take out of an error, and of all that it came from, what must not be shown; see `discreet`.

    For errors of a library that this package calls: what they quote is printed with ours.
    """
    for one in _chain(error):
        one.args = tuple(discreet(part, *secrets) if isinstance(part, str) else part for part in one.args)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]
