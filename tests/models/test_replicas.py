"""What a RayModel passes on to its replicas, with replicas in this process: a Ray of a few lines, no cluster."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import attribute
from llm_attr_widget.errors import CapabilityError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.ray import RayModel
from llm_attr_widget.types import EncoderDecoder, Prompt
from tests.game.test_decoder_beginnings import DOG, START, TEXT, _weights, agrees, nllb
from tests.support import table, table_model


class TaskError(Exception):
    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


class Now:
    """A method of an actor, called at once."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def remote(self, *asked: Any) -> Any:
        try:
            return _answer(self._method(*asked))
        except Exception as error:  # noqa: BLE001 (whatever an actor raises comes back)
            return _failure(TaskError(error))

    def options(self, **_: object) -> Any:
        return SimpleNamespace(remote=lambda: NEVER)


def NEVER() -> None:  # noqa: N802 (a reference that has no answer)
    raise AssertionError("a living replica was taken for a dead one")


def _answer(value: Any) -> Any:
    return lambda: value


def _failure(error: Exception) -> Any:
    def fail() -> None:
        raise error

    return fail


class Actor:
    def __init__(self, made: Any) -> None:
        self._made = made

    def __getattr__(self, name: str) -> Now:
        return Now(getattr(self._made, name))


def _wait(asked: list[Any], num_returns: int, **_: object) -> tuple[list[Any], list[Any]]:
    there = [reference for reference in asked if reference is not NEVER][:num_returns]
    return there, [reference for reference in asked if reference not in there]


@pytest.fixture(autouse=True)
def ray(monkeypatch: pytest.MonkeyPatch) -> None:
    here = SimpleNamespace(
        remote=lambda **_: lambda kind: SimpleNamespace(remote=lambda *made: Actor(kind(*made))),
        get=lambda asked: asked(),
        wait=_wait,
        is_initialized=lambda: True,
        kill=lambda _: None,
        cancel=lambda *_, **__: None,
        exceptions=SimpleNamespace(RayTaskError=TaskError, RayError=TaskError),
    )
    monkeypatch.setattr("llm_attr_widget.models.replicas._ray", lambda: here)


def translated() -> tuple[RayModel, Any, Any]:
    model, tokenizer = _weights(230), nllb()
    return RayModel(lambda: HuggingFaceModel(model, tokenizer), replicas=2, batch=2), model, tokenizer


def test_an_encoder_decoders_target_begins_as_in_this_process() -> None:
    replicas, model, tokenizer = translated()
    assert isinstance(replicas, EncoderDecoder)
    assert replicas.separate
    german, french = (tokenizer.convert_tokens_to_ids(code) for code in ("deu_Latn", "fra_Latn"))
    options = {"method": "leave_one_out", "progress": False}
    agrees(attribute(replicas, tokenizer, TEXT, "dog", **options), model, tokenizer, [START, german], DOG)
    found = attribute(replicas, tokenizer, TEXT, "dog", gen_args={"forced_bos_token_id": french}, **options)
    agrees(found, model, tokenizer, [START, french], DOG)


def test_each_beginning_is_a_model_of_its_own() -> None:
    replicas, model, tokenizer = translated()
    here = HuggingFaceModel(model, tokenizer)
    assert replicas.beginning({"decoder_start_token_id": 5}) == here.beginning({"decoder_start_token_id": 5}) == (5,)
    begun = replicas.begun([5])
    assert begun.fingerprint == here.begun([5]).fingerprint != replicas.fingerprint == here.fingerprint
    (there,), (plain,) = (list(each.score([Prompt((4, 8, 2))], DOG)) for each in (begun, replicas))
    (expected,) = here.begun([5]).score([Prompt((4, 8, 2))], DOG)
    np.testing.assert_allclose(there.log_probs, expected.log_probs, atol=1e-4)
    assert np.abs(there.log_probs - plain.log_probs).max() > 1e-3
    begun.close()
    for closed in (begun, replicas):
        with pytest.raises(CapabilityError, match="closed"):
            closed.beginning({})


def test_other_models_have_no_beginning() -> None:
    replicas = RayModel(lambda: table_model(table(3, 2), 3), replicas=1)
    assert not replicas.separate
    with pytest.raises(CapabilityError, match="no decoder that begins"):
        replicas.beginning({})
