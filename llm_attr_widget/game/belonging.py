"""Whether a ledger belongs to a game: the same question, put to the same model."""

from __future__ import annotations

import hashlib

import numpy as np

from llm_attr_widget.errors import LedgerError
from llm_attr_widget.game.game import Game, prompt_key
from llm_attr_widget.game.ledger import KEY_BYTES, Ledger
from llm_attr_widget.types import Scorer

VERSION = "2"


def game_print(game: Game) -> str:
    """What a ledger remembers of its game: version, question, encoding and model, with ":" between them.

    question: features, target tokens and baseline. encoding: the prompts with all features and with none, as the
    tokenizer and the template make them. model: the scorer's own `fingerprint`, where it has one, else its class and
    name. Cost: two prompts rendered, and what the model's fingerprint costs; no model call.
    """
    question = repr((game.input.features, [target.ids for target in game.targets], game.input.baseline))
    ends = np.array([[True], [False]]).repeat(game.features, axis=1)
    encoding = b"".join(prompt_key(prompt) for prompt in game.input.render(ends, np.random.default_rng(0)))
    return ":".join([VERSION, _short(question.encode()), _short(encoding), _short(_model_of(game).encode())])


def require_same_game(ledger: Ledger, game: Game) -> None:
    """Raises LedgerError, which says what differs, for a ledger from another game, or one that no run leaves behind."""
    _require_whole(ledger, game.features, game.tokens)
    said = ledger.game.split(":")
    if len(said) != 4 or said[0] != VERSION:
        raise LedgerError(
            "The ledger to resume from does not say which model it was played with: it was saved by version 0.1.0, or "
            "comes from another program. Its results can be loaded and fitted again; run anew for more of them."
        )
    _, question, encoding, model = game_print(game).split(":")
    if said[1] != question:
        raise LedgerError(
            "The ledger to resume from was played in another game: its features, target or baseline differ. "
            "Give the same prompt, target and granularity as in the run that left it."
        )
    if said[2] != encoding:
        raise LedgerError(
            "The ledger to resume from was played with other prompts: the tokenizer, its chat template or the image's "
            "processor makes something else of the same input. Use those of the run that left it."
        )
    if said[3] != model:
        raise LedgerError(
            "The ledger to resume from was played with another model: its weights, number type, adapters or "
            "configuration differ from this one's, or they were changed since, or the version that scores them. Use "
            "the model of the run that left it, or leave `resume` out."
        )


def unsure_of(scorer: Scorer) -> tuple[str, ...]:
    """What to doubt of a run that goes on from a ledger: a scorer without `fingerprint` is known by name alone."""
    if hasattr(scorer, "fingerprint"):
        return ()
    doubt = (
        f"it goes on from numbers of a {_named(scorer)!r}, which has no fingerprint: whether that was the very same "
        "model is not known. Give it a property `fingerprint`, a text that changes when its scores do"
    )
    return (doubt,)


def _model_of(game: Game) -> str:
    return str(getattr(game.scorer, "fingerprint", _named(game.scorer)))


def _named(scorer: Scorer) -> str:
    return f"{type(scorer).__qualname__} {getattr(scorer, 'name', '')}"


def _require_whole(ledger: Ledger, features: int, tokens: int) -> None:
    rows = len(ledger.coalitions)
    shapes = {
        "coalitions": (ledger.coalitions, (rows, features)),
        "log_probs": (ledger.log_probs, (rows, tokens)),
        "trials": (ledger.trials, (rows,)),
        "keys": (ledger.keys, (rows, KEY_BYTES)),
    }
    for name, (array, expected) in shapes.items():
        if array.shape != expected:
            raise LedgerError(
                f"Expected a ledger of {features} features and {tokens} target tokens with {name} of shape {expected}, "
                f"got {array.shape}. It belongs to another game, or its file is damaged: run anew without it."
            )
    if not np.isfinite(ledger.log_probs).all():
        raise LedgerError(
            f"Expected finite log-probs in the ledger to resume from, but {int((~np.isfinite(ledger.log_probs)).sum())}"
            f" of {ledger.log_probs.size} are NaN or infinite. Run anew without it."
        )


def _short(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=16).hexdigest()
