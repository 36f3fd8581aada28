"""A model that reads its prompts with the faster of two ways to compute plain attention."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from seal_eval.models.attention import attention_function, plain_attention
from seal_eval.models.products import DTYPE
from seal_eval.models.shared_rows import can_share


@contextmanager
def fast_prefill(model: Any) -> Iterator[None]:
    """Context manager: inside it the model computes plain attention as `plain_attention` does, for a model in bf16 on a CPU.

    For models whose attention may be replaced (`Sharing.once`). One whose attention a method has replaced stays as it is: methods call
    `plain_attention` and `flash` themselves.
    """

    def attend(module: Any, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, None]:
        return plain_attention(module, *args, **kwargs), None

    short = model.dtype == DTYPE or torch.is_autocast_enabled("cpu")
    with attention_function(model, attend) if short and can_share(model) else nullcontext():
        yield
