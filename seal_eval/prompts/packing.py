"""Fills a prompt with pieces of text to a given length in tokens, to within 1 %."""

import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.types import Sample
from seal_eval.prompts.prompt import PromptFormat

SPARE_PIECES = 100  # the last pieces are chosen from about this many
FEW_PIECES = 20  # a prompt with at most this many pieces chooses from all of them
PROBED = 8_192  # tokens; longer prompts are not tried when one is too short: each trial builds a sample
CHOSEN_PIECES = 8  # about this many of the last pieces are chosen for their lengths
LENGTH_TOLERANCE = 0.01  # a prompt is less than this share below its length, and never above it


class TooShort(SealError):
    """The length has no room for what the prompt must contain, or no choice of pieces fills it to within 1 %.

    least: tokens that are needed, as far as they are known.
    """

    def __init__(self, message: str, least: int = 0) -> None:
        super().__init__(message)
        self.least = least


class TooLittleText(SealError):
    """There are too few pieces to fill the length."""


@dataclass(frozen=True)
class PackedText:
    """A prompt's text with its facts in place."""

    text: str
    n_tokens: int
    depths: tuple[float, ...]  # where each fact starts, as a fraction of n_tokens, in the caller's order
    pieces: tuple[str, ...]  # the pieces used, in order


class Packer:
    """Joins head, pieces with facts among them, and tail, so that prompt and answer budget fill a length to within 1 %.

    `gap` is put before every piece and fact; without one, pieces are lines that begin with one of the characters `first`. Where the
    vocabulary proves that no token crosses a gap, the tokens of a prompt are the sum of its pieces' tokens, and only the first prompt is
    tokenised in full, as a check. Otherwise, or if the check fails, every prompt is.
    """

    def __init__(self, prompt_format: PromptFormat, gap: str, answer_tokens: int, length: int, first: str = "l") -> None:
        self.prompt_format, self.gap, self.answer_tokens, self.length = prompt_format, gap, answer_tokens, length
        self.adds_up: bool | None = None if prompt_format.apart(gap, first) else False  # None: proven by the vocabulary, not yet checked

    def costs(self, pieces: Sequence[str]) -> list[int]:
        """Tokens of each piece together with its gap."""
        return self.prompt_format.costs(pieces, self.gap)

    def fill(
        self,
        head: str,
        tail: str,
        prefix: str,
        pieces: Sequence[str],
        costs: Sequence[int],
        facts: Sequence[tuple[str, float]],
        alike: bool = False,
    ) -> PackedText:
        """Pack pieces in order until the length is nearly full, then those of the next ones that fit best; insert each fact at its depth.

        facts: (text, fraction of the pieces' tokens that should precede it). costs: [n_pieces], see `Packer.costs`. alike: round the room
        for pieces down, so that prompts with facts of similar size use the same pieces. Raises TooShort when the length cannot be filled
        and TooLittleText when there are too few pieces.
        """
        order = sorted(range(len(facts)), key=lambda j: facts[j][1])
        texts = [facts[j][0] for j in order]
        base, starts = self.prompt_format.locate(self._join(head, texts, tail), prefix, [self.gap + text for text in texts])
        cost = np.asarray(costs, dtype=np.int64)
        room = self.length - base - self.answer_tokens
        if alike:
            room -= room % max(1, int(0.75 * LENGTH_TOLERANCE * self.length))
        for _ in range(12):
            if room <= 0:
                break
            chosen = fit(cost, room)
            reach = np.concatenate([[0], np.cumsum(cost[chosen])])
            places = [int(np.abs(reach - facts[j][1] * reach[-1]).argmin()) for j in order]
            used = [pieces[i] for i in chosen]
            text = self._join(head, _insert(used, texts, places), tail)
            n_tokens = self.count(base + int(reach[-1]), text, prefix)
            if self.fits(n_tokens):
                depth = [0.0] * len(facts)
                for j, start, place in zip(order, starts, places, strict=True):
                    depth[j] = (start + int(reach[place])) / n_tokens
                return PackedText(text, n_tokens, tuple(depth), tuple(used))
            if self.adds_up:
                break
            room -= n_tokens + self.answer_tokens - self.length
        total = int(cost.sum())
        if total < self.length - base - self.answer_tokens and len(cost) > 0:
            raise TooLittleText(
                f"the haystack holds {total} tokens, {self.length - base - self.answer_tokens} are needed for a length of {self.length}; "
                "add text or choose a shorter length"
            )
        self.check_room(base + self.answer_tokens)
        raise TooShort(f"length {self.length} cannot be filled")

    def check_room(self, least: int) -> None:
        """Raise TooShort when the prompt and its answer take at least so many tokens, more than the length."""
        if least > self.length:
            raise TooShort(f"length {self.length} cannot be filled: what a prompt must hold, and its answer, take {least} tokens", least)

    def _join(self, head: str, items: Sequence[str], tail: str) -> str:
        return head + "".join(self.gap + item for item in items) + tail

    def fits(self, n_tokens: int) -> bool:
        """True when a prompt of `n_tokens` and its answer budget fill the length: not above it and less than 1 % below."""
        return -LENGTH_TOLERANCE * self.length < n_tokens + self.answer_tokens - self.length <= 0

    def count(self, total: int, text: str, prefix: str) -> int:
        """Tokens of a prompt whose pieces add up to `total`: that sum once it is proven and checked, otherwise the text is tokenised."""
        if self.adds_up:
            return total
        exact = self.prompt_format.count(text, prefix)
        if self.adds_up is None:
            self.adds_up = exact == total
        return exact


