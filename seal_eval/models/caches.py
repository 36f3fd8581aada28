"""A cache for texts that begin alike: whether a model and a method allow it, and copies from which texts go on."""

import copy
import inspect
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from seal_eval.core.errors import SealError, first_line
from seal_eval.core.plugins import Method
from seal_eval.models.beginnings import only_beginning
from seal_eval.models.rope import following_length
from seal_eval.models.selftest import TOLERANCE, trial_dtype, trial_tokens
from seal_eval.models.shared_rows import behind, can_share, shared_rows

BRANCHING = (DynamicLayer, DynamicSlidingWindowLayer)  # layers that never change a tensor in place, so that gradients pass through copies
GROWING = ("keys", "values", "indexer_keys")  # tensors of a layer that are replaced when tokens are added, and never changed in place
FIRST, REST, AT_CUT = 24, 8, 4  # tokens that the probe reads into a cache, reads behind it, and compares after the cut


@dataclass(frozen=True)
class Sharing:
    """Whether prompts can share a cache, and how.

    why_not: '' when they can. in_pieces: whether several tokens at once may follow those of a cache; if not, one by one. in_rows: whether
    the cache of one prompt may become that of a batch. once: whether such a batch may hold its common tokens once (`shared_rows`).
    last: how many of a prompt's last tokens are read in one pass, and never come from a cache.
    """

    why_not: str = ""
    in_pieces: bool = True
    in_rows: bool = True
    once: bool = False
    last: int = 1


def sharing(model: Any, method: Method) -> Sharing:
    """Return whether and how prompts share a cache.

    They can when the method declares it (`shares_prefix`), rotary frequencies do not follow the text's length, and a forward pass behind a
    copy of a cache predicts what a pass over the whole text predicts.
    """
    if not method.shares_prefix:
        return Sharing("the method does not say that prompts can share a cache (shares_prefix)")
    if kinds := following_length(model):
        return Sharing(f"the model's rotary frequencies follow each prompt's length ({', '.join(kinds)})")
    found = probe(model)
    if method.last_together > 1 and not found.in_pieces:
        return Sharing(f"the method reads a prompt's last {method.last_together} tokens in one pass, and this model cannot behind a cache")
    return replace(found, last=method.last_together)


def allows_gradients(model: Any) -> bool:
    """True when gradients pass through copies of the model's cache: its layers change no tensor in place."""
    return all(type(layer) in BRANCHING for layer in DynamicCache(config=model.config).layers)


def probe(model: Any) -> Sharing:
    """Return what a few tokens show: read whole, behind a cache, behind its copy, one by one, and as two rows of a batch.

    A configuration does not tell: transformers makes a cache for any. Encoder-decoders cache the tokens of the reply only.
    """
    if getattr(model.config, "is_encoder_decoder", False):
        return Sharing("the model is an encoder-decoder, whose cache does not hold the prompt")
    if "past_key_values" not in takes(model):
        return Sharing("the model's forward pass takes no cache (past_key_values)")
    first, rests = trial_tokens(model, FIRST + 2 * REST).split([FIRST, 2 * REST], dim=1)
    rests, tolerance = rests.view(2, REST), TOLERANCE[trial_dtype(model)]

    def agrees(found: torch.Tensor, expected: torch.Tensor) -> bool:
        apart = (found - expected)[:, :AT_CUT].square().mean(-1).sqrt() / expected[:, :AT_CUT].square().mean(-1).sqrt().clamp(min=1e-12)
        return float(apart.mean()) <= tolerance

    try:
        with torch.no_grad():
            whole = model(input_ids=torch.cat([first.expand(2, -1), rests], 1), use_cache=False).logits[:, FIRST:].float()
            cache: Any = DynamicCache(config=model.config)
            with only_beginning():
                read_on(model, first, cache, 0)
            ahead, stepwise, rows = branch(cache), branch(cache), branch(cache)
            two = branch(cache)
            two.layers = [behind(layer) if type(layer) is DynamicLayer else in_rows(layer, 2) for layer in two.layers]
            rows.layers = [in_rows(layer, 2) for layer in rows.layers]
            if {layer.get_seq_length() for layer in cache.layers if hasattr(layer, "get_seq_length")} - {0, FIRST}:
                return Sharing("the model does not fill its cache")
            pieces = agrees(read_on(model, rests[:1], ahead, FIRST), whole[:1])
            pieces = pieces and agrees(read_on(model, rests[1:], cache, FIRST), whole[1:])
            if pieces:
                fine = agrees(read_on(model, rests, rows, FIRST), whole)
                return Sharing(in_rows=fine, once=fine and can_share(model) and agrees(_read_once(model, rests, two), whole))
            steps = [read_on(model, rests[:1, i : i + 1], stepwise, FIRST + i) for i in range(REST)]
            if agrees(torch.cat(steps, 1), whole[:1]):
                return Sharing(in_pieces=False, in_rows=False)  # the questions of a batch have several tokens
    except Exception as error:
        return Sharing(f"the model's cache is of another kind ({type(error).__name__}: {first_line(error)})")
    return Sharing("the model predicts something else behind a cache than in one pass")


