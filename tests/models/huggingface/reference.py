"""Teacher forcing written by hand: the truth that every scorer is held against.

One prompt, no padding, no cache, no mask, and nothing of the package: the model reads the prompt and the target's
tokens before k, and the log-softmax of its last logits is read at token k.
"""

from __future__ import annotations

import torch


@torch.no_grad()
def by_hand(model, prompt_ids, target, *, extras=None, decoder_start=None, later=None):
    """Natural log-probs of the target's tokens, as a list of floats.

    extras: the model's further arguments. later: what a token of the target has in each that has an entry for each
    token; one that is not in it, such as what a token may see of the image, goes on as it is for the last token.
    """
    later = {"mm_token_type_ids": 0} if later is None else later
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    scores = []
    for position, token in enumerate(target):
        read_before = list(target[:position])
        if decoder_start is None:
            ids = torch.tensor([[*prompt_ids, *read_before]])
            further = {name: _grown(name, value, ids.shape[1], later) for name, value in (extras or {}).items()}
            # With an image, some models take it first.
            output = model(input_ids=ids, **further) if further else model(ids)
        else:
            read = torch.tensor([[decoder_start, *read_before]])
            ids, further = torch.tensor([prompt_ids]), dict(extras or {})
            # FSMT reads the last of several tokens alone when it may keep a cache, whether there is one or not.
            output = model(input_ids=ids, **further, decoder_input_ids=read, use_cache=False)
        logits = output.logits
        last = logits.reshape(-1, logits.shape[-1])[-1].double()
        scores.append(float(last[token] - torch.logsumexp(last, dim=0)))
    for module, training in modes:
        module.training = training
    return scores


def _grown(name, value, length, later):
    per_token = name in (*later, "cross_attention_mask", "image_attention_mask")
    if not per_token or value.shape[1] >= length:
        return value
    entry = value[:, -1:] if name not in later else torch.full_like(value[:, -1:], later[name])
    return torch.cat([value, *[entry] * (length - value.shape[1])], dim=1)
