"""torch's fused attention kernel for the CPU, which also returns the log-sum-exp of the scores: whether it is there, and for what."""

import torch

KERNEL = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)  # None where torch lacks it
# attention output [batch, n_kv_heads, rows, head_dim], log-sum-exp of the scores [batch, n_kv_heads, rows, 1], both fp32
Part = tuple[torch.Tensor, torch.Tensor]


def usable(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """True when `flash.part` supports these tensors: on the CPU, no gradient needed, head_dim equal to value_dim."""
    needs_gradient = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    return KERNEL is not None and query.device.type == "cpu" and not needs_gradient and query.shape[-1] == value.shape[-1]
