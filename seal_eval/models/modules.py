"""Find the parts of a loaded transformers model: head-output projections, attention projections, text configuration."""

from typing import Any

import torch
from torch import nn

from seal_eval.core.errors import SealError

# names in transformers' decoders: the head-output projection, and the attention module that holds it
PROJECTIONS = ("o_proj", "out_proj", "dense", "c_proj")
ATTENTIONS = ("self_attn", "attention", "attn", "self_attention")


def head_projections(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return (name, module) of every layer's head-output projection, bottom layer first.

    Its input is [batch, seq, n_heads * head_dim], the concatenated outputs of the attention heads (SEAL, section 4). It is recognised by
    its own name and that of the attention module around it. Raises SealError unless there is exactly one per layer.
    """
    projections = []
    for name, module in model.named_modules():
        parts = name.split(".")
        if len(parts) > 1 and parts[-1] in PROJECTIONS and parts[-2] in ATTENTIONS and in_features(module):
            projections.append((name, module))
    n_layers = text_config(model).num_hidden_layers
    if len(projections) != n_layers:
        raise SealError(
            f"{type(model).__name__}: {len(projections)} head-output projections found for {n_layers} layers; SEAL cannot scale its heads"
        )
    return projections


def in_features(projection: nn.Module) -> int:
    """Return the width of a projection's input (nn.Linear, or GPT-2's transposed Conv1D); 0 for any other module.

    For a head-output projection it is n_heads * head_dim.
    """
    return int(getattr(projection, "in_features", getattr(projection, "nx", 0)))


def weight(projection: nn.Module) -> torch.Tensor:
    """Return the projection's weights: [out, in] for nn.Linear, [in, out] for Conv1D."""
    weights = projection.weight
    assert isinstance(weights, torch.Tensor)
    return weights


def text_config(model: Any) -> Any:
    """Return the configuration of the text decoder."""
    return model.config.get_text_config()


def n_heads(model: Any) -> int:
    """Return the number of query heads per layer."""
    return int(text_config(model).num_attention_heads)


def attention_linears(model: Any) -> list[str]:
    """Return the names of all linear projections in the attention modules: q, k, v (or one fused) and the head-output projection."""
    names = []
    for name, _ in head_projections(model):
        attention = model.get_submodule(name.rsplit(".", 1)[0])
        names += [f"{name.rsplit('.', 1)[0]}.{child}" for child, module in attention.named_children() if in_features(module)]
    return names
