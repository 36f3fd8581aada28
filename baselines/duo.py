"""Streaming heads beside retrieval heads: Xiao et al. 2024, "DuoAttention: Efficient Long-Context LLM Inference with Retrieval and
Streaming Heads", ICLR 2025."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.baselines.rule import By, FromMap
from seal_eval.core.settings import Count, Index, Share
from seal_eval.models.attention import Region, attention_function, check_attends_fully, plain_attention, slides
from seal_eval.models.modules import attention_layers


@dataclass(frozen=True)
class Duo(FromMap):
    """The `share` of heads with the highest scores in a map see all tokens; the others see the first `sinks` and the last `recent` ones.

    All heads keep the tokens' own positions (section 2.3). The paper learns which heads retrieve, for groups of heads that share keys, and
    drops the keys that streaming heads do not see; it uses a share of 0.25 (multi-head) or 0.5 (grouped-query attention), 64 sinks and 256
    recent tokens. Here the map decides, for single heads, and no key is dropped: the method shows what accuracy such a choice of heads
    keeps, not its memory. Heads in layers with a sliding window stay as they are.

    heads: folder written by `seal-eval heads`. by: the scores in it that count; '' for the exact effects, else the predicted ones, else the
    copy scores.
    """

    title: ClassVar[str] = "DuoAttention-like"
    summary: ClassVar[str] = "heads that do not retrieve see only the first and the most recent tokens"
    citation: ClassVar[str] = "Xiao et al. 2024, DuoAttention (ICLR 2025), arXiv 2410.10819"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"share": 1.0}
    active: ClassVar[Mapping[str, Any]] = {"share": 0.0, "sinks": 4, "recent": 16}

    heads: str
    share: Share = 0.5
    sinks: Index = 64
    recent: Count = 256
    by: By = ""

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        import torch

        from seal_eval.models.by_head import EVERY_KEY, by_head

        check_attends_fully(model)
        scores = self.scores(model)
        retrieves = torch.zeros(scores.numel(), dtype=torch.bool)
        order = scores.flatten().argsort(descending=True, stable=True)
        retrieves[order[: round(self.share * len(order))]] = True
        rows = dict(zip(attention_layers(model), retrieves.reshape(scores.shape).tolist(), strict=True))
        s, w = self.sinks, self.recent
        recent = Region(holds=lambda i, j: i - j < w, keys=lambda first, last: (first - w + 1, last + 1))
        sinks = Region(holds=lambda i, j: (j < s) & (i - j >= w), keys=lambda first, last: (0, s))
        streaming = (recent, sinks) if s else (recent,)

        def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[Any, None]:
            row = rows[module.layer_idx]
            if slides(module, kwargs) or all(row) or key.shape[2] <= w:
                return plain_attention(module, query, key, value, attention_mask, **kwargs), None
            full, others = [[h for h, retrieves in enumerate(row) if retrieves == kind] for kind in (True, False)]
            groups = ((full, (EVERY_KEY,)), (others, streaming))
            return by_head(query, key, value, attention_mask, groups, query.new_empty(0), kwargs), None

        with attention_function(model, attend):
            yield model
