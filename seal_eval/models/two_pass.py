"""Two passes for each token of a reply: one that shows what chosen heads attend to, and one with more attention there (DySCO)."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from seal_eval.core.errors import SealError
from seal_eval.models.attention import attention_function, plain_attention, slides
from seal_eval.models.beginnings import reads_beginning
from seal_eval.models.by_head import head_weights
from seal_eval.models.caches import branch, keep_logits


class Importance:
    """How much the tokens of a text matter now, from the attention of step after step.

    decay: weight of the past in each step. nucleus: the share of the importance that chosen tokens have together, at most. most: the
    largest number of chosen tokens.
    """

    def __init__(self, decay: float, nucleus: float, most: int) -> None:
        self.decay, self.nucleus, self.most = decay, nucleus, most
        self.values: torch.Tensor | None = None  # [batch, n_tokens], each row sums to 1

    def begin(self, batch: int, n_tokens: int, device: Any) -> None:
        """Forget the past: no token of the text's first `n_tokens` matters yet."""
        self.values = torch.zeros(batch, n_tokens, device=device)

    def continues(self, batch: int, n_tokens: int) -> bool:
        """True when the past is that of `batch` texts of `n_tokens` tokens."""
        return self.values is not None and self.values.shape == (batch, n_tokens)

    def step(self, attention: torch.Tensor) -> None:
        """Add a step's attention [batch, n_tokens], to as many tokens as before or more."""
        assert self.values is not None
        past = torch.nn.functional.pad(self.values, (0, attention.shape[1] - self.values.shape[1]))
        total = attention + self.decay * past
        self.values = total / total.sum(-1, keepdim=True).clamp(min=torch.finfo(total.dtype).tiny)

    def chosen(self) -> torch.Tensor:
        """Return which tokens are chosen, boolean [batch, n_tokens]: the most important ones, at least one in each row."""
        assert self.values is not None
        values, order = self.values.sort(dim=-1, descending=True, stable=True)
        keep = values.cumsum(-1) <= self.nucleus
        keep[:, self.most :] = False
        keep[:, 0] = True
        return torch.zeros_like(keep).scatter(-1, order, keep)


@contextmanager
def two_passes(model: Any, heads: Sequence[tuple[int, int]], importance: Importance, warmup: int, more: float) -> Iterator[Any]:
    """Context manager: inside it the last token of every forward pass is computed again, `more` added to the scores of what matters.

    heads: (layer, head) whose mean attention says what matters; those in layers with a sliding window do not count. warmup: when several
    tokens are read, importance begins with the last `warmup` of them. Raises SealError for a model whose attention cannot be replaced,
    in the first pass if no head counts, and for a token that does not follow the text that was read last.
    """
    by_layer: dict[int, list[int]] = {}
    for layer, head in heads:
        by_layer.setdefault(layer, []).append(head)
    seen: list[torch.Tensor] = []  # of the pass at hand: [batch, n_rows, n_keys] for each head
    read: list[int] = []  # [how many tokens the pass at hand reads]
    added: list[torch.Tensor] = []  # one [batch, n_keys] while the second pass runs

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[Any, None]:
        out = plain_attention(module, query, key, value, attention_mask, **kwargs)
        if slides(module, kwargs) or reads_beginning():
            return out, None
        if not added:
            if own := by_layer.get(module.layer_idx):
                rows = None if attention_mask is None else attention_mask[:, :, -warmup:]
                read[:] = [query.shape[2]]
                seen.extend(head_weights(query[:, :, -warmup:], key, rows, kwargs)[:, own].unbind(1))
            return out, None
        bias = added[0].to(query.dtype)[:, None, None]
        if attention_mask is not None:
            bias = bias.masked_fill(~attention_mask[:, :, -1:], torch.finfo(query.dtype).min)
        last = plain_attention(module, query[:, :, -1:], key, value, bias, **kwargs)
        return torch.cat([out[:, :-1], last], 1), None

    plain_forward, own_forward = model.forward, vars(model).get("forward")
    last = keep_logits(model, 1)

    @functools.wraps(plain_forward)
    def forward(*args: Any, **kwargs: Any) -> Any:
        if reads_beginning():
            importance.values = None
            return plain_forward(*args, **kwargs)
        seen.clear()
        first = dict(kwargs)
        if (cache := kwargs.get("past_key_values")) is not None:
            first["past_key_values"] = branch(cache)
        first |= last
        plain_forward(*args, **first)
        if not seen:
            raise SealError(f"{type(model).__name__}: none of the chosen heads is in a layer with full attention; choose other heads")
        attention = torch.stack(seen).mean(0)  # [batch, n_rows, n_keys]
        batch, n_rows, n_keys = attention.shape
        if read[0] > 1 or n_keys == 1:
            importance.begin(batch, n_keys, attention.device)
        elif not importance.continues(batch, n_keys - 1):
            raise SealError("what matters is known for the text read last: continue a reply token by token before another text is read")
        for row in range(n_rows):
            importance.step(attention[:, row])
        matters = importance.chosen()
        matters[:, -1] = True
        added.append(matters * more)
        try:
            return plain_forward(*args, **kwargs)
        finally:
            added.clear()

    with attention_function(model, attend):
        try:
            model.forward = forward
            yield model
        finally:
            if own_forward is None:
                del model.forward
            else:
                model.forward = own_forward
