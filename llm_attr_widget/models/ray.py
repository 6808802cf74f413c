"""A model on Ray: its prompts are scored by whichever replica is free, and a lost replica costs no prompt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from llm_attr_widget.errors import InputError, ScoreError, discreet
from llm_attr_widget.models.blocks import halves, in_blocks
from llm_attr_widget.models.replicas import LOOK, Member, Replicas
from llm_attr_widget.types import Prompt, Scored, Scorer


class RayModel:
    """Scores and generates with several copies of one model, each in a Ray actor of its own.

    make: builds the model there, a Scorer such as `HuggingFaceModel(...)`; it is pickled, so it should load the model
        rather than carry it. Every replica must score alike: one that says it is another model is let go.
    replicas: how many. batch: most prompts sent to a replica at a time; they are ordered by their ids first, so that
        those of a batch share what they begin with. More is faster, and less streams sooner.
    resources: of each actor, as for `ray.remote` ({"num_gpus": 1}). tokenizer: the one that belongs to the model, for
        those who ask it of a model. patience: seconds until the first replica must have built its model.

    A replica that dies takes nothing with it: what it had under way goes to another. `add` and `remove` change how many
    there are, also in the middle of a run; `lost` says which died, and why.

    Uses the Ray that is initialised, else `ray.init()`'s default. `close()` ends the replicas; so does leaving it as a
    context manager. Raises CapabilityError where ray is missing or has no room, ScoreError where no model was built.
    """

    def __init__(
        self,
        make: Callable[[], Scorer],
        *,
        replicas: int = 2,
        batch: int = 32,
        resources: Mapping[str, Any] | None = None,
        tokenizer: Any = None,
        patience: float = 1800.0,
    ) -> None:
        if replicas < 1 or batch < 1:
            raise InputError(f"Expected replicas and batch of 1 or more, got {replicas} and {batch}.")
        self._batch = batch
        self._replicas = Replicas(make, resources or {"num_cpus": 1})
        self._replicas.add(replicas)
        self._replicas.await_one(patience)
        self.tokenizer = tokenizer
        facts = self._replicas.facts
        self.name = discreet(facts.name)
        self.vocabulary = facts.vocabulary
        self.max_positions = facts.max_positions
        self.separate = facts.separate
        self._decoder_start: tuple[int, ...] | None = None

    @property
    def replicas(self) -> int:
        """How many are alive now, those that still build their model among them."""
        return self._replicas.count()

    @property
    def lost(self) -> tuple[str, ...]:
        """Of each replica that died, why, in words, in the order of their deaths."""
        return self._replicas.lost

    def __repr__(self) -> str:
        if self._replicas.closed:
            return f"RayModel({self.name!r}, closed)"
        try:
            there = self.replicas
        except ScoreError:
            return f"RayModel({self.name!r}, Ray does not answer)"
        return f"RayModel({self.name!r}, {f'lost={len(self.lost)}, ' if self.lost else ''}replicas={there})"

    def __enter__(self) -> RayModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fingerprint(self) -> str:
        """That of the model in any living replica. Raises ScoreError where none is left."""
        return self._replicas.any(lambda actor: actor.fingerprint.remote(self._decoder_start))

    def add(self, replicas: int = 1) -> None:
        """Start so many more. They take part as soon as each has built its model, also in runs under way.

        Raises InputError for less than one, CapabilityError after `close`.
        """
        self._replicas.add(replicas)

    def remove(self, replicas: int = 1) -> None:
        """Let so many go, the newest: each ends the block that it has under way, and gets no other.

        Raises InputError unless one stays: `close()` ends all.
        """
        self._replicas.remove(replicas)

    def close(self) -> None:
        """End the replicas and free what they hold."""
        self._replicas.close()

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """As the replicas' own `score`, a block at a time, as they finish. Closing the iterator drops what waits.

        Each prompt counts once, however often its block was lost. Raises what a replica raises, CapabilityError after
        `close`, ScoreError where no replica is left.
        """
        replicas = self._replicas
        replicas.require_some()
        given, tokens = list(prompts), tuple(int(token) for token in target)
        waiting = deque(in_blocks(given, self._batch, workers=replicas.count()))
        under_way: dict[Any, tuple[Member, list[int]]] = {}
        try:
            while waiting or under_way:
                replicas.require_some()
                for member in replicas.take(len(waiting), {member for member, _ in under_way.values()}):
                    rows = waiting.popleft()
                    asked = member.actor.log_probs.remote([given[row] for row in rows], tokens, self._decoder_start)
                    under_way[asked] = member, rows
                for asked in replicas.look(list(under_way), LOOK):
                    member, rows = under_way.pop(asked)
                    try:
                        found = replicas.received(asked, member)
                    finally:
                        replicas.give_back(member)
                    if found is not None:
                        yield Scored(rows, found)
                    else:  # to the end, so that a block that kills whoever reads it hinders no other, and smaller
                        waiting.extend(halves(rows))
        finally:
            for asked, (member, _) in under_way.items():
                replicas.ray.cancel(asked, force=False)
                replicas.give_back(member)

    def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """By any living replica.

        Raises CapabilityError where its model cannot generate, ScoreError where no replica is left.
        """
        return self._replicas.any(lambda actor: actor.generate.remote(prompt, max_new_tokens, dict(options)))

    def beginning(self, options: Mapping[str, Any]) -> tuple[int, ...]:
        """What an encoder-decoder's decoder reads before the target. Raises CapabilityError where there is none."""
        return self._replicas.any(lambda actor: actor.beginning.remote(dict(options)))

    def begun(self, decoder_start: Sequence[int]) -> RayModel:
        """The same replicas, their decoders beginning with these ids. To close either is to close both."""
        made = copy(self)
        made._decoder_start = tuple(decoder_start)
        return made