def _read_once(model: Any, rests: torch.Tensor, cache: Any) -> torch.Tensor:
    """Return the logits of `rests` behind a cache whose common tokens are held once, the last of them read alone, as in decoding.

    Where the model's attention cannot be computed so, they are NaN.
    """
    try:
        with shared_rows(model):
            several = read_on(model, rests[:, :-1], cache, FIRST)
            return torch.cat([several, read_on(model, rests[:, -1:], cache, FIRST + rests.shape[1] - 1)], 1)
    except Exception:
        return torch.full((*rests.shape, 1), torch.nan)


def takes(model: Any) -> Collection[str]:
    """Return the arguments of a model's forward pass. PEFT's wrapper hands all of them on, so its model's are taken."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inspect.signature(inner.forward).parameters


def keep_logits(model: Any, keep: Any) -> dict[str, Any]:
    """Return the argument that makes a forward pass compute the logits of the last `keep` tokens alone, {} for a model without it.

    keep: a number, or a tensor of places. Custom code often computes all logits, so callers take the last ones of what they get. For a
    number, models that share keys between layers (Gemma 4) compute those layers for the kept tokens alone; an attention function in the
    place of sdpa would take these for the first tokens of the text. For a slice they do not.
    """
    if "logits_to_keep" not in takes(model):
        return {}
    if isinstance(keep, int) and getattr(model.config.get_text_config(), "num_kv_shared_layers", None):
        return {"logits_to_keep": slice(-keep, None)}
    return {"logits_to_keep": keep}


def read_on(model: Any, ids: torch.Tensor, cache: Any, n: int, last: bool = False) -> torch.Tensor:
    """Add the tokens `ids` [batch, n_tokens] to a cache of `n` tokens; return the logits [batch, n_tokens, vocabulary], fp32.

    last: compute those of the last token only, if the model supports that; they are in the model's own dtype.
    """
    batch, end = ids.shape[0], n + ids.shape[1]
    more = keep_logits(model, 1) if last else {}
    if "position_ids" in takes(model):
        more["position_ids"] = torch.arange(n, end, device=ids.device)[None].expand(batch, -1)
    mask = torch.ones(batch, end, dtype=torch.long, device=ids.device)
    logits = model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **more).logits
    return logits if last else logits.float()


def branch(cache: Any) -> Any:
    """Return a cache with the same tokens. Adding tokens to one of the two does not change what the other holds now.

    Keys and values are shared: adding tokens makes new tensors, or writes beyond the end of what `cache` holds. Recurrent and convolution
    states, which are changed in place, are copied. Of a cache with GrowingLayers only one copy may go on: they share their spare room.
    Raises SealError for a cache without layers.
    """
    if not hasattr(cache, "layers"):
        raise SealError(f"a cache with layers is needed, not a {type(cache).__name__}")
    other = copy.copy(cache)
    other.layers = [branch_layer(layer) for layer in cache.layers]
    return other


def branch_layer(layer: Any) -> Any:
    """Return a layer of a cache with the same tokens, as `branch` does."""
    other = copy.copy(layer)
    if type(layer) not in BRANCHING:
        for name, value in vars(layer).items():
            if name not in GROWING:
                setattr(other, name, _copied(value))
    return other


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def in_rows(layer: Any, n: int) -> Any:
    """Return a layer of `n` rows, each with the tokens of this layer's one row. This layer does not change."""
    other = branch_layer(layer)
    other.reorder_cache(torch.zeros(n, dtype=torch.long, device=getattr(layer, "device", None)))
    return other


def in_common(a: list[int], b: list[int]) -> int:
    """Return the length of the common prefix of two lists of tokens."""
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    return next(i for i in range(n) if a[i] != b[i])
