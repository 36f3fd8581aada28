"""Which prompts are answered together, and in which order, so that successive prompts share much."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

from seal_eval.harness.prefix_cache import MIN_SHARED_TOKENS, REST
from seal_eval.models.caches import in_common

SHORT = 512  # prompts that share nothing are padded into a batch up to this many tokens; longer ones are prefilled one by one
TOGETHER = 32768  # tokens (padded) of prompts that are prefilled one by one and decoded as a batch; bounds the memory of their caches


def batches(
    prompts: Sequence[list[int]], kinds: Sequence[Hashable], size: int, shares: bool, pads: bool = True, *, rows: bool = True,
    joins: bool = True,
) -> list[tuple[list[int], bool]]:  # fmt: skip
    """Return the batches, in an order in which successive prompts share much: (indices of prompts, whether to use the prefix cache).

    prompts: token ids of each. kinds: generation options of each, hashable; only prompts of one kind share a batch. size: batch size.
    shares: whether prompts may use the prefix cache. With it, prompts of one length that differ in their last REST tokens only form a batch
    without padding. With or without it, prompts of up to SHORT tokens that share nothing are padded into batches that do not use it. All
    others are prefilled one by one; with the cache, up to TOGETHER tokens of them are decoded as a batch. pads: whether padding is
    possible. rows: whether the cache of one prompt may become that of a batch. joins: whether caches of several prompts may.
    """
    families: list[list[int]] = []
    for i in sorted(range(len(prompts)), key=prompts.__getitem__):
        same = in_common(prompts[families[-1][0]], prompts[i]) if families and shares else 0
        if same >= MIN_SHARED_TOKENS and max(len(prompts[i]), len(prompts[families[-1][0]])) - same <= REST:
            families[-1].append(i)
        else:
            families.append([i])
    plan: list[tuple[list[int], bool]] = []
    short: dict[Hashable, list[int]] = defaultdict(list)
    for family in families:
        alike: dict[Hashable, list[int]] = defaultdict(list)
        for i in family:
            if len(family) == 1 and size > 1 and len(prompts[i]) <= SHORT and pads:
                short[kinds[i]].append(i)
            else:
                alike[len(prompts[i]), kinds[i]].append(i)
        plan += [(batch, shares) for same_length in alike.values() for batch in parts(same_length, size if rows or not shares else 1)]
    if shares and pads and joins:
        plan = _decoded_together(plan, prompts, kinds, size)
    for group in short.values():
        plan += [(batch, False) for batch in parts(sorted(group, key=lambda i: len(prompts[i])), size)]
    return plan


def _decoded_together(
    plan: list[tuple[list[int], bool]], prompts: Sequence[list[int]], kinds: Sequence[Hashable], size: int
) -> list[tuple[list[int], bool]]:
    """Join successive batches of one prompt, of one kind, into batches of up to `size` prompts and TOGETHER tokens with padding."""
    joined: list[tuple[list[int], bool]] = []
    extendable = False  # whether the last batch of `joined` consists of single prompts
    for batch, through_cache in plan:
        single = len(batch) == 1
        if single and extendable and kinds[joined[-1][0][0]] == kinds[batch[0]] and len(joined[-1][0]) < size:
            longest = max(len(prompts[i]) for i in (*joined[-1][0], *batch))
            if longest * (len(joined[-1][0]) + 1) <= TOGETHER:
                joined[-1][0].append(batch[0])
                continue
        joined.append((list(batch), through_cache))
        extendable = single
    return joined


def parts(items: list[int], size: int) -> list[list[int]]:
    """Return consecutive parts of `items`, of at most `size` items each."""
    return [items[i : i + size] for i in range(0, len(items), size)]
