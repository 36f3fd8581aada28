"""A layer's attention written out as dense matrices in float64: the witness of methods that treat heads or distances differently."""

import math

import torch

from method_cases import IDS, logits


def caught(model, ids=IDS, layer=0):
    """Return (input, output) of a layer's attention when the model reads `ids`."""
    found = {}
    attention = model.model.layers[layer].self_attn
    handle = attention.register_forward_hook(lambda m, a, k, out: found.update(hidden=k["hidden_states"], out=out[0]), with_kwargs=True)
    logits(model, ids)
    handle.remove()
    return found["hidden"], found["out"]


def projected(model, hidden, layer=0):
    """Return queries, keys and values [n_heads, n, head_dim] in float64, without positions, keys repeated for each query head."""
    attention, config = model.model.layers[layer].self_attn, model.config
    n, d = hidden.shape[1], config.hidden_size // config.num_attention_heads
    made = [m(hidden[0]).double().view(n, -1, d).transpose(0, 1) for m in (attention.q_proj, attention.k_proj, attention.v_proj)]
    return [x.repeat_interleave(config.num_attention_heads // len(x), 0) for x in made]


def rotated(x, positions):
    """Return x [..., n, d] rotated by `positions` [n], base 1e4, in halves."""
    d = x.shape[-1]
    angle = positions[:, None].double() / 1e4 ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


@torch.no_grad()
def dense(model, hidden, distance=None, allowed=None, scale=None, bias=None, layer=0):
    """Return the attention's output [1, n, width] and its weights [n_heads, n, n].

    distance: [n_heads or 1, n, n], that from key to query, i - j by default. allowed: boolean, and bias: added to the scores, of the same
    shape. scale: [n], multiplies the scores of a query.
    """
    q, k, v = projected(model, hidden, layer)
    n, d = q.shape[1:]
    i, j = torch.arange(n)[:, None], torch.arange(n)[None]
    distance = (i - j)[None] if distance is None else distance
    score = torch.full((len(q), n, n), -torch.inf, dtype=torch.float64)
    for h in range(len(q)):
        apart = distance[h if len(distance) > 1 else 0]
        for row in range(n):  # the query at 0 and each key at minus its distance
            score[h, row] = rotated(k[h], -apart[row]) @ q[h, row] / math.sqrt(d)
    score = score if scale is None else score * scale[:, None]
    score = score if bias is None else score + bias
    score = score.masked_fill(j > i if allowed is None else (j > i) | ~allowed, -torch.inf)
    weights = score.softmax(-1)
    out = (weights @ v).transpose(0, 1).reshape(n, -1)
    return model.model.layers[layer].self_attn.o_proj(out.float())[None], weights
