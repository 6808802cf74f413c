"""Shared prefixes are read once: the tree of all prompts goes through the model node by node, in long rows.

A row is a stretch of the tree in preorder. A mask lets each token attend to its ancestors alone, and its position is
its depth. Ancestors of a row that were read in earlier rows all lie on one path from the root, so the keys and values
of that path are all that is carried from row to row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel

from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.forward import forward, read, started
from llm_attr_widget.models.huggingface.limits import row_limit
from llm_attr_widget.models.huggingface.paths import Job, Unfit, make_room, most_positions, out_of_memory
from llm_attr_widget.models.huggingface.tree.attention import Reach, stretched
from llm_attr_widget.models.huggingface.tree.trie import Indices, Trie, grow
from llm_attr_widget.models.huggingface.tree.witness import check_row
from llm_attr_widget.types import Scored

_NEEDED = frozenset({"attention_mask", "position_ids"})
_CACHES = frozenset({"cache", "past_key_values"})
"""Names of a cache of keys and values; that of recurrent layers has another."""


@dataclass(frozen=True)
class Carried:
    """The path from the root to the next row: its nodes, and their keys and values for each layer."""

    nodes: Indices
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...] = ()

    def cache(self) -> DynamicCache:
        # Without a config, every layer keeps all keys: sliding windows are the mask's business here.
        cache = DynamicCache()
        for index, (keys, values) in enumerate(self.layers):
            cache.update(keys, values, index)
        return cache


class Packed:
    """The tree of all prompts in rows of the budget's tokens. For attention with explicit positions alone."""

    name = "packed tree"

    def score(self, job: Job) -> Iterator[Scored]:
        trie = grow([started(prompt, job.anatomy) for prompt in job.prompts], job.target)
        yield from read_tree(job, Reading(trie, trie.depths[None]))


@dataclass(frozen=True)
class Reading:
    """A tree and how its nodes are given to the model.

    places: `(1, nodes)`, the position of each, or `(3, nodes)` where a model counts time, height and width.
    given: some of the tree's tokens → the arguments by which the model reads them, ids or embeddings, `(1, tokens, …)`;
        None: the tokens themselves.
    """

    trie: Trie
    places: Indices
    given: Callable[[Indices], dict[str, Any]] | None = None


def read_tree(job: Job, reading: Reading) -> Iterator[Scored]:
    """Log-probs of the target after each of the job's prompts, batch by batch, from their tree.

    Raises Unfit where a row longer than those tried before fails, or gives other scores than its prompts alone.
    """
    anatomy, trie = job.anatomy, reading.trie
    scores = np.empty(trie.reads.shape, dtype=np.float32)
    order = np.argsort(trie.reads, axis=None, kind="stable")
    needed = trie.reads.ravel()[order]
    tokens = np.tile(np.array(job.target), len(job.prompts))[order]
    last = trie.reads[:, -1]
    longest = _longest_row(anatomy, trie)
    carried, start = Carried(np.empty(0, dtype=np.int64)), 0
    while start < len(trie):
        most = min(job.budget.tokens, longest - len(carried.nodes))
        end = _row_end(trie, needed, start, most, most_positions(anatomy))
        keys = len(carried.nodes) + end - start
        asked = slice(*np.searchsorted(needed, [start, end]))
        began = perf_counter()
        try:
            found, following = _read_row(anatomy, reading, carried, range(start, end), needed[asked], tokens[asked])
        except RuntimeError as error:
            if job.trust is not None and keys > job.trust.keys and not out_of_memory(error):
                raise Unfit(f"a row of {keys} tokens raised {type(error).__name__}: {error}") from error
            make_room(error, job.budget, alone=end == start + 1)
            continue
        job.budget.done(end - start, perf_counter() - began)
        scores.ravel()[order[asked]] = found
        finished = np.flatnonzero((last >= start) & (last < end))
        check_row(job, trie, finished, scores, keys)
        if len(finished):
            yield Scored(finished.tolist(), scores[finished])
        carried, start = following, end


def _longest_row(anatomy: Anatomy, trie: Trie) -> int:
    """Most keys of a row. Raises Unfit where a prompt alone is longer than what a row may hold."""
    limit, deepest = row_limit(anatomy.core, anatomy.config), int(trie.depths.max()) + 1
    if limit is None:
        return len(trie)
    if deepest > limit:
        raise Unfit(f"its rows hold {limit} tokens, and the longest prompt has {deepest} with the target")
    return limit


def packable(anatomy: Anatomy) -> bool:
    """Whether a tree mask can say what each layer of this model may attend to."""
    attention_only = isinstance(anatomy.core, PreTrainedModel) and not anatomy.limits.separate
    cached = anatomy.accepts >= _NEEDED and anatomy.cache_name in _CACHES
    masked = cached and anatomy.attention in ("eager", "sdpa")
    config = anatomy.config
    return attention_only and masked and not getattr(config, "alibi", False) and windows(config) is not None


