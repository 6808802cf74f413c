"""Replicas on a real Ray of this machine: right numbers, and none lost with a replica."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from llm_attr_widget import Interrupted, attribute
from llm_attr_widget.errors import CapabilityError, InputError, ScoreError, TargetError
from llm_attr_widget.models.ray import RayModel
from llm_attr_widget.types import Generator, Prompt, Scorer
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok
from tests.remote.ray_models import Dying, Scoring, Told, Waiting, began, go, kill, tiny
from tests.remote.ray_runs import Run, started
from tests.waiting import until

ray = pytest.importorskip("ray", reason="Ray is large and no part of the test extra: `make test-remote` brings it.")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own: sockets, its future defaults
PROMPTS = [Prompt(ids) for ids in (PROMPT, PROMPT[:3], PROMPT[1:], PROMPT[::-1], (9, 9), PROMPT[2:5], (40,))]
SMALL = {"num_cpus": 0.1}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    started(lambda: ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False), ray.shutdown)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def replicas():
    with RayModel(tiny, replicas=2, batch=2, resources=SMALL) as model:
        yield model


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
    assert replicas.max_positions == tiny().max_positions
    assert replicas.fingerprint == tiny().fingerprint
    until(lambda: repr(replicas).endswith("replicas=2)"))
    assert list(replicas.score([], TARGET)) == []


def test_it_writes_what_its_model_writes(replicas):
    expected = tiny().generate(Prompt(PROMPT), max_new_tokens=3, options={})
    assert replicas.generate(Prompt(PROMPT), max_new_tokens=3, options={}) == expected
    options = {"do_sample": True, "temperature": 9.0, "seed": 5}
    drawn = tiny().generate(Prompt(PROMPT), max_new_tokens=3, options=options)
    assert replicas.generate(Prompt(PROMPT), max_new_tokens=3, options=options) == drawn != expected


@pytest.mark.parametrize("killed", [1, 2])
def test_killed_replicas_take_no_prompt_with_them(tmp_path, killed):
    with RayModel(partial(Waiting, tmp_path), replicas=3, batch=4, resources=SMALL) as model:
        run = Run(model)
        until(lambda: len(began(tmp_path)) == 3)
        dead = sorted(began(tmp_path))[:killed]
        for process in dead:
            kill(process)
        until(lambda: len(model.lost) == killed)
        go(tmp_path)
        run.is_whole()
        assert repr(model) == f"RayModel('waiting', lost={killed}, replicas={3 - killed})"
        (writer,) = model.generate(Prompt((1,)), max_new_tokens=1, options={})
        assert writer in began(tmp_path) - set(dead)
        assert model.fingerprint == "waiting"
        Run(model).is_whole()  # and the model is as good as before


def test_one_that_dies_while_nobody_asks_is_not_counted(tmp_path):
    go(tmp_path)
    with RayModel(partial(Waiting, tmp_path), replicas=2, batch=4, resources=SMALL) as model:
        until(lambda: (Run(model).is_whole(), len(began(tmp_path)) == 2)[1])
        kill(min(began(tmp_path)))
        until(lambda: repr(model) == "RayModel('waiting', lost=1, replicas=1)")


def test_without_any_replica_a_run_ends_resumable_and_new_ones_go_on_from_there(tmp_path):
    go(tmp_path)
    options = {"target": [7], "method": "leave_one_out", "progress": False}
    with RayModel(partial(Waiting, tmp_path), replicas=1, batch=2, resources=SMALL) as model:
        whole = attribute(model, Letters(), list(range(2, 12)), **options)
        (tmp_path / "go").unlink()
        (only,) = began(tmp_path)
        waiting = Run(model)
        kill(only)
        error = waiting.ended().error
        assert isinstance(error, ScoreError)
        assert "No replica is left: 1 lost" in str(error)
        with pytest.raises(ScoreError, match="No replica is left"):
            model.generate(Prompt((1,)), max_new_tokens=1, options={})
        go(tmp_path)
        model.add()
        again = attribute(model, Letters(), list(range(2, 12)), **options, resume=whole.ledger)
        np.testing.assert_allclose(again.values, whole.values)
        assert again.provenance.scored == 0  # nothing was paid for twice
        assert len(attribute(model, Letters(), list(range(2, 12)), **options).ledger) == len(whole.ledger)


def test_a_run_of_attribute_whose_last_replica_dies_keeps_what_was_played(tmp_path):
    go(tmp_path)
    with RayModel(partial(Dying, tmp_path), replicas=1, batch=2, resources=SMALL) as model:
        options = {"target": [7], "method": "shapley", "budget": 40, "progress": False}
        with pytest.raises(Interrupted, match="No replica is left") as caught:
            attribute(model, Letters(), list(range(2, 12)), **options)
        kept = caught.value.attribution.ledger
        assert len(kept)
        (tmp_path / "lives").touch()
        model.add()
        found = attribute(model, Letters(), list(range(2, 12)), **options, resume=kept)
        assert found.phase == "finished"
        np.testing.assert_allclose(found.values[-1], -np.arange(2, 12), atol=1e-2)


class Letters(Tok):
    all_special_ids = ()


def test_replicas_join_and_leave_in_the_middle_of_a_run(tmp_path):
    with RayModel(partial(Waiting, tmp_path), replicas=1, batch=2, resources=SMALL) as model:
        run = Run(model)
        until(lambda: len(began(tmp_path)) == 1)
        model.add(2)
        until(lambda: len(began(tmp_path)) == 3)  # the newcomers take their share of the same run
        model.remove(1)  # in the middle of its block, which it ends
        assert repr(model) == "RayModel('waiting', replicas=2)"
        go(tmp_path)
        run.is_whole()
        assert model.lost == ()
        Run(model).is_whole()
        with pytest.raises(InputError, match="remove 1 or more of 2 replicas and to keep one, got 2"):
            model.remove(2)
        with pytest.raises(InputError, match="1 or more replicas to add"):
            model.add(0)


def test_a_newcomer_with_another_model_is_let_go(tmp_path):
    go(tmp_path)
    (tmp_path / "which").write_text("one", encoding="utf-8")
    with RayModel(partial(Told, tmp_path), replicas=1, batch=2, resources=SMALL) as model:
        (tmp_path / "which").write_text("other", encoding="utf-8")
        model.add()
        until(lambda: (Run(model).is_whole(), len(model.lost))[1] == 1)
        assert "another model" in model.lost[0]
        (tmp_path / "which").unlink()
        model.add()
        until(lambda: (Run(model).is_whole(), len(model.lost))[1] == 2)
        assert "FileNotFoundError" in model.lost[1]
        assert model.replicas == 1


def test_closing_ends_the_replicas(tmp_path):
    tokenizer = Tok()
    with RayModel(tiny, replicas=1, resources=SMALL, tokenizer=tokenizer) as model:
        assert model.tokenizer is tokenizer
        actors = [member.actor for member in model._replicas._members]
    for actor in actors:
        until(lambda actor=actor: gone(actor))  # Ray ends it a little later than it is asked to
    assert repr(model) == f"RayModel({tiny().name!r}, closed)"
    for asked in (
        lambda: list(model.score(PROMPTS, TARGET)),
        lambda: model.generate(Prompt(PROMPT), max_new_tokens=1, options={}),
        lambda: model.fingerprint,
        model.add,
    ):
        with pytest.raises(CapabilityError, match="closed"):
            asked()


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


def test_what_a_replica_raises_is_raised_here(replicas, tmp_path):
    with pytest.raises(TargetError, match="vocabulary"):
        list(replicas.score(PROMPTS, (9999,)))
    with pytest.raises(ScoreError, match="ZeroDivisionError"):
        RayModel(lambda: 1 // 0, replicas=1, resources={"num_cpus": 0})
    with (
        RayModel(partial(Scoring, tmp_path), replicas=1, resources=SMALL) as model,
        pytest.raises(CapabilityError, match="Scoring only scores"),
    ):
        model.generate(Prompt(PROMPT), max_new_tokens=1, options={})
    for options in ({"replicas": 0}, {"batch": 0}):
        with pytest.raises(InputError, match="replicas"):
            RayModel(tiny, **options)


def test_a_replica_that_asks_for_more_than_there_is_says_so():
    with pytest.raises(CapabilityError, match=r"asks for \{'num_cpus': 99\}, and Ray has .*'CPU': 2"):
        RayModel(tiny, replicas=1, resources={"num_cpus": 99}, patience=1.5)
