"""Teacher forcing written by hand: the truth that every scorer is held against.

One prompt, no padding, no cache, no mask, and nothing of the package: the model reads the prompt and the target's
tokens before k, and the log-softmax of its last logits is read at token k.
"""

from __future__ import annotations

import torch


@torch.no_grad()
def by_hand(model, prompt_ids, target, *, extras=None, decoder_start=None):
    """Natural log-probs of the target's tokens, as a list of floats."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    scores = []
    for position, token in enumerate(target):
        read_before = list(target[:position])
        further = dict(extras or {})
        if decoder_start is None:
            ids = torch.tensor([[*prompt_ids, *read_before]])
            if "mm_token_type_ids" in further:
                kinds = further["mm_token_type_ids"]
                further["mm_token_type_ids"] = torch.cat([kinds, torch.zeros(1, position, dtype=kinds.dtype)], dim=1)
            output = model(ids, **further)
        else:
            read = torch.tensor([[decoder_start, *read_before]])
            # FSMT reads the last of several tokens alone when it may keep a cache, whether there is one or not.
            output = model(torch.tensor([prompt_ids]), decoder_input_ids=read, use_cache=False)
        logits = output.logits
        last = logits.reshape(-1, logits.shape[-1])[-1].double()
        scores.append(float(last[token] - torch.logsumexp(last, dim=0)))
    for module, training in modes:
        module.training = training
    return scores
