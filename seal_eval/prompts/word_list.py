"""Reads the answer of a reply that names words of a document: which of its lists counts, and whether it is hedged or too long."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from seal_eval.prompts.denials import denied
from seal_eval.prompts.list_items import DECLARED, FILLER, PARAGRAPH, Items, find_lists, without_marks
from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.next_turns import corrects, next_tasks, next_turn
from seal_eval.prompts.verdict import HEDGED, TOO_MANY, Reading, decide
from seal_eval.prompts.wordings import CORRECTION, HEDGE, OR, RULED_OUT, WITHDRAWN

# what introduces the list that a reply ends with, after its work: "Therefore:", "The nodes are:", "Nodes 2 edges away:"
CONCLUDES = re.compile(
    r"(?:\b(?:therefore|thus|hence|so|in conclusion|overall)\b[^.\n]{0,80}?"
    r"|^(?![^\n]*\b(?:other|others|remaining|rest|excluded|not|step)\b)[^.:\n]*\b(?:words?|nodes?|result|list|set)\b[^.:\n]{0,60}"
    r"(?::|\b(?:is|are)\b:?))\W*$",
    re.IGNORECASE | re.MULTILINE,
)
LEFT_OUT = re.compile(r"\b(?:others?|remaining|rest|excluded)\b[^.\n]{0,40}$", re.IGNORECASE)  # introduces what is not the answer
# alone between two lists: "or", also in other languages, and a question mark
DOUBTS = re.compile(r"\W*(?:or|(?:and|or)?\W*(?:maybe|perhaps|possibly)|oder|ou|o|of|或者?|または|또는|или)\W*|\W*\?\W*", re.IGNORECASE)
LACKS = re.compile(r"\W*(?:do|does|did)(?:n't| not) (?:have|lead|point|go|appear|occur)\b", re.IGNORECASE)
# behind the word that the reply names after its answer: "(2) is next"
RUNNER_UP = re.compile(
    r"[^\w\n]{0,3}(?:\d{1,4}\W{1,2})?\s*(?:is|was|comes|came|would be) (?:(?:the|a) (?:\w+ )?)?(?:next|fourth|eleventh|runner-up)\b",
    re.IGNORECASE,
)
# what a reply may add to its list of other words: "(puzzle, pizza: 3 times each)", ", followed by puzzle"
OF_OTHERS = re.compile(r"\([^()\n]{1,200}\)|, (?:and )?followed by\b[^.;\n]{1,80}", re.IGNORECASE)
SAYS_HOW_OFTEN = re.compile(r"\d|\b(?:once|twice|times?|each|less|fewer|followed)\b|\((?:then|next)\b", re.IGNORECASE)
JOINS = re.compile(r"\b(?:also|too|as well|tied?)\b", re.IGNORECASE)
OTHERS = 3  # such places that are looked at
NONE = Items((), ())


def read_words(text: str, listed: Collection[str], n: int, questions: Collection[str] = (), made_up: bool = False) -> Reading:
    """The words of the reply's list, in the document's spelling.

    The list is the last that is declared, concludes or follows a correction, else the longest; if that is too long, the last with as many
    words as are asked for. A plural is its singular when the document has only that, and the other way round.

    listed: the words of the document; questions: words of the question, which count only in a list; made_up: see `find_lists`.
    """
    text = without_marks(text, listed, n)
    if n > 1:
        text = _without_others(text, listed, n, questions, made_up)
    lists = find_lists(text, listed, n, questions, made_up)
    if lists and (turn := next_turn(text, lists[0].words[0].start)) is not None:
        text = text[:turn]
        lists = find_lists(text, listed, n, questions, made_up)
    if lists and n == 1:
        return _one_word(text, lists, questions)
    for begin in next_tasks(text, [items.words[-1].end for items in lists]):
        before = find_lists(text[:begin], listed, n, questions, made_up)
        reading = _answer(text[:begin], before, n, questions, made_up)
        if len(reading.values) == n and not reading.problem:
            return reading
    return _answer(text, lists, n, questions, made_up)


def _without_others(text: str, listed: Collection[str], n: int, questions: Collection[str], made_up: bool) -> str:
    """The text without what it says, right behind a list of as many words as are asked for, of how often others occur."""
    for match in list(OF_OTHERS.finditer(text))[:OTHERS]:
        if not SAYS_HOW_OFTEN.search(match[0]) or JOINS.search(match[0]) or OR.search(match[0]):
            continue
        before = find_lists(text[: match.start()], listed, n, questions, made_up)
        if (
            before
            and before[-1].known == len(before[-1].values) == n
            and not re.search(r"[^\W\d]", text[before[-1].words[-1].end : match.start()])  # counts may stand there
        ):
            text = text[: match.start()] + " " * len(match[0]) + text[match.end() :]
    return text


def _answer(text: str, lists: Sequence[Items], n: int, questions: Collection[str], made_up: bool) -> Reading:
    """The words of the list that answers, for more words than one."""
    lists = _not_denied(text, lists)
    lists = lists[:1] + [items for before, items in pairwise(lists) if not LEFT_OUT.search(_between(text, before, items))]
    lists, declared = _declared(text, lists)
    if not lists:
        return Reading(())
    at = lists.index(_best(text, lists, n, declared))
    best = lists[at]
    for before, items in pairwise(lists[max(0, at - 1) : at + 2]):
        between = _between(text, before, items)
        both = tuple(dict.fromkeys(before.values + items.values))
        hedged = HEDGE.search(re.split(r"[.;!?\n]", between)[-1]) or OR.search(between)
        if DOUBTS.fullmatch(between) or (hedged and min(before.known, items.known) >= max(2, n // 2)):
            return Reading(both, HEDGED)
        ends = re.fullmatch(r"[.!;]\s+|[^\n]*[.!][^\S\n]+", between)  # a sentence, behind "6" or "(6 times)", too
        if before is best and len(both) > n and not ends and re.fullmatch(r"[\W\d]*", between):  # it goes on in another paragraph
            return Reading(both, TOO_MANY)
    values = best.values
    together = tuple(dict.fromkeys(v for items in lists if made_up or len(items.words) > 1 for v in items.values))
    doubtful = any(OR.search(_between(text, before, items)) for before, items in pairwise(lists))
    if len(values) < n == len(together) and not doubtful and not CORRECTION.search(text):
        values = together
    elif len(best.words) == 1 and not declared:  # no list: words spread over sentences
        values = tuple(dict.fromkeys(v for items in lists for v in items.values if v not in questions))
    return Reading(values, TOO_MANY if len(values) > n else "")


def _best(text: str, lists: Sequence[Items], n: int, declared: bool) -> Items:
    """The list that answers. declared: the first is declared to do so."""
    if declared:
        return lists[0]
    best, corrected = max(lists, key=lambda items: items.known), False
    for before, items in pairwise([items for items in lists if items.known >= max(1, n // 2)]):
        if corrects(_between(text, before, items)):
            best, corrected = items, True
    exact = [items for items in lists if items.known == len(items.values) == n]
    if len(best.values) > n and exact:
        later = [items for items in exact if items.words[0].start > best.words[0].start]
        if later:
            return later[-1]
        if exact[0] is lists[0] and not corrected:
            return exact[0]
    if best.known != n:
        for before, items in pairwise(lists):
            if items in exact and CONCLUDES.search(_between(text, before, items)):
                best = items
    return best


def _declared(text: str, lists: Sequence[Items]) -> tuple[list[Items], bool]:
    """(the lists behind the last declaration that any follows, all without one; whether the first stands right behind it)."""
    parts = list[list[Items]]()
    for before, items in pairwise([NONE, *lists]):
        if DECLARED in _between(text, before, items):
            parts.append([])
        if parts:
            parts[-1].append(items)
    if not parts:
        return list(lists), False
    if len(parts) > 1 and all(len(part[0].words) == 1 for part in parts):  # \boxed{a}, \boxed{b}
        return [Items(tuple(p[0].words[0] for p in parts), tuple(p[0].names[0] for p in parts))], True
    last = parts[-1]
    begin = text.rfind(DECLARED, 0, last[0].words[0].start)
    if not FILLER.fullmatch(text[begin + 1 : last[0].words[0].start]):
        return last, False
    for i, (before, items) in enumerate(pairwise(last), 1):
        between = _between(text, before, items)
        if PARAGRAPH.search(between) and re.search(r"[^\W\d]", between):  # an explanation
            return last[:i], True
    return last, True


def _not_denied(text: str, lists: Sequence[Items]) -> list[Items]:
    """The lists without words that are denied: 'not A', 'A is wrong'. Said in front of a list or behind it, that denies all of it."""
    left = list[Items]()
    end = 0
    for items in lists:
        ends = [end, *(word.end for word in items.words)]
        end = ends[-1]
        last = items.words[-1]
        whole, following = denied(text, items.words[0], ends[0]), text[last.end : last.end + 80]
        kept = list(zip(items.words, items.names, strict=True))
        if WITHDRAWN.match(following) or RULED_OUT.match(following) or LACKS.match(following):
            whole = whole or not re.search(r"[.!?]\s", text[ends[-2] : last.start])
            kept = kept[:-1]
        elif RUNNER_UP.match(following):
            kept = kept[:-1]
        kept = [(word, name) for (word, name), after in zip(kept, ends, strict=False) if not denied(text, word, after)]
        if kept and not whole:
            left.append(Items(tuple(word for word, _ in kept), tuple(name for _, name in kept)))
    return left


def _one_word(text: str, lists: Sequence[Items], questions: Collection[str]) -> Reading:
    """The one word that a reply answers."""
    longer = len("final answer is ") - len(DECLARED)
    mentions = []
    for items in lists:
        for word, name in zip(items.words, items.names, strict=True):
            shift = longer * text.count(DECLARED, 0, word.start)
            if (name or word.value) not in questions:
                mentions.append(Mention(name or word.value, word.start + shift, word.end + shift, counts=bool(name)))
    return decide(text.replace(DECLARED, "final answer is "), mentions, 1)


def _between(text: str, before: Items, items: Items) -> str:
    """The text between two lists; up to `items` when `before` is empty."""
    return text[before.words[-1].end if before.words else 0 : items.words[0].start]
