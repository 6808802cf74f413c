"""What servers say of themselves when a model is made of them: which models, how long, and what they can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, cast

from llm_attr_widget.errors import CapabilityError, InputError, ScoreError
from llm_attr_widget.models.served.dialects import DIALECTS, Dialect, Question, Row
from llm_attr_widget.models.served.server import Lost, Refusal, Server
from llm_attr_widget.tokens import encode, named_id


@dataclass(frozen=True)
class Served:
    """servers: those that answer. positions: how many tokens all of them take, None where they do not say."""

    servers: list[Server]
    name: str
    positions: int | None


def served(servers: Sequence[Server], name: str | None) -> Served:
    """The model of that name, or the first that is listed. Servers that do not answer are left out.

    Raises Refusal for a model that one does not serve, Lost where no server answers.
    """
    alive, lengths, failed = list[Server](), list[int](), None
    for server in servers:
        try:
            listed = server.models()
        except Lost as error:
            failed = Lost(f"No list of models from {server.place}: {error}")
            continue
        except Refusal as error:
            if name is None or error.status in (401, 403):
                raise
            listed = [{"id": name}]  # it has no list, as some proxies
        names = [str(entry.get("id", "")) for entry in cast("list[Mapping[str, Any]]", listed)]
        if not names:
            raise ScoreError(f"The server at {server.place} lists no model. Give model=…")
        name = name or names[0]
        if name not in names:
            raise Refusal(f"The server at {server.place} serves {', '.join(names)}, and no model {name!r}.", 404)
        length = listed[names.index(name)].get("max_model_len")  # vLLM says it, OpenAI's own API does not
        lengths += [length] if isinstance(length, int) else []
        alive.append(server)
    if name is None or not alive:
        raise failed or ScoreError("No server answers.")
    return Served(alive, name, min(lengths, default=None))


def understood(server: Server, model: str, tokenizer: Any, name: str | None) -> Dialect:
    """The way of asking of that name, or the first that the server answers on one short prompt.

    Raises CapabilityError where there is none, InputError for an unknown name, Refusal for a wrong key, and Lost.
    """
    if name is not None:
        known = {dialect.name: dialect for dialect in DIALECTS}
        if name not in known:
            raise InputError(f"Expected a dialect out of {', '.join(known)}, got {name!r}.")
        return known[name]
    said: list[str] = []
    ids = _short(tokenizer)
    for dialect in DIALECTS:
        row = _tried(dialect, server, model, ids, tokenizer)
        if isinstance(row, list):
            return dialect
        said.append(server.shown(f"{dialect.name}: {row}"))
    have = dict.fromkeys(", ".join(dialect.servers for dialect in DIALECTS).split(", "))
    raise CapabilityError(
        f"The server at {server.place} gives no log-probs of a text that it did not write, which scoring needs. "
        f"{', '.join(have)} do. It was asked for {'; '.join(said)}"
    )


def _tried(dialect: Dialect, server: Server, model: str, ids: list[int], tokenizer: Any) -> Row | Exception:
    try:
        return dialect.rows(Question(server.asking(Event()), model, ids[-1:], tokenizer), [ids[:-1]])[0]
    except Refusal as error:
        if error.status in (401, 403):
            raise
        return error
    except Lost as error:
        if not error.alone:
            raise
        return error
    except (CapabilityError, ScoreError) as error:
        return error


def _short(tokenizer: Any) -> list[int]:
    """A few tokens that any model reads, after the tokenizer's bos where it has one."""
    if tokenizer is None:
        return [1, 2, 3]
    bos = named_id(tokenizer, "bos")
    ids = encode(tokenizer, ["a b c d"], add_special_tokens=False)[0]
    return [*([] if bos is None else [bos]), *ids]
