"""Finds the topics of conversation that a reply names, also in other words of the same stems."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.plain_text import FIELD_NAME
from seal_eval.prompts.verdict import HEDGED, TOO_MANY, Reading, decide
from seal_eval.prompts.wordings import STRONG

WORD = re.compile(r"[^\W_]+")
# words without a meaning of their own; those of the question are none either
STOP = frozenset({
    "a", "about", "an", "and", "are", "as", "assistant", "at", "be", "been", "but", "by", "can", "conversation", "conversations", "did",
    "discuss", "discussed", "discussion", "do", "does", "first", "for", "from", "had", "has", "have", "he", "her", "his", "how", "i",
    "in", "into", "is", "it", "its", "me", "my", "name", "of", "on", "or", "our", "record", "s", "she", "so", "t", "talk", "talked",
    "than", "that", "the", "their", "them", "they", "this", "to", "topic", "topics", "us", "user", "was", "we", "were", "what", "when",
    "which", "who", "why", "will", "with", "you", "your",
})  # fmt: skip
OR_AFTER = re.compile(r"[\s,;?\"')\]]*or\b", re.IGNORECASE)
OR_BEFORE = re.compile(r"\w[\s,;\"'(\[]*\bor (?:the |possibly )?$", re.IGNORECASE)
# of a list, or quoted; not the value of a field
ITEM = re.compile(r'^[ \t]*(?:[-|]|\d{1,2}[.)])[ \t|]*(\S[^\n]*)|(?<![:=])(?<![:=] )"([^"\n]+)"', re.MULTILINE)
# what an item of a list tells of the answer, instead of another topic
LABEL = re.compile(
    r"\W*(?:confidence|certainty|position|order|place|reason(?:ing)?|explanation|evidence|source|note|quote)\W*:", re.IGNORECASE
)
SLACK = 4  # words that may stand between a topic's words
SHARE = 0.5  # a part of a topic names it when it has more than this share of the letters of its words
TYPO = 0.85  # similarity of two long words that are one word misspelt


def read_topic(text: str, topics: Sequence[str]) -> Reading:
    """The topic that a reply answers; a topic that the record does not have makes it hedged or one of too many, too."""
    mentions = find_topics(text, topics)
    reading = decide(text, mentions, 1, ordered=True)
    if len(reading.values) == 1 and not reading.problem:
        last = next(m for m in reversed(mentions) if m.value == reading.values[0])
        after = any(word not in STOP for word in WORD.findall(text[last.end :].lower())) and OR_AFTER.match(text[last.end :])
        if after or OR_BEFORE.search(text[: last.start]):
            return Reading(reading.values, HEDGED)
        work = max((match.end() for match in STRONG.finditer(text) if match.end() <= last.start), default=0)  # what is declared counts
        items = ITEM.findall(FIELD_NAME.sub(":", text[text.rfind("\n", 0, work) + 1 :]))
        strangers = [a or b for a, b in items if not find_topics(a or b, topics) and _is_topic(a or b)]
        if strangers and len(strangers) < len(items):
            return Reading(reading.values, TOO_MANY)
    return reading


def _is_topic(item: str) -> bool:
    """True for a few words of which one means something; '2', '---' and 'final-answer' do not."""
    words = [word.lower() for word in WORD.findall(item)]
    return (
        not LABEL.match(item)
        and 0 < len(words) <= 8
        and any(word not in STOP and not word.isdecimal() for word in words)
        and "answer" not in words
    )


def find_topics(text: str, topics: Sequence[str]) -> list[Mention]:
    """Mentions of the topics, in order.

    A topic is named by all its words close together, in any order and inflection, with or without spaces; or by a part that is more than
    half of it and belongs to no other topic of the record.
    """
    tokens = [(match[0].lower(), match.start(), match.end()) for match in WORD.finditer(text)]
    stems = [stem(word) for word, _, _ in tokens]
    wanted = {topic: content(topic) for topic in topics}
    mentions: list[Mention] = []
    for topic, words in wanted.items():
        if words:
            others = {word for other, theirs in wanted.items() if other != topic for word in theirs}
            mentions += _of_topic(topic, words, others, tokens, stems)
    whole = [m for m in mentions if not any(o.start <= m.start and m.end <= o.end and m.end - m.start < o.end - o.start for o in mentions)]
    return sorted(whole, key=lambda m: m.start)


def content(topic: str) -> tuple[str, ...]:
    """The stems of a topic's words, without those that mean nothing by themselves."""
    words = [match[0].lower() for match in WORD.finditer(topic)]
    return tuple(dict.fromkeys(stem(word) for word in words if word not in STOP)) or tuple(map(stem, words))


def _of_topic(
    topic: str, words: tuple[str, ...], others: set[str], tokens: Sequence[tuple[str, int, int]], stems: Sequence[str]
) -> list[Mention]:
    """The places where the words of one topic, or enough of them, stand close together."""
    places: list[tuple[int, int, str]] = []  # (first token, last token, stem)
    for i, found in enumerate(stems):
        joined = stem(tokens[i][0] + tokens[i + 1][0]) if i + 1 < len(tokens) else ""
        for word in words:
            if found == word or (len(word) > 5 and found[:1] == word[:1] and _similar(found, word)):
                places.append((i, i, word))
            elif joined == word and len(word) > 5:
                places.append((i, i + 1, word))
    mentions, used = [], 0
    while used < len(places):
        window = [places[used]]
        for place in places[used + 1 :]:
            if place[0] - window[-1][1] > SLACK or place[2] in {word for _, _, word in window}:
                break
            window.append(place)
        seen = {word for _, _, word in window}
        letters = sum(map(len, seen)) / sum(map(len, words))
        if len(seen) == len(words) or (letters > SHARE and seen - others):
            begin = window[0][0]
            if begin and tokens[begin - 1][0] in ("the", "a", "an"):
                begin -= 1
            mentions.append(Mention(topic, tokens[begin][1], tokens[window[-1][1]][2]))
        used += len(window)
    return mentions


@lru_cache(maxsize=100_000)
def _similar(a: str, b: str) -> bool:
    return len(a) < 40 and abs(len(a) - len(b)) < 3 and SequenceMatcher(None, a, b, autojunk=False).ratio() >= TYPO


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The stem of an English word (Porter 2)."""
    return str(_stemmer().stemWord(word))


@lru_cache(maxsize=1)
def _stemmer():  # type: ignore[no-untyped-def]
    import snowballstemmer

    return snowballstemmer.stemmer("english")
