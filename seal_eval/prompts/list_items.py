"""Finds the lists in a reply whose words are words of a document: which of its words are items, and which only stand around them."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seal_eval.prompts.answer_fields import without_fields_behind
from seal_eval.prompts.mentions import LETTERS, Mention
from seal_eval.prompts.numerals import TEENS, TENS, UNITS
from seal_eval.prompts.plain_text import FIELD_NAME
from seal_eval.prompts.wordings import STRONG

DECLARED = "\ue000"  # stands for the words that declare an answer, which may be words of the document
# words and marks that may stand between two items of a list
FILLER = re.compile(
    r"(?:[\s,;:|/&+\"'()\[\]{}<>=\-#.!0-9$\u2022\u25aa\u25e6\u25cf\u00ab\u00bb\u300c\u300d\u300e\u300f]|\b(?:and|also|as well as|plus|x"
    r"|times?|time each|each|appears?|appeared|occurs?|occurred|occurrences?|instances?|mal|counts?|with|finally|lastly|words?|numbers?"
    r"|frequency|then|followed by|next|und|et|y|e|ed|en|och|og|ve|và|dan|oraz|и"
    rf"|(?:{TENS}[- ]?)?(?:{UNITS})?|{TEENS}|hundred)\b|和|与|與|及|以及|と|や|및|와|과)*",
    re.IGNORECASE,
)
# what a reply adds to an item: (six times), (found 6 times), (noun)
NOTE = re.compile(r"(?<=\w)[*_\"' ]{0,3}\(([^()\n]{1,60})\)")
# words of a sentence that its list, or one more item of it, follows
BEFORE = frozenset({
    "also", "and", "are", "be", "been", "but", "by", "dan", "e", "ed", "en", "et", "is", "och", "og", "oraz", "plus", "then", "und",
    "ve", "was", "were", "y",
})  # fmt: skip
# words with which a sentence goes on behind its list
AFTER = frozenset({
    *BEFORE, "all", "as", "both", "come", "each", "fit", "form", "had", "has", "have", "in", "lead", "make", "occur", "seem", "stand",
    "that", "which", "who",
})  # fmt: skip
# words that stand alone in a reply and are no items, unless the document lists them
OUTSIDE = frozenset({
    "actually", "answer", "are", "certainly", "correction", "count", "counts", "done", "final", "finally", "first", "great", "here",
    "hence", "hmm", "is", "item", "json", "list", "no", "node", "note", "now", "ok", "okay", "second", "so", "sorry", "step", "sure",
    "that", "the", "therefore", "these", "third", "those", "thus", "wait", "well", "which", "who", "word", "words", "yes",
})  # fmt: skip
# letters and Roman numbers that count the items of a list: a) (b) iv.
LETTERED = re.compile(r"(?m)(?:^|(?<=\s))(?:\((?:[a-z]|[ivx]{2,5})\)|(?:[a-z]|[ivx]{2,5})[).])(?=\s)", re.IGNORECASE)
TAG = re.compile(
    r"<(/?)([a-z][\w:-]{0,30})[^<>\n]{0,200}>|<[^<>\n]{1,60}>|\[\|[^\[\]\n]{1,40}\|\]|\\(?:begin|end)\s*\{[^{}\n]{1,40}\}",
    re.IGNORECASE,
)
FIELD_OF_LIST = re.compile(rf"({FIELD_NAME.pattern})(?=\s*\[)")  # a list of its own
CALLED = re.compile(r"\b([a-z]\w{0,30})\((?=[^\s\d])", re.IGNORECASE)  # a function in code: print(
SEPARATES = re.compile(r"[^\s'\-]|\n|\s-+\s")  # between two words of a list; spaces separate those of running text
HEADS = re.compile(r"['\")\]]*[^\S\n]*(?:#?\d{1,3}[^\S\n]*)?(?::|=(?!\s*\d))[\s\[({\"'<]*")  # between a heading and what follows it
ROUNDS = 3  # without a word that is no item, the next one may be the first of a list, and be seen to be none, too
PARAGRAPH = re.compile(r"\n[ \t]*\n")
NAMES = re.compile(r"\s*=(?!\s*\d)|\((?!\s*\d)|\s*!")  # behind a name in code, and behind an exclamation
WORD = re.compile(r"[^\W\d_\u2e80-\U000fffff]+")  # of a script that puts spaces between words


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


def without_marks(text: str, listed: Collection[str], n: int) -> str:
    """The text without tags, names of fields, notes and letters that count items; DECLARED stands for what declares an answer."""
    text = STRONG.sub(DECLARED, without_fields_behind(text, STRONG))
    closed = {m[2].lower() for m in TAG.finditer(text) if m[1]}

    def tag(m: re.Match[str]) -> str:
        if m[1] or (m[2] and m[2].lower() in closed):
            return "\n" if m[1] else " "
        return m[0] if _names_one(m[0], listed) else " "

    text = CALLED.sub(lambda m: m[0] if m[1].lower() in listed else "(", text)
    text = FIELD_OF_LIST.sub(lambda m: f"\n\n{re.sub(r'[^a-zA-Z]+', ' ', m[1]).strip()}: ", TAG.sub(tag, text))
    text = FIELD_NAME.sub(lambda m: m[0] if m[0].strip('": ').lower() in listed else ":", text)
    if n > 1:
        text = NOTE.sub(lambda m: m[0] if _names_one(m[1], listed) else " " * len(m[0]), text)
    return LETTERED.sub(lambda m: " " * len(m[0]), text)


def find_lists(text: str, listed: Collection[str], n: int, questions: Collection[str] = (), made_up: bool = False) -> list[Items]:
    """The reply's lists, in order, of which each names a word of the document.

    listed, questions: words of the document and of the question; n: the number of items that are asked for; made_up: the document's words
    are those of no language, so each that occurs is an item; else it may be a word of a sentence.
    """
    made_up = made_up and n > 1
    tokens = [
        Mention(m[0].lower(), m.start(), m.end())
        for m in WORD.finditer(text)
        if m[0].isascii() and text[m.start() - 1 : m.start()] != "\\"  # other words are none of the document
    ]
    spaced = _spaced(text, tokens, listed, n)
    loose = set[Mention]()  # words at the end of running text, which begin a list
    items = []
    for i, token in enumerate(tokens):
        left = text[tokens[i - 1].end if i else 0 : token.start]
        right = text[token.end : tokens[i + 1].start if i + 1 < len(tokens) else len(text)]
        before, following = tokens[i - 1].value if i else "", tokens[i + 1].value if i + 1 < len(tokens) else ""
        heading = bool(following and HEADS.fullmatch(right))
        if token in spaced or (made_up and token.value in listed and token.value not in questions):
            if not (heading and following in listed):
                items.append(token)
        elif not (heading and not FILLER.fullmatch(following)) and _is_item(token.value, before, left, right, following, listed, n):
            items.append(token)
            gap = text[items[-2].end : token.start] if len(items) > 1 else "."
            goes_on = FILLER.fullmatch(gap) and re.search(r"[,;&]|\band\b", gap)  # "tax, and finally squid"
            if i and not SEPARATES.search(left) and before not in BEFORE and not goes_on:
                loose.add(token)
    lists = _grouped(text, items, loose, n)
    for _ in range(ROUNDS if n > 1 else 0):
        strange = {word for words in lists for word in _strange(text, words, listed)}
        items = [item for item in items if item not in strange]
        lists = _grouped(text, items, loose, n)
    found = []
    for words in [part for whole in lists for part in _sentences(text, whole, listed, n)] if n > 1 else lists:
        # a word of the question that is named with every item is none itself: (a, asked), (b, asked)
        often = {value for value, times in Counter(word.value for word in words).items() if times > 1 and value in questions}
        kept = tuple(word for word in words if word.value not in often)
        names = tuple(_spelling(word.value, listed) for word in kept)
        if n == 1 or any(names):
            found.append(Items(kept, names))
    return found


def _is_item(word: str, before: str, left: str, right: str, following: str, listed: Collection[str], n: int) -> bool:
    """True when a word stands like an item of a list, not like one of a sentence.

    before, following: the words next to it; left, right: the text between.
    """
    separated = not before or SEPARATES.search(left)
    known = _spelling(word, listed) is not None or n == 1
    ends: object = not following or SEPARATES.search(right) or following == "or" or (known and FILLER.fullmatch(following))
    if not ends and following in AFTER and word in listed:  # "belly, talk and pie are"
        ends = before in ("and", "or") or re.search(r"[,;]", left)
    bare = word in listed and separated and ends and not left.rstrip()[-1:].isdecimal()
    if not ends or (not bare and (FILLER.fullmatch(word) or word in OUTSIDE)):
        return False
    return known or bool((separated or before in BEFORE) and not NAMES.match(right))


def _spaced(text: str, tokens: Sequence[Mention], listed: Collection[str], n: int) -> set[Mention]:
    """The words of runs of at least `n` words of the document with only spaces between them."""
    found = set[Mention]()
    run: list[Mention] = []
    for token in (*tokens, None):
        if token and token.value in listed and (not run or not text[run[-1].end : token.start].strip()):
            run.append(token)
            continue
        if len(run) >= max(3, n):
            found.update(run)
        run = [token] if token and token.value in listed else []
    return found


def _grouped(text: str, items: Sequence[Mention], loose: Collection[Mention], n: int) -> list[list[Mention]]:
    """The items in groups that are one list each: only fillers stand between two of them, empty lines between all or none."""
    lists = list[list[Mention]]()
    for item in items:
        gap = text[lists[-1][-1].end : item.start] if lists else ""
        if lists and item not in loose and FILLER.fullmatch(gap) and not (PARAGRAPH.search(gap) and _in_lines(text, lists[-1])):
            lists[-1].append(item)
        else:
            lists.append([item])
    return [words[1:] if words[0] in loose and len({word.value for word in words}) > n else words for words in lists]


def _sentences(text: str, words: Sequence[Mention], listed: Collection[str], n: int) -> list[Sequence[Mention]]:
    """A list in two parts, where a sentence ends behind `n` words of the document, and the next one says something of the others."""
    if len(words) <= n:
        return [words]
    gap, within = text[words[n - 1].end : words[n].start], text[words[0].end : words[n - 1].start]
    ends = re.search(r"[.!]\s+$", gap) or (";" in gap and ";" not in within)
    if ends and re.match(r"\W? \w", text[words[-1].end :]):
        first = {_spelling(word.value, listed) for word in words[:n]}
        if len(first) == n and None not in first:
            return [words[:n], words[n:]]
    return [words]


def _in_lines(text: str, words: Sequence[Mention]) -> bool:
    """True when no empty line stands between the last two words of a list, so that one ends it."""
    return len(words) > 1 and not PARAGRAPH.search(text[words[-2].end : words[-1].start])


def _strange(text: str, words: Sequence[Mention], listed: Collection[str]) -> list[Mention]:
    """The words of a list that the document does not list and that other marks set off than those between its words.

    Such a word stands in a heading or a sentence. So does one in capitals in front of words in small letters.
    """
    known = [_spelling(word.value, listed) is not None for word in words]
    marks = [re.sub(r"[^\S\n]|[\w\"']", "", text[a.end : b.start]) for a, b in pairwise(words)]
    usual = {mark for mark, pair in zip(marks, pairwise(known), strict=True) if all(pair)}
    if not usual or usual & {"", ","}:
        usual |= {"", ","}
    found = [word for i, word in enumerate(words) if not known[i] and not usual.issuperset(marks[max(0, i - 1) : i + 1])]
    first = known.index(True) if True in known else 0
    if first > 1 and "\n" in marks[first - 1] and "\n" not in "".join(marks[: first - 1]):  # the head of a table
        found += words[:first]
    if len(words) > 1 and not known[0] and text[words[0].start].isupper() and text[words[1].start].islower():
        found.append(words[0])
    return found


def _spelling(word: str, listed: Collection[str]) -> str | None:
    """The document's word that a word of the reply is, in singular or plural; None for another word."""
    forms = [word, word[:-1] if word.endswith("s") else word + "s"]
    forms += [word[:-2], word[:-3] + "y"] if word.endswith("es") else [word + "es", word[:-1] + "ies"]
    return next((form for form in forms if form in listed), None)


def _names_one(text: str, listed: Collection[str]) -> bool:
    """True when the text names a word of the document."""
    return any(word.lower() in listed for word in LETTERS.findall(text))
