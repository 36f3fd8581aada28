"""Find the parts of a loaded transformers model: head-output projections, attention projections, text configuration."""

from typing import Any

import torch
from torch import nn

from seal_eval.core.errors import SealError

# names in transformers' decoders: the head-output projection, and the attention module that holds it
PROJECTIONS = ("o_proj", "out_proj", "dense", "c_proj", "Wo")
ATTENTIONS = ("self_attn", "attention", "attn", "self_attention", "multi_head_attention", "temporal_block", "mixer")
WITHOUT_HEADS = ("linear_attention", "conv", "mamba", "recurrent", "moe", "mlp")  # kinds of layers without softmax attention
HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head")  # how an attention module calls the number of its query heads
STATE_SPACE = {"mixer": ("o_proj",), "temporal_block": ("o_proj",)}  # these hold attention or a state space; only attention has an o_proj


def text_decoder(model: nn.Module) -> tuple[str, nn.Module]:
    """Return (name in the model, module) of the text decoder, which holds the decoder layers; ('', model) where none is told apart.

    A multimodal model has towers of other layers beside it, whose attention no method changes.
    """
    get = getattr(model, "get_decoder", None)
    decoder = get() if get else model
    if isinstance(decoder, nn.Module) and any(isinstance(child, nn.ModuleList) for child in decoder.modules()):
        for name, module in model.named_modules():
            if module is decoder:
                return name, module
    return "", model


def device_of(model: nn.Module) -> torch.device:
    """Return the device to put a model's input on: that of its first weight that is in memory.

    A model that is spread over devices brings its input to the first layer, and its output back, by itself.
    """
    return next((p.device for p in model.parameters() if p.device.type != "meta"), torch.device("cpu"))


def offloaded_weight(model: nn.Module) -> str:
    """Return the name of the first weight that a device map has put elsewhere than in memory, '' when all are there."""
    return next((name for name, weight in model.named_parameters() if weight.device.type == "meta"), "")


def head_projections(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return (name, module) of the head-output projection of every layer with softmax attention, bottom layer first.

    Its input is [batch, seq, n_heads * head_dim], the concatenated outputs of the attention heads (SEAL, section 4). It is recognised by
    its own name and that of the attention module around it, in the text decoder. A hybrid has fewer of them than layers. Raises SealError
    unless there is exactly one for each layer with attention, and for a model without attention.
    """
    prefix, decoder = text_decoder(model)
    kinds = layer_kinds(model)
    projections = []
    for name, module in decoder.named_modules(prefix=prefix):
        leaf, holder = [*reversed(name.split("."))][:2] if "." in name else (name, "")
        if leaf not in PROJECTIONS or holder not in ATTENTIONS or not in_features(module) or leaf not in STATE_SPACE.get(holder, (leaf,)):
            continue
        if kinds and kinds[layer_index(name)] in WITHOUT_HEADS:
            continue
        projections.append((name, module))
    n_layers = getattr(text_config(model), "num_hidden_layers", 0)  # BLT has three decoders, and no such number
    expected = sum(kind not in WITHOUT_HEADS for kind in kinds) if kinds else n_layers
    if not expected or not projections:
        raise SealError(f"{type(model).__name__}: no head-output projection found for {n_layers} layers; SEAL cannot scale its heads")
    if len(projections) != expected:
        raise SealError(
            f"{type(model).__name__}: {len(projections)} head-output projections found for {expected} layers"
            f"{f' with attention (of {n_layers})' if expected != n_layers else ''}; SEAL cannot scale its heads"
        )
    return projections


def layer_kinds(model: Any) -> list[str]:
    """Return the kind of each decoder layer (such as 'full_attention'), bottom first; [] where the configuration does not say."""
    config = text_config(model)
    kinds = [str(kind) for kind in getattr(config, "layer_types", None) or []]
    return kinds if len(kinds) == getattr(config, "num_hidden_layers", 0) else []


def layer_index(name: str) -> int:
    """Return the layer that a module's name says: the first number in it, counted from the text decoder; 0 if there is none."""
    return next((int(part) for part in name.split(".") if part.isdecimal()), 0)


def attention_layers(model: nn.Module) -> list[int]:
    """Return the index among all decoder layers of each layer with attention, bottom first: the layers that a map of heads has rows for."""
    return [layer_index(name) for name, _ in head_projections(model)]


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
    """Return the number of query heads per layer. Raises SealError where layers differ in it, and as `check_softmaxes`.

    Attention modules say it before the configuration does, which may have another number for layers with a sliding window (Inkling).
    """
    config = text_config(model)
    check_softmaxes(model)
    counts = {*(getattr(config, "num_attention_heads_per_layer", None) or [])}
    for name, _ in head_projections(model):
        attention = model.get_submodule(name.rpartition(".")[0])
        own = (getattr(attention, key, None) for key in HEADS)
        counts.add(next((n for n in own if isinstance(n, int)), None) or config.num_attention_heads)
    if len(counts) > 1:
        raise SealError(f"{type(model).__name__}: layers differ in their number of heads; scale channels, not heads")
    return int(counts.pop())


def check_softmaxes(model: Any) -> None:
    """Raise SealError for differential attention (Ye et al. 2025, arXiv 2410.05258): each head is one softmax less λ times another.

    The two are far apart among the query heads, and the head's output is twice as wide, so no one number stands for a head.
    """
    if any(isinstance(getattr(module, "lambda_q1", None), torch.Tensor) for module in text_decoder(model)[1].modules()):
        raise SealError(
            f"{type(model).__name__}: each head subtracts one softmax from another (differential attention), so its query heads are no "
            "heads of their own; scale channels, not heads, or choose a method that treats all heads alike"
        )


def attention_linears(model: Any) -> list[str]:
    """Return the names of all linear projections in the attention modules: q, k, v (or one fused) and the head-output projection.

    Without `gate_proj` (AFMoE): peft takes it for one of an MLP.
    """
    names = []
    for name, _ in head_projections(model):
        attention = model.get_submodule(name.rsplit(".", 1)[0])
        place = name.rsplit(".", 1)[0]
        names += [f"{place}.{child}" for child, module in attention.named_children() if in_features(module) and child != "gate_proj"]
    return names
