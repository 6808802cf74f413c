"""A local Hugging Face model, or any `nn.Module` with logits, as a scorer and a generator."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from llm_attr_widget.errors import InputError
from llm_attr_widget.models.base import before, check_prompts, check_target, generation_options
from llm_attr_widget.models.huggingface.anatomy import Anatomy, look_at, unwrapped
from llm_attr_widget.models.huggingface.batching import FixedBudget
from llm_attr_widget.models.huggingface.beginning import beginning
from llm_attr_widget.models.huggingface.generate import generated
from llm_attr_widget.models.huggingface.lines import slopes
from llm_attr_widget.models.huggingface.places import Placed, moved_by_padding
from llm_attr_widget.models.huggingface.prefix import prefixed
from llm_attr_widget.models.huggingface.ranks import ranks_of
from llm_attr_widget.models.huggingface.scoring import scored
from llm_attr_widget.models.huggingface.versions import warn_where_untested
from llm_attr_widget.models.huggingface.weights import recalled_print
from llm_attr_widget.types import Line, Prompt, Scored, Scorer, Slopes


class HuggingFaceModel:
    """Scores and generates with a model in this process. The model is left as it was found.

    model: a causal or encoder-decoder model of transformers (also wrapped by PEFT, `torch.compile` or accelerate), or
        an `nn.Module` whose `forward(input_ids, …)` returns an object with `logits`.
    tokenizer: the one that belongs to it.
    scoring: "one_pass" reads prompt and target at once; "stepwise" decodes the target by force, token by token with a
        cache. They agree to rounding.
    tokens_per_pass: how many tokens go through the model at once; None: learned from what passes cost, which differs
        from run to run. Where several processes share the model's weights (tensor parallel, FSDP), it is never learned:
        all must call the model alike. Each of them then scores the same prompts.
    decoder_start: what an encoder-decoder's decoder reads before the target. None: its start token, and the token that
        its generation config forces after it (a language's code).
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        *,
        scoring: Literal["one_pass", "stepwise"] = "one_pass",
        tokens_per_pass: int | None = None,
        decoder_start: Sequence[int] | None = None,
    ) -> None:
        if tokens_per_pass is not None and tokens_per_pass < 1:
            raise InputError(f"tokens_per_pass must be 1 or more, or None, not {tokens_per_pass}.")
        warn_where_untested()
        self.model = model
        self.tokenizer = tokenizer
        self.scoring: Literal["one_pass", "stepwise"] = scoring
        self.decoder_start = None if decoder_start is None else tuple(decoder_start)
        self.tokens_per_pass = tokens_per_pass

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds, by which a run paces itself: the first rank's where several share the model."""
        ranks = ranks_of(unwrapped(self.model))
        return perf_counter if ranks is None else ranks.clock

    @property
    def name(self) -> str:
        """For provenance: the checkpoint's name, or the class's."""
        return look_at(self.model, self.tokenizer).name

    @property
    def fingerprint(self) -> str:
        """Equal for models that score alike: see `recalled_print`, which is taken anew where the model has changed."""
        anatomy = self._looked_at()
        return f"{recalled_print(anatomy.model)} {anatomy.start} {anatomy.decoder_start}"

    @property
    def vocabulary(self) -> int | None:
        """Number of token ids the model knows, None where a module of one's own does not say."""
        return look_at(self.model, self.tokenizer).limits.vocabulary

    @property
    def max_positions(self) -> int | None:
        """Most tokens that prompt and target may have together, None where there is no limit."""
        return look_at(self.model, self.tokenizer).limits.max_positions

    def __repr__(self) -> str:
        return f"HuggingFaceModel({self.name!r}, scoring={self.scoring!r})"

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """log p(target token k | prompt, target tokens < k) in nats, batch by batch, in any order.

        Prompt and target are joined as ids. A prompt without tokens is given the tokenizer's bos (or eos) token.
        The first prompts are scored the plain way too, and a faster path is taken only where it agrees; what was found
        is remembered for the model. Raises InputError and TargetError before the first batch, ScoreError for NaN
        logits or lack of memory.
        """
        anatomy = self.anatomy(target)
        ids = check_target(target, anatomy.limits)
        check_prompts(prompts, (*anatomy.decoder_start[1:], *ids), anatomy.limits)
        budget = None if self.tokens_per_pass is None else FixedBudget(self.tokens_per_pass)
        return scored(anatomy, [prefixed(prompt, anatomy) for prompt in prompts], ids, self.scoring, budget)

    def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """Token ids after the prompt, end-of-sequence token left out.

        options: arguments of the model's `generate`, and `seed` (default 0) for sampling. Greedy where they do not ask
        for sampling. A length, an end and a `generation_config` among them are followed; stop strings stay at the end
        of what was written, as in transformers. A model without such a `generate` is decoded greedily.
        Raises InputError for options that the model refuses.
        """
        anatomy, asked = self._looked_at(), generation_options(options)
        return generated(
            anatomy, self.tokenizer, prefixed(prompt, anatomy), max_new_tokens=max_new_tokens, options=asked
        )

    @property
    def separate(self) -> bool:
        """Whether prompt and target are two sequences: encoder-decoders."""
        return look_at(self.model, self.tokenizer).limits.separate

    def beginning(self, options: Mapping[str, Any]) -> tuple[int, ...]:
        """What the decoder of an encoder-decoder reads before the target, where it is written with these options."""
        return beginning(self._looked_at(), options)

    def begun(self, decoder_start: Sequence[int]) -> HuggingFaceModel:
        """The same model, its decoder beginning with these ids."""
        made = copy.copy(self)
        made.decoder_start = tuple(decoder_start)
        return made

    def slopes(
        self, line: Line, shares: Sequence[float], target: Sequence[int], weights: NDArray[np.float64]
    ) -> Iterator[Slopes]:
        """Gradients of the target's log-probs with respect to a layer (see `Differentiable.slopes`).

        Raises InputError for ends of different length, CapabilityError for a layer that does not keep positions apart.
        """
        anatomy = self.anatomy(target)
        ends = [prefixed(prompt, anatomy) for prompt in (line.start, line.end)]
        return slopes(anatomy, replace(line, start=ends[0], end=ends[1]), shares, target, weights)

    def placed(self, line: Line) -> Scorer:
        """What scores the ends of a line (see `Placing.placed`): itself, unless ids number the model's positions."""
        if not moved_by_padding(look_at(self.model, self.tokenizer), line):
            return self
        return Placed(self.anatomy, line.end)

    def anatomy(self, target: Sequence[int]) -> Anatomy:
        """The model, its decoder beginning as it was told to, or else as it does before this target.

        Raises InputError for an encoder-decoder that does not say what its decoder begins with.
        """
        found = self._looked_at(target)
        if found.limits.separate and not found.decoder_start:
            raise InputError(
                f"{type(found.core).__name__} does not say what its decoder begins with: neither its generation config "
                "nor its config has a decoder_start_token_id or a bos_token_id. Set "
                "model.generation_config.decoder_start_token_id, or give HuggingFaceModel decoder_start=[…]."
            )
        return found

    def _looked_at(self, target: Sequence[int] = ()) -> Anatomy:
        found = look_at(self.model, self.tokenizer)
        start = before(found.decoder_start, target) if self.decoder_start is None else self.decoder_start
        return replace(found, decoder_start=start)
