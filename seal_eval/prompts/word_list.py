"""Finds the list of words in a reply that names words of a document, apart from the reply's own sentences."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seal_eval.prompts.mentions import LETTERS, Mention
from seal_eval.prompts.numerals import TEENS, TENS, UNITS
from seal_eval.prompts.plain_text import FIELD_NAME
from seal_eval.prompts.verdict import HEDGED, TOO_MANY, Reading, decide
from seal_eval.prompts.wordings import CORRECTION, NEXT_TURN, OR, STRONG

# words and marks that may stand between two items of a list
FILLER = re.compile(
    r"(?:[\s,;:|/&+\"'()\[\]{}<>=\-#.!0-9$]|\b(?:and|also|as well as|plus|x|times?|time each|each|appears?|appeared|occurs?|occurred"
    r"|occurrences?|instances?|mal|counts?|with|finally|lastly|words?|numbers?|frequency"
    rf"|(?:{TENS}[- ]?)?(?:{UNITS})?|{TEENS}|hundred)\b)*",
    re.IGNORECASE,
)
# what a reply adds to an item: (six times), (found 6 times), (noun)
NOTE = re.compile(r"(?<=\w)[*_\"' ]{0,3}\(([^()\n]{1,60})\)")
DECLARED = "\ue000"  # stands for the words that declare an answer, which may be words of the document
BEFORE = frozenset(["and", "are", "is", "be", "been", "was", "were", "also", "but"])  # words of a sentence that its list follows
# words with which a sentence goes on behind its list
AFTER = frozenset(
    [*BEFORE, "have", "has", "had", "as", "in", "which", "that", "who", "fit", "form", "come", "make", "seem", "stand", "lead"]
)
# words that stand alone in a reply and are no items, unless the document lists them
OUTSIDE = frozenset({
    "actually", "answer", "are", "certainly", "correction", "count", "counts", "done", "final", "finally", "first", "great", "here",
    "hence", "hmm", "is", "item", "json", "list", "no", "node", "note", "now", "ok", "okay", "second", "so", "sorry", "step", "sure",
    "that", "the", "therefore", "these", "third", "those", "thus", "wait", "well", "which", "who", "word", "words", "yes",
})  # fmt: skip
# letters and Roman numbers that count the items of a list: a) (b) iv.
LETTERED = re.compile(r"(?m)(?:^|(?<=\s))(?:\((?:[a-z]|[ivx]{2,5})\)|(?:[a-z]|[ivx]{2,5})[).])(?=\s)", re.IGNORECASE)
# what introduces the list that a reply ends with, after its work: "Therefore:", "The nodes are:", "Nodes 2 edges away:"
CONCLUDES = re.compile(
    r"(?:\b(?:therefore|thus|hence|so|in conclusion|overall)\b[^.\n]{0,80}?"
    r"|^(?![^\n]*\b(?:other|others|remaining|rest|excluded|not|step)\b)[^.:\n]*\b(?:words?|nodes?|result|list|set)\b[^.:\n]{0,60}"
    r"(?::|\b(?:is|are)\b:?))\W*$",
    re.IGNORECASE | re.MULTILINE,
)


LEFT_OUT = re.compile(r"\b(?:others?|remaining|rest|excluded)\b[^.\n]{0,40}$", re.IGNORECASE)  # introduces what is not the answer


@dataclass(frozen=True)
class Items:
    """One list of a reply: its words, and for each the document's spelling, None for a word that the document does not list."""

    words: tuple[Mention, ...]
    names: tuple[str | None, ...]

    @property
    def known(self) -> int:
        """How many different words of the document it names."""
        return len({name for name in self.names if name})

    @property
    def values(self) -> tuple[str, ...]:
        """Its different words."""
        return tuple(dict.fromkeys(name or word.value for word, name in zip(self.words, self.names, strict=True)))


