"""The special tokens that a tokenizer puts before every text, which a chat template may have written already."""

from collections.abc import Sequence
from typing import Any

LONGEST = 64  # characters behind the beginning's own that are read of a prompt, since templates may write white space between its tokens


def added_before(tokenizer: Any) -> list[int]:
    """Return the ids that a tokenizer puts before every text: BOS for many, [gMASK] and <sop> for GLM-4, [] for most."""
    whole, bare = tokenizer("a").input_ids, tokenizer("a", add_special_tokens=False).input_ids
    first = next((i for i in range(len(whole) - len(bare) + 1) if whole[i : i + len(bare)] == bare), 0)
    return list(whole[:first])


def begun_already(tokenizer: Any, prompt: str, before: Sequence[int] | None = None) -> bool:
    """Return whether a rendered prompt begins with the tokens that the tokenizer would add, so that it is encoded without them.

    before: what `added_before` returns, when the caller knows it. As in lm-eval, a prompt that begins with BOS is such a one.
    """
    bos = tokenizer.bos_token
    if bos and prompt.startswith(bos):
        return True
    before = added_before(tokenizer) if before is None else before
    if not before or [*before] == [tokenizer.bos_token_id]:
        return False
    head = prompt[: sum(map(len, tokenizer.convert_ids_to_tokens(before))) + LONGEST]
    return list(tokenizer(head, add_special_tokens=False).input_ids[: len(before)]) == [*before]
