"""Layers of a key-value cache with spare room: one text's, and those of several texts that go on from one beginning."""

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer


class GrowingLayer(DynamicLayer):
    """A cache layer with spare room at its end. A new token is written there; transformers' layer copies all earlier tokens each time.

    A copy (`caches.branch`) shares the room: of the two, the one that grows later overwrites what the other has added, so only one of them
    may go on.
    """

    room: tuple[torch.Tensor, torch.Tensor] | None = None  # buffers of which `keys` and `values` are the beginning
    keys: Any  # declared as Tensor | None in transformers
    values: Any

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values [batch, n_kv_heads, n_new, head_dim]; return all of them, [batch, n_kv_heads, n_tokens, head_dim]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        batch, n = key_states.shape[0], self.get_seq_length()
        end = n + key_states.shape[2]
        # rows that were chosen or repeated since (`reorder_cache`) are other tensors than the room's
        own = self.room is not None and self.room[0].shape[0] == batch and self.room[0].data_ptr() == self.keys.data_ptr()
        if self.room is None or not own or self.room[0].shape[2] < end:
            size = end + max(64, end // 8)
            room = [new.new_empty(*new.shape[:2], size, new.shape[3]) for new in (key_states, value_states)]
            if n:
                for buffer, old in zip(room, (self.keys, self.values), strict=True):
                    buffer[:, :, :n] = old
            self.room = (room[0], room[1])
        for buffer, new in zip(self.room, (key_states, value_states), strict=True):
            buffer[:, :, n:end] = new
        self.keys, self.values = self.room[0][:, :, :end], self.room[1][:, :, :end]
        return self.keys, self.values

    def take_row(self, row: int, batch: int, n: int, source: "GrowingLayer") -> None:
        """Copy `source`, a layer of one sequence, to the end of row `row` of this layer, which has `batch` rows of `n` tokens.

        The first call allocates the rows with zeros, so shorter sequences are padded on the left.
        """
        if not self.is_initialized:
            self.lazy_initialization(source.keys, source.values)
            size = n + max(64, n // 8)
            room = [x.new_zeros(batch, x.shape[1], size, x.shape[3]) for x in (source.keys, source.values)]
            self.room = (room[0], room[1])
            self.keys, self.values = room[0][:, :, :n], room[1][:, :, :n]
        k = source.get_seq_length()
        self.keys[row, :, n - k :], self.values[row, :, n - k :] = source.keys[0], source.values[0]

    def for_batch(self, n: int) -> "GrowingLayer":
        """Return a layer of `n` rows, each of which begins with the tokens of this layer's one row. This layer does not change."""
        layer = GrowingLayer()
        if self.is_initialized:
            layer.lazy_initialization(self.keys, self.values)
            layer.keys, layer.values = self.keys.expand(n, -1, -1, -1), self.values.expand(n, -1, -1, -1)
        return layer


class RowsBehind(DynamicLayer):
    """The layer of several texts that begin alike: the tokens of their beginning are held once, those behind it in rows.

    `update` returns the keys and values of the rows alone, [batch, n_kv_heads, n_own, head_dim]. The tensor of keys has an attribute
    `beginning`: (keys, values) of the beginning, each [1, n_kv_heads, n_shared, head_dim]. Only the attention function of `shared_rows`
    reads it.
    """

    keys: Any
    values: Any

    def __init__(self, layer: DynamicLayer) -> None:
        super().__init__()
        self.beginning, self.own = (layer.keys, layer.values), GrowingLayer()
        self.n_shared = layer.get_seq_length()
        self.is_initialized = True

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values [batch, n_kv_heads, n_new, head_dim] to the rows; return those behind the beginning."""
        self.keys, self.values = self.own.update(key_states, value_states)
        self.keys.beginning = self.beginning
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """The number of tokens of each text in the cache."""
        return self.n_shared + self.own.get_seq_length()