def fit(costs: Any, room: int) -> list[int]:
    """Indices, ascending: the first pieces until the room is nearly full, then the best fit for the rest among the next SPARE_PIECES."""
    reach = np.cumsum(costs)
    mean = max(1, int(reach[-1] // len(costs))) if len(costs) else 1
    n = int(np.searchsorted(reach, room - CHOSEN_PIECES * mean, side="right"))
    n = max(0, min(n, len(costs) - SPARE_PIECES // 4))
    rest = room - (int(reach[n - 1]) if n else 0)
    spare = SPARE_PIECES if n > FEW_PIECES else len(costs)  # a short prompt needs more to choose from
    return [*range(n), *(n + i for i in best_fit([int(c) for c in costs[n : n + spare]], rest))]


def best_fit(costs: Sequence[int], room: int) -> list[int]:
    """Indices, ascending, of items whose costs add up to as much of `room` as possible and never more (subset sum).

    The reachable sums are bits of an integer, so adding an item is one shift.
    """
    full = (1 << (room + 1)) - 1
    sums = [1]
    for cost in costs:
        sums.append((sums[-1] | (sums[-1] << cost)) & full)
        if sums[-1] >> room & 1:
            break
    total = sums[-1].bit_length() - 1
    chosen = []
    for i in range(len(sums) - 1, 0, -1):
        if not sums[i - 1] >> total & 1:
            chosen.append(i - 1)
            total -= costs[i - 1]
    return chosen[::-1]


def _insert(pieces: Sequence[str], facts: Sequence[str], places: Sequence[int]) -> list[str]:
    """The pieces with fact j before piece places[j]; places are ascending."""
    items: list[str] = []
    done = 0
    for fact, place in zip(facts, places, strict=True):
        items += [*pieces[done:place], fact]
        done = place
    return [*items, *pieces[done:]]


def build_samples(start: Callable[[int], Callable[[int], list[Sample]]], task: str, length: int, n: int) -> list[Sample]:
    """The samples of `start(length)(i)` for i in 0..n-1, in one list.

    Raises TooShort naming roughly the smallest length that can be filled, if it is at most PROBED tokens.
    """
    try:
        build_one = start(length)
        return [sample for i in range(n) for sample in build_one(i)]
    except TooShort as error:
        if error.least <= PROBED and (longer := _enough(start, max(length, error.least - 1), n)):
            raise TooShort(
                f"{task}: length {length} cannot be filled with this tokenizer; the smallest that can is about {longer}"
            ) from error
        said = str(error).removeprefix(f"{task}: ")
        raise TooShort(f"{task}: {said}; choose a longer length, or settings and texts that take less room") from error


def _enough(start: Callable[[int], Callable[[int], list[Sample]]], length: int, n: int) -> int:
    """The smallest length above `length` at which n samples can be filled, to about 4 %; 0 when it is above PROBED.

    The first sample alone says roughly where; then all are tried, because some need a little more room.
    """

    def fits(tokens: int, n: int = 1) -> bool:
        try:
            build_one = start(tokens)
            for i in range(n):
                build_one(i)
        except TooShort:
            return False
        return True

    low = max(length, 16)
    while low <= PROBED and not fits(2 * low):
        low *= 2
    if low > PROBED:
        return 0
    steps = [low + max(4, low // 25)]
    while steps[-1] < 2 * low:
        steps.append(steps[-1] + max(4, steps[-1] // 25))
    longer = steps[min(bisect_left(steps, True, key=fits), len(steps) - 1)]
    while longer <= PROBED and not fits(longer, n):
        longer += max(4, longer // 25)
    return longer if longer <= PROBED else 0


@dataclass(frozen=True)
class Pool:
    """Generated pieces of one form, tokenised once; every sample of a length draws its own from them."""

    keys: Sequence[str]
    values: Sequence[str]
    texts: Sequence[str]
    costs: Sequence[int]

    def draw(self, rng: random.Random, tokens: int, but: Sequence[int]) -> tuple[list[str], list[int]]:
        """Pieces in random order, enough for `tokens` plus spare ones for the packer, and their costs; indices in `but` are left out."""
        pieces = tokens * len(self.costs) // sum(self.costs)
        enough = pieces * 21 // 20 + 2 * SPARE_PIECES if pieces > 2 * FEW_PIECES else len(self.texts)
        chosen = rng.sample(range(len(self.texts)), min(enough, len(self.texts)))
        left_out = set(but)
        kept = [i for i in chosen if i not in left_out]
        return [self.texts[i] for i in kept], [self.costs[i] for i in kept]

    @staticmethod
    def size(tokens: int, cost: int) -> int:
        """Number of pieces of about `cost` tokens in a pool for `tokens`: four times what a sample uses, plus 2,000."""
        return 4 * (tokens // max(cost, 1)) + 2000
