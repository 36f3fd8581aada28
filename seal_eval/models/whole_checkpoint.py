"""Refuse a checkpoint that does not hold every weight of its model, or holds quantised weights that transformers does not read."""

import re
from collections.abc import Mapping
from typing import Any

from seal_eval.core.errors import SealError

# parts of quantised weights: ModelOpt, FP8, compressed-tensors, GPTQ and AWQ, bitsandbytes
QUANTISED = re.compile(r"(scale|scale_inv|scale_2|scales|packed|qweight|qzeros|g_idx|zero_point|absmax|quant_map)$|quant_state")


def from_whole(auto_class: Any, place: str, name: str, **options: Any) -> Any:
    """Return auto_class.from_pretrained(place, **options). Raises SealError as `check_whole` does. name: of the model, for the message."""
    model, told = auto_class.from_pretrained(place, output_loading_info=True, **options)
    check_whole(told, name)
    return model


def check_whole(told: Mapping[str, Any], name: str) -> None:
    """Raise SealError for weights that transformers has made up at random, and for parts of quantised ones that it has not read.

    told: what from_pretrained says with output_loading_info. Tied weights are not missing; towers of other modalities may be unread.
    """
    if missing := sorted(told["missing_keys"]):
        raise SealError(
            f"model '{name}': {len(missing)} of its weights are not in the checkpoint and would be random, such as {missing[0]}; "
            "name a complete checkpoint of a causal language model"
        )
    if unread := sorted(key for key in told["unexpected_keys"] if QUANTISED.search(key)):
        raise SealError(
            f"model '{name}': the checkpoint is quantised in a way that transformers does not read: {unread[0]} and "
            f"{len(unread) - 1} more; name the checkpoint that it was quantised from"
        )