def windows(config: Any) -> Mapping[str, int | None] | None:
    """How far back each type of layer attends, None for all the way; None for the whole where a type is unknown."""
    reach = getattr(config, "sliding_window", None)
    types = getattr(config, "layer_types", None)
    if types is None:
        sliding = reach is not None and getattr(config, "use_sliding_window", True)
        return {"sliding_attention": reach} if sliding else {"full_attention": None}
    known: dict[str, int | None] = {"full_attention": None, "sliding_attention": reach}
    return {name: known[name] for name in types} if set(types) <= set(known) else None


def reach_of(trie: Trie, keys: Indices, queries: range) -> Reach:
    """Which of a row's queries attend to each key: it and its descendants."""
    return Reach(
        np.maximum(keys, queries.start) - queries.start, np.minimum(trie.ends[keys], queries.stop) - queries.start
    )


def tree_masks(trie: Trie, keys: Indices, reach: Reach, queries: range, anatomy: Anatomy) -> Any:
    """What the model takes as `attention_mask`: `(1, 1, queries, keys)`, or one such mask for each type of layer."""

    def there(array: Indices) -> torch.Tensor:
        # Half as wide as positions need elsewhere: a row's mask is the largest thing that is made for it.
        return torch.from_numpy(array.astype(np.int16 if len(trie) < 1 << 15 else np.int32)).to(anatomy.device)

    # Nobody attends to what is behind itself: those queries are cut off as a triangle, faster than by comparing.
    ancestor = (there(np.arange(len(queries)))[:, None] < there(reach.ends)).tril_(len(keys) - len(queries))
    depth = there(trie.depths[queries.start : queries.stop])
    masks: dict[str, torch.Tensor] = {}
    for name, window in (windows(anatomy.config) or {}).items():
        mask = ancestor if window is None else ancestor & (depth[:, None] - there(trie.depths[keys]) < window)
        masks[name] = _as_taken(mask[None, None], reach, anatomy)
    return masks if len(masks) > 1 else next(iter(masks.values()))


def _as_taken(mask: torch.Tensor, reach: Reach, anatomy: Anatomy) -> torch.Tensor:
    if anatomy.attention == "eager":
        return _additive(mask, anatomy.dtype)
    return stretched(mask, reach, anatomy.dtype) if anatomy.attention == "sdpa" else mask


def _additive(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, torch.finfo(dtype).min)


def _row_end(trie: Trie, needed: Indices, start: int, tokens: int, positions: int) -> int:
    """Where the row that begins at `start` ends: after `tokens` nodes, or sooner if too many logits would be read."""
    first = int(np.searchsorted(needed, start))
    end = min(len(trie), start + tokens)
    distinct = np.unique(needed[first : int(np.searchsorted(needed, end))])
    return end if len(distinct) <= positions else int(distinct[positions])


def _read_row(
    anatomy: Anatomy, reading: Reading, carried: Carried, row: range, needed: Indices, tokens: Indices
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], Carried]:
    """Log-probs of `tokens` at the nodes `needed`, and what the next row needs of this one."""
    trie, queries = reading.trie, np.arange(row.start, row.stop)
    places = torch.from_numpy(reading.places[:, queries]).to(anatomy.device)
    keys = np.concatenate([carried.nodes, queries])
    stays = np.flatnonzero(trie.ends[keys] > row.stop)
    kept, place = np.unique(needed, return_inverse=True)
    cache = carried.cache() if len(stays) or len(carried.nodes) else None
    reach = reach_of(trie, keys, row)
    mask = tree_masks(trie, keys, reach, row, anatomy)
    with left_as_found(anatomy.model):
        plain = {"input_ids": torch.from_numpy(trie.tokens[queries])[None].to(anatomy.device)}
        given = plain if reading.given is None else reading.given(trie.tokens[queries])
        output = forward(
            anatomy,
            given.pop("input_ids", None),
            mask=mask,
            positions=places if len(places) == 1 else places[:, None],
            cache=cache,
            caching=cache is not None,
            keep=torch.from_numpy(kept - row.start).to(anatomy.device),
            further=given,
        )
        logits = output.logits[0]
        found = read(logits, torch.from_numpy(tokens), rows=torch.from_numpy(place)) if len(needed) else torch.empty(0)
        layers = _select(cache, stays) if len(stays) else ()
    return found.numpy(), Carried(keys[stays], layers)


def _select(cache: DynamicCache | None, positions: Indices) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    """Keys and values at some positions, each `(1, heads, positions, width)`, for each layer."""
    layers = cast("list[Any]", cache.layers if cache is not None else [])
    chosen = torch.from_numpy(positions)
    pairs = ((layer.keys, layer.values) for layer in layers)
    return tuple(
        (keys.index_select(2, chosen.to(keys.device)), values.index_select(2, chosen.to(values.device)))
        for keys, values in pairs
    )