def read_words(text: str, listed: Collection[str], n: int, questions: Collection[str] = ()) -> Reading:
    """The words of the reply's list, in the document's spelling.

    The list is the last that is declared, concludes or follows a correction, else the longest. A plural is its singular when the document
    has only that, and the other way round. listed: the words of the document; questions: words of the question, which count only in a list.
    """
    text = FIELD_NAME.sub(
        lambda m: m[0] if m[0].strip('": ').lower() in listed else ":", re.sub(r"</\w{1,30}>", "\n", STRONG.sub(DECLARED, text))
    )
    if n > 1:
        text = NOTE.sub(lambda m: m[0] if set(listed) & {word.lower() for word in LETTERS.findall(m[1])} else " " * len(m[0]), text)
    text = LETTERED.sub(lambda m: " " * len(m[0]), text)
    tokens = [m for m in LETTERS.finditer(text) if text[m.start() - 1 : m.start()] != "\\"]
    lists = _lists(text, [Mention(m[0].lower(), m.start(), m.end()) for m in tokens], listed, n)
    if lists and (turn := next((t for t in NEXT_TURN.finditer(text) if t.start() > lists[0].words[0].start), None)):
        lists = [items for items in lists if items.words[0].start < turn.start()]
    if run := _run(text, tokens, listed, n):
        lists.append(run)
    if not lists:
        return Reading(())
    if n == 1:
        return _one_word(text, lists, questions)
    lists = lists[:1] + [items for before, items in pairwise(lists) if not LEFT_OUT.search(_between(text, before, items))]
    best = max(lists, key=lambda items: items.known)
    for before, items in pairwise([Items((), ()), *lists]):
        if items.known >= max(1, n // 2) and _renewed(text, before, items):
            best = items
    if best.known != n:
        for before, items in pairwise(lists):
            if items.known == n and CONCLUDES.search(_between(text, before, items)):
                best = items
    at = lists.index(best)
    for before, items in pairwise(lists[max(0, at - 1) : at + 2]):
        if min(before.known, items.known) >= max(2, n // 2) and OR.search(_between(text, before, items)):
            return Reading(tuple(dict.fromkeys(before.values + items.values)), HEDGED)
    values = best.values
    together = tuple(dict.fromkeys(v for items in lists if len(items.words) > 1 for v in items.values))
    if len(values) < n == len(together) and not CORRECTION.search(text):
        values = together
    if len(best.words) == 1:  # no list: words spread over sentences
        values = tuple(dict.fromkeys(v for items in lists for v in items.values if v not in questions))
    return Reading(values, TOO_MANY if len(values) > n else "")


def _run(text: str, tokens: Sequence[re.Match[str]], listed: Collection[str], n: int) -> Items | None:
    """The longest run of at least `n` words of the document with only spaces between them; None without one."""
    best: list[Mention] = []
    run: list[Mention] = []
    for token in tokens:
        word = Mention(token[0].lower(), token.start(), token.end())
        if word.value not in listed:
            run = []
            continue
        run = [*run, word] if run and not text[run[-1].end : word.start].strip() else [word]
        best = max(best, run, key=len)
    return Items(tuple(best), tuple(word.value for word in best)) if len(best) >= max(3, n) else None


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


def _lists(text: str, tokens: Sequence[Mention], listed: Collection[str], n: int) -> list[Items]:
    """The reply's words in lists: between two words of a list only separators stand, while spaces separate those of running text."""
    lists: list[list[Mention]] = []
    loose = set()  # words at the end of running text, which may begin a list
    for i, token in enumerate(tokens):
        left = text[tokens[i - 1].end if i else 0 : token.start]
        right = text[token.end : tokens[i + 1].start if i + 1 < len(tokens) else len(text)]
        following = tokens[i + 1].value if i + 1 < len(tokens) else ""
        heading = re.fullmatch(r"['\")\]]*\s*(?:#?\d{1,3}\s*)?:\s*", right) and following and not FILLER.fullmatch(following)
        ends: object = not following or re.search(r"[^\s'\-]|\n", right) or following == "or" or FILLER.fullmatch(following)
        if not ends and following in AFTER and token.value in listed:  # "belly, talk and pie are"
            ends = i > 0 and (tokens[i - 1].value in ("and", "or") or re.search(r"[,;]", left))
        separated = not i or re.search(r"[^\s'\-]|\n", left)
        bare = token.value in listed and separated and ends and not left.rstrip()[-1:].isdecimal()
        if heading or not ends or (not bare and (FILLER.fullmatch(token.value) or token.value in OUTSIDE)):
            continue
        if not separated and tokens[i - 1].value not in BEFORE:
            loose.add(token)
        if lists and FILLER.fullmatch(text[lists[-1][-1].end : token.start]) and token not in loose:
            lists[-1].append(token)
        else:
            lists.append([token])
    found = []
    for words in lists:
        if words[0] in loose and len({word.value for word in words}) > n:
            words = words[1:]
        items = Items(tuple(words), tuple(_spelling(word.value, listed) for word in words))
        if items.known or n == 1:
            found.append(items)
    return found


def _renewed(text: str, before: Items, items: Items) -> bool:
    """True when the answer is declared, or an earlier one corrected, between the list before and this one."""
    between = _between(text, before, items)
    return DECLARED in between or (bool(before.words) and CORRECTION.search(between) is not None)


def _between(text: str, before: Items, items: Items) -> str:
    """The text between two lists; up to `items` when `before` is empty."""
    return text[before.words[-1].end if before.words else 0 : items.words[0].start]


def _spelling(word: str, listed: Collection[str]) -> str | None:
    """The document's word that a word of the reply is, in singular or plural; None for another word."""
    forms = [word, word[:-1] if word.endswith("s") else word + "s"]
    forms += [word[:-2], word[:-3] + "y"] if word.endswith("es") else [word + "es", word[:-1] + "ies"]
    return next((form for form in forms if form in listed), None)
