"""Whether prompts can share a cache or a batch: what the method says, and what the model does."""

import inspect
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from seal_eval.core.errors import first_line
from seal_eval.core.plugins import Method
from seal_eval.core.streams import warn
from seal_eval.models.modules import text_config
from seal_eval.models.rope import following_length
from seal_eval.models.selftest import TOLERANCE


def why_not(model: Any, method: Method) -> str:
    """Return why prompts cannot share a cache, '' when they can.

    They can when the method declares it (`shares_prefix`), rotary frequencies do not follow the text's length, and every layer keeps all
    its keys: a cache that has discarded keys (sliding window, recurrent layer) cannot be cut back to a shorter prefix.
    """
    if not method.shares_prefix:
        return "the method does not say that prompts can share a cache (shares_prefix)"
    if kinds := following_length(model):
        return f"the model's rotary frequencies follow each prompt's length ({', '.join(kinds)})"
    try:
        layers = DynamicCache(config=model.config).layers
    except (AttributeError, TypeError, ValueError) as error:
        return f"the model's cache is of another kind ({error})"
    if unsuitable := {type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer}:
        return f"the model has layers that let go of keys ({', '.join(sorted(unsuitable))})"
    return takes_no_cache(model)


def takes_no_cache(model: Any) -> str:
    """Return why the model's forward pass does not take transformers' cache, '' when it does. Asked of the pass itself, with four tokens.

    A configuration does not tell: transformers makes a cache for any. Encoder-decoders cache the tokens of the reply only.
    """
    if getattr(model.config, "is_encoder_decoder", False):
        return "the model is an encoder-decoder, whose cache does not hold the prompt"
    if "past_key_values" not in inspect.signature(model.forward).parameters:
        return "the model's forward pass takes no cache (past_key_values)"
    try:
        cache: Any = DynamicCache(config=model.config)
        ids = torch.ones(1, 2, dtype=torch.long, device=model.device)
        with torch.no_grad():
            for _ in range(2):
                model(input_ids=ids, past_key_values=cache, use_cache=True)
        lengths = {layer.get_seq_length() for layer in cache.layers}
    except Exception as error:
        return f"the model's cache is of another kind ({type(error).__name__}: {first_line(error)})"
    return "" if lengths <= {4} else f"the model does not fill its cache: layers hold {sorted(lengths)} of 4 tokens"


def can_pad(model: Any) -> bool:
    """Return whether prompts of unequal length can share a batch. If not, say so on stderr."""
    if not reads_padding(model):
        return True
    warn(f"{type(model).__name__} reads padding as if it were text: only prompts of equal length share a batch")
    return False


def reads_padding(model: Any) -> bool:
    """Return whether padding on the left changes what follows a prompt, as in recurrent models without an attention mask.

    Tried on 8 tokens. A model that fails at the trial is taken for one that does.
    """
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(2, int(text_config(model).vocab_size), (1, 8), generator=generator).to(model.device)
    options: Any = {"max_new_tokens": 1, "do_sample": False, "output_logits": True, "return_dict_in_generate": True, "pad_token_id": 0}
    try:
        with torch.no_grad():
            alone = model.generate(ids, attention_mask=torch.ones_like(ids), **options).logits[0].float()
            padding = torch.zeros_like(ids[:, :5])
            mask = torch.cat([padding, torch.ones_like(ids)], 1)
            padded = model.generate(torch.cat([padding, ids], 1), attention_mask=mask, **options).logits[0].float()
    except Exception:
        return True
    allowed = TOLERANCE.get(model.dtype, TOLERANCE[torch.bfloat16])
    return bool((alone - padded).abs().max() > allowed * alone.square().mean().sqrt())
