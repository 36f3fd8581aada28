"""The presses of kvpress as methods: keys and values that a press thinks unimportant are dropped once the prompt has been read."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Lt
from transformers import DynamicCache

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.plugins import Method


@dataclass(frozen=True)
class Press(Method):
    """press: a class of kvpress that has a compression_ratio, such as SnapKVPress. ratio: the share of keys and values that it drops.
    query_aware: whether the press reads the question with the text. Without it, as on kvpress's leaderboard, it compresses the record
    once, and each question is read behind what is left of it. A batch holds one prompt, because presses know no padding.
    """

    summary = "drops keys and values of the prompt (a press of kvpress)"
    citation = "Devoto et al. 2025, Expected Attention, arXiv 2510.00636"
    changes = "attention"
    while_decoding = True

    press: str
    ratio: Annotated[float, Ge(0), Lt(1)] = 0.5
    query_aware: bool = True

    @property
    def record_first(self):
        return not self.query_aware

    @contextmanager
    def apply(self, model):
        with ExitStack() as stack:
            for layer in getattr(model.model, "layers", ()):
                stack.callback(layer.self_attn.register_forward_pre_hook(with_cache_position, with_kwargs=True).remove)
            stack.enter_context(made(self.press, self.ratio)(model))
            yield model


def made(name, ratio):
    """Return the press. Raises SealError for a name that kvpress lacks, and for a press without a ratio."""
    import kvpress

    names = [n for n in dir(kvpress) if n.endswith("Press")]
    if name not in names:
        raise SealError(f"method 'press': kvpress has no press '{name}'{nearest(name, names)}")
    try:
        return getattr(kvpress, name)(compression_ratio=ratio)
    except TypeError as error:
        raise SealError(f"method 'press': {name} is not made from a ratio alone ({error}); use another press") from error


def with_cache_position(module, args, kwargs):
    """Give an attention layer the `cache_position` that kvpress reads and transformers since 5.3 does not pass. [n_tokens]"""
    if (hidden := kwargs.get("hidden_states", args[0] if args else None)).shape[0] > 1:
        raise SealError("method 'press': kvpress knows no padding; use --batch_size 1")
    n_tokens = hidden.shape[1]
    if (cache := kwargs.get("past_key_values")) is None:  # nothing is read later, so nothing is to be dropped: as while decoding
        cache, seen = DynamicCache(), n_tokens + 1
    elif (places := kwargs.get("position_ids")) is not None:  # the tokens' own, also where keys before them were dropped
        seen = int(places[0, 0])
    else:
        seen = cache.get_seq_length(module.layer_idx)
    positions = torch.arange(seen, seen + n_tokens, device=hidden.device)
    return args, {**kwargs, "hidden_states": hidden, "past_key_values": cache, "cache_position": positions}
