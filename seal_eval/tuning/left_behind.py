"""Weights of a checkpoint that a merged one does not have, or has with fewer bits, because of how transformers loads the checkpoint."""

from pathlib import Path

from safetensors import safe_open

from seal_eval.models.weight_files import weight_files

COMPUTED = ("inv_freq", "masked_bias", "attn.bias")  # ends of names of values that older checkpoints hold, and that are computed

HEADS = ("lm_head.weight", "output_layer.weight", "embed_out.weight")
BITS = {"F64": 64, "F32": 32, "BF16": 16, "F16": 16}  # names of types in safetensors files


def left_behind(source: Path, written: Path) -> list[str]:
    """Return the names of weights in the folder `source` that the folder `written` has under no beginning of their names; sorted.

    Such are layers that predict further tokens. Heads do not count: one that is tied to the embeddings may be in either folder alone.
    """
    has, had = _types(written), _types(source)
    ends = {".".join(parts[i:]) for parts in (name.split(".") for name in has) for i in range(len(parts))}

    def kept(name: str) -> bool:
        parts = name.split(".")
        return name in ends or any(".".join(parts[i:]) in has for i in range(1, len(parts) - 1))

    return sorted(name for name in had if not kept(name) and not name.endswith((*COMPUTED, *HEADS)))


def narrowed(source: Path, written: Path) -> list[str]:
    """Return the names of weights that have fewer bits in the folder `written` than in the folder `source`; sorted.

    transformers loads all weights of a checkpoint in one type, but those that a model's class keeps in fp32.
    """
    has, had = _types(written), _types(source)
    return sorted(name for name in had.keys() & has.keys() if BITS.get(has[name], 0) < BITS.get(had[name], 0))


def _types(folder: Path) -> dict[str, str]:
    """Name of a weight → its type."""
    found: dict[str, str] = {}
    for file in weight_files(folder):
        if file.is_file():
            with safe_open(file, "pt") as weights:
                names = weights.keys()
                found |= {name: weights.get_slice(name).get_dtype() for name in names}
    return found
