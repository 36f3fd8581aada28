"""Sharper or flatter attention: queries of layers with full attention are multiplied by a factor, which multiplies their scores."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from seal_eval.models.attention import attention_function, check_attends_fully, plain_attention, query_positions, slides


@contextmanager
def scaled_queries(model: Any, factor: Callable[[torch.Tensor], torch.Tensor | float]) -> Iterator[Any]:
    """Context manager: inside it each query is multiplied by factor(n), and the product is rounded to the query's dtype.

    n: the number of tokens up to and with the query, fp32 [batch, 1, n_queries, 1]. Layers with a sliding window stay as they are. Raises
    SealError for a model whose attention cannot be replaced.
    """
    check_attends_fully(model)

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> tuple[Any, None]:
        if not slides(module, kwargs):
            n = (query_positions(query, key, attention_mask) + 1).float()[:, None, :, None]
            query = (query * factor(n)).to(query.dtype)
        return plain_attention(module, query, key, value, attention_mask, **kwargs), None

    with attention_function(model, attend):
        yield model
