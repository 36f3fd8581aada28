"""Weights of a checkpoint that a merged one does not have, because transformers does not load them (layers that predict further tokens)."""

from pathlib import Path

from safetensors import safe_open

from seal_eval.models.weight_files import weight_files

COMPUTED = ("inv_freq", "masked_bias", "attn.bias")  # ends of names of values that older checkpoints hold, and that are computed

HEADS = ("lm_head.weight", "output_layer.weight", "embed_out.weight")


def left_behind(source: Path, written: Path) -> list[str]:
    """Return the names of weights in the folder `source` that the folder `written` has under no beginning of their names; sorted.

    Heads do not count: one that is tied to the embeddings may be in either folder alone.
    """
    has, had = _names(written), _names(source)
    ends = {".".join(parts[i:]) for parts in (name.split(".") for name in has) for i in range(len(parts))}

    def kept(name: str) -> bool:
        parts = name.split(".")
        return name in ends or any(".".join(parts[i:]) in has for i in range(1, len(parts) - 1))

    return sorted(name for name in had if not kept(name) and not name.endswith((*COMPUTED, *HEADS)))


def _names(folder: Path) -> set[str]:
    found: set[str] = set()
    for file in weight_files(folder):
        if file.is_file():
            with safe_open(file, "pt") as weights:
                found |= set(weights.keys())
    return found
