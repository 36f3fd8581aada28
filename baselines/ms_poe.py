"""Ms-PoE: Zhang et al. 2024, "Found in the Middle: How Language Models Use Long Contexts Better via Plug-and-Play Positional Encoding"."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.core.settings import Factor, Index
from seal_eval.models.attention import (
    attention_function,
    by_region,
    check_attends_fully,
    padding,
    plain_attention,
    slides,
    unrotated_layers,
)
from seal_eval.models.rotation import Frequencies, rotate

OUTLIER = 3.0  # times a text's mean attention weight, 1 / n


@dataclass(frozen=True)
class MsPoe(Method):
    """Each head counts positions divided by its own ratio r, from `least` to `most` in equal steps over the heads of a layer (section 4).

    Heads are ordered by position awareness: the number of tokens to which the prompt's last query, compared without positions, gives more
    than three times the mean weight. The most aware head gets `least`. The order is found once for each prompt and layer, when the prompt
    is read, and kept for the reply. The paper uses 1.2 and 1.8; the authors leave the two lowest layers unchanged. In their code heads that
    share a key use the ratio of the first for the key; here query and key of a pair always have the same ratio.

    skip: the number of layers, from the bottom, that stay as they are.
    """

    title: ClassVar[str] = "Ms-PoE"
    summary: ClassVar[str] = "divides positions by a ratio of each head's own, so that some heads see the middle nearer"
    citation: ClassVar[str] = "Zhang et al. 2024, Found in the Middle (NeurIPS 2024), arXiv 2403.04797"
    changes: ClassVar[str] = "attention"
    by_prompt_end = True
    one_at_a_time = True
    neutral: ClassVar[Mapping[str, Any]] = {"least": 1.0, "most": 1.0}
    active: ClassVar[Mapping[str, Any]] = {"least": 1.2, "most": 1.8, "skip": 0}

    least: Factor = 1.2
    most: Factor = 1.8
    skip: Index = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least > self.most:
            raise SealError(f"method 'ms_poe': least, {self.least}, must not exceed most, {self.most}")

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        import torch

        from seal_eval.models.by_head import EVERY_KEY, head_weights
        from seal_eval.models.modules import check_softmaxes, head_projections, layer_index

        check_attends_fully(model)
        check_softmaxes(model)
        frequencies = Frequencies(model)
        unrotated = unrotated_layers(model, frequencies)
        names = [name.rpartition(".")[0] for name, _ in head_projections(model)]
        can = [layer_index(name) for name in names if not slides(m := model.get_submodule(name), {}) and m not in unrotated]
        if not can or max(can) < self.skip:
            remedy = f"set skip to {max(can)} or less, or choose another method" if can else "choose another method"
            raise SealError(
                f"method 'ms_poe': no layer from {self.skip if can else 0} on has full attention with rotated keys in "
                f"{type(model).__name__}, so nothing would change; {remedy}"
            )
        orders: dict[int, torch.Tensor] = {}  # by layer: [batch, n_heads], the rank of each head
        ends: dict[int, torch.Tensor] = {}  # by layer: [batch, n_kv_heads, head_dim], the text's last key so far
        turned: dict[int, torch.Tensor] = {}  # by layer: [batch, n_heads, n_keys, head_dim], keys at their divided positions

        def ranks(query: Any, key: Any, mask: Any, kwargs: dict[str, Any]) -> torch.Tensor:
            """Return the rank of each head [batch, n_heads], 0 for the most aware of positions."""
            n_keys = key.shape[2]
            back = frequencies().to(key.device)
            places = torch.arange(n_keys, device=key.device)
            unplaced = rotate(key, -places, back), rotate(query[:, :, -1:], -places[-1:], back)
            weights = head_weights(unplaced[1], unplaced[0], None if mask is None else mask[:, :, -1:], kwargs)[:, :, 0]
            mean = 1 / (n_keys - padding(key, mask))[:, None, None]
            outliers = (weights > OUTLIER * mean).sum(-1)  # [batch, n_heads]
            return outliers.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)

        def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[Any, None]:
            if slides(module, kwargs) or module in unrotated or module.layer_idx < self.skip or self.most == 1:
                return plain_attention(module, query, key, value, attention_mask, **kwargs), None
            layer = module.layer_idx
            if query.shape[2] == key.shape[2]:
                check_ends_alike(attention_mask)
                orders[layer] = ranks(query, key, attention_mask, kwargs)
            elif query.shape[2] > 1 or layer not in ends or not torch.equal(ends[layer], key[:, :, -2]):
                raise SealError(
                    "method 'ms_poe' orders heads by a prompt's last token: read a prompt in one pass, and continue its reply token by "
                    "token before another is read"
                )
            ends[layer] = key[:, :, -1].clone()
            # positions from the padding's beginning would do as well: query and key of a pair are divided by one ratio
            n_keys, n_heads = key.shape[2], query.shape[1]
            ratio = (self.least + (self.most - self.least) * orders[layer] / max(n_heads - 1, 1))[..., None]

            def divided(x: Any) -> Any:
                """Return the text's last queries or keys x, one for each query head, at positions divided by that head's ratio."""
                place = torch.arange(n_keys - x.shape[2], n_keys, device=x.device)
                return rotate(x.repeat_interleave(n_heads // x.shape[1], 1), place / ratio - place, frequencies().to(x.device))

            begun = query.shape[2] < n_keys and layer in turned
            k = torch.cat((turned[layer], divided(key[:, :, -1:])), 2) if begun else divided(key)
            if key.device.type == "cpu":  # where turning all keys again takes most of a token's time, and memory is not scarce
                turned[layer] = k
            v = value.repeat_interleave(n_heads // value.shape[1], 1)
            out = by_region(divided(query), k, v, attention_mask, [EVERY_KEY], query.new_empty(0), kwargs)
            return out.transpose(1, 2).contiguous(), None

        with attention_function(model, attend):
            yield model


def check_ends_alike(mask: Any) -> None:
    """Raise SealError for texts that are padded on the right, by their mask [batch, 1, n, n]: their last query is no token of theirs."""
    if mask is not None and not bool(mask[:, 0, -1, -1].all()):
        raise SealError("method 'ms_poe' orders heads by each prompt's last token: pad texts on the left")
