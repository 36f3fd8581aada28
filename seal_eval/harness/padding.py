"""Whether prompts of unequal length can share a batch: what the model does with padding."""

from typing import Any

import torch

from seal_eval.core.streams import warn
from seal_eval.models.modules import device_of, text_config
from seal_eval.models.selftest import TOLERANCE


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
    ids = torch.randint(2, int(text_config(model).vocab_size), (1, 8), generator=generator).to(device_of(model))
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
