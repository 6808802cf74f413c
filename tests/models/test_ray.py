"""Replicas on a Ray of this machine, against teacher forcing by hand.

Ray lets go of its processes without waiting for them, which Python warns of at the very end, so these run as
LAW_RAY=1 python -m pytest tests/models/test_ray.py -W ignore::pytest.PytestUnraisableExceptionWarning
"""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest

from llm_attr_widget.errors import CapabilityError, InputError, ScoreError, TargetError
from llm_attr_widget.models.ray import RayModel
from llm_attr_widget.types import Generator, Prompt, Scored, Scorer
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok
from tests.waiting import until

ray = pytest.importorskip("ray", reason="Ray is large and no part of the test extra: pip install '.[ray]' runs these.")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Ray's own: sockets, its future defaults
    pytest.mark.skipif(
        "LAW_RAY" not in os.environ, reason="Starts a Ray cluster, up to a minute on two cores: LAW_RAY=1 runs these."
    ),
]
PROMPTS = [Prompt(ids) for ids in (PROMPT, PROMPT[:3], PROMPT[1:], PROMPT[::-1], (9, 9), PROMPT[2:5], (40,))]


@pytest.fixture(scope="module")
def replicas():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        with RayModel(_make, replicas=2, batch=2, resources={"num_cpus": 0.5}) as model:
            yield model
    finally:
        ray.shutdown()


def _make():
    from llm_attr_widget.models.huggingface.model import HuggingFaceModel

    return HuggingFaceModel(build("llama"), Tok())


class Saying:
    """A model that scores alone, and says of every token which process it lives in.

    folder: where each replica leaves its mark, and waits for the other's.
    """

    def __init__(self, folder):
        self.folder = folder

    def score(self, prompts, target):
        (self.folder / str(os.getpid())).touch()
        until(lambda: len(list(self.folder.iterdir())) == 2)  # the other replica has its share, too
        yield Scored(range(len(prompts)), np.full((len(prompts), len(target)), os.getpid(), dtype=np.float32))


def test_scores_are_teacher_forcing_by_hand(replicas):
    assert isinstance(replicas, Scorer)
    assert isinstance(replicas, Generator)
    found = np.full((len(PROMPTS), len(TARGET)), np.nan)
    batches = list(replicas.score(PROMPTS, TARGET))
    for batch in batches:
        found[list(batch.rows)] = batch.log_probs
    model = build("llama")
    np.testing.assert_allclose(found, [by_hand(model, prompt.ids, TARGET) for prompt in PROMPTS], atol=1e-4)
    assert len(batches) == 4
    assert replicas.vocabulary == 97
    assert replicas.max_positions == _make().max_positions
    assert repr(replicas).endswith("replicas=2)")


def test_it_writes_what_its_model_writes(replicas):
    expected = _make().generate(Prompt(PROMPT), max_new_tokens=3, options={})
    assert replicas.generate(Prompt(PROMPT), max_new_tokens=3, options={}) == expected
    options = {"do_sample": True, "temperature": 9.0, "seed": 5}
    drawn = _make().generate(Prompt(PROMPT), max_new_tokens=3, options=options)
    assert replicas.generate(Prompt(PROMPT), max_new_tokens=3, options=options) == drawn != expected


def test_all_replicas_work_and_closing_ends_them(replicas, tmp_path):
    del replicas
    tokenizer, options = Tok(), {"replicas": 2, "batch": 1, "resources": {"num_cpus": 0.25}}
    with RayModel(partial(Saying, tmp_path), **options, tokenizer=tokenizer) as model:
        assert model.tokenizer is tokenizer
        assert len({float(batch.log_probs[0, 0]) for batch in model.score(PROMPTS, TARGET)}) == 2
        with pytest.raises(CapabilityError, match="Saying only scores"):
            model.generate(Prompt(PROMPT), max_new_tokens=1, options={})
        actors = list(model._replicas)
    for actor in actors:
        until(lambda actor=actor: gone(actor))  # Ray ends it a little later than it is asked to


def gone(actor):
    try:
        ray.get(actor.facts.remote())
    except ray.exceptions.RayActorError:
        return True
    return False


def test_a_run_that_is_closed_leaves_the_replicas_ready(replicas):
    run = replicas.score(PROMPTS, TARGET)
    next(run)
    run.close()
    assert sum(len(batch.rows) for batch in replicas.score(PROMPTS, TARGET)) == len(PROMPTS)


def test_what_a_replica_raises_is_raised_here(replicas):
    with pytest.raises(TargetError, match="vocabulary"):
        list(replicas.score(PROMPTS, (9999,)))
    with pytest.raises(ScoreError, match="ZeroDivisionError"):
        list(RayModel(lambda: 1 // 0, replicas=1, resources={"num_cpus": 0}).score(PROMPTS, TARGET))


def test_a_lost_replica_and_closed_replicas_say_so(replicas):
    other = RayModel(_make, replicas=1, resources={"num_cpus": 0})
    ray.kill(other._replicas[0])
    with pytest.raises(ScoreError, match="lost"):
        list(other.score(PROMPTS, TARGET))
    other.close()
    with pytest.raises(CapabilityError, match="closed"):
        list(other.score(PROMPTS, TARGET))
    with pytest.raises(CapabilityError, match="closed"):
        other.generate(Prompt(PROMPT), max_new_tokens=1, options={})
    for options in ({"replicas": 0}, {"batch": 0}):
        with pytest.raises(InputError, match="replicas"):
            RayModel(_make, **options)
