"""Special tokens, which decoding leaves out, and those of them that mark thinking: without these it would look like the answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from seal_eval.prompts.thinking import THINK_TOKENS


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """Return id → text of a tokenizer's special tokens: those with a role, such as EOS, and added ones that are declared special."""
    roles = zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True)
    added = {i: token.content for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return {**added, **{i: str(text) for i, text in roles}}


def special_marks(tokenizer: Any, docs: Iterable[Mapping[str, Any] | None] = ()) -> set[int]:
    """Return the ids of the special tokens that mark thinking: known ones, and those that the documents' own marks are made of."""
    own = {str((doc or {}).get(key) or "") for doc in docs for key in ("think_start", "think_end")}
    special = special_tokens(tokenizer)
    return {i for i, text in special.items() if text in THINK_TOKENS or (text and any(text in mark for mark in own))}
