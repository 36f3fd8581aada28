"""The only code that touches transformers' insides."""

from typing import Any

import torch
from torch import nn

from seal_eval.core.errors import SealError

# what the projection of the concatenated head outputs is called in transformers' decoders
PROJECTIONS = ("o_proj", "out_proj", "dense", "c_proj")
ATTENTIONS = ("self_attn", "attention", "attn", "self_attention")


def head_projections(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """(name, module) of every layer's head-output projection, bottom layer first.

    Its input is [batch, seq, n_heads * head_dim], the concatenated outputs of the attention heads (SEAL, section 4).
    Raises SealError when the model has none that is known by its place: attention module, then projection.
    """
    found = []
    for name, module in model.named_modules():
        parts = name.split(".")
        if len(parts) > 1 and parts[-1] in PROJECTIONS and parts[-2] in ATTENTIONS and in_features(module):
            found.append((name, module))
    n_layers = text_config(model).num_hidden_layers
    if len(found) != n_layers:
        raise SealError(
            f"{type(model).__name__}: {len(found)} head-output projections found for {n_layers} layers; SEAL cannot scale its heads"
        )
    return found


def in_features(projection: nn.Module) -> int:
    """n_heads * head_dim: width of the projection's input (nn.Linear, or GPT-2's transposed Conv1D); 0 when it is neither."""
    return int(getattr(projection, "in_features", getattr(projection, "nx", 0)))


def weight(projection: nn.Module) -> torch.Tensor:
    """The projection's weights."""
    found = projection.weight
    assert isinstance(found, torch.Tensor)
    return found


def text_config(model: Any) -> Any:
    """The configuration of the text decoder."""
    return model.config.get_text_config()


def n_heads(model: Any) -> int:
    """Query heads of a layer."""
    return int(text_config(model).num_attention_heads)


def attention_linears(model: Any) -> list[str]:
    """Names of every linear projection of the attention modules: q, k, v (or fused) and the head-output projection."""
    names = []
    for name, _ in head_projections(model):
        attention = model.get_submodule(name.rsplit(".", 1)[0])
        names += [f"{name.rsplit('.', 1)[0]}.{child}" for child, module in attention.named_children() if in_features(module)]
    return names
