"""Finds an accepted answer in a reply where the answers are anybody's: names, numbers, dates, phrases, yes and no."""

import re
from collections.abc import Sequence

from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.numerals import THOUSANDS, in_words
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.verdict import NEGATED

# a number is no part of another one (12 of 12,500 or 3.12), of a range (1945-1950), a time (10:30) or a date
NUMBER = re.compile(r"(?<![\w])(?<!\d[-–/:.,'])\d+(?:[,.'’]\d{3})*(?![-–/:.,'’]?\d)", re.ASCII)
# where a reply that answers yes or no says so: at its beginning, or where it declares its answer
SAYS_SO = (
    r"(?:^|\n|\banswers?(?: is| would be)?:? |\b(?:so|therefore|thus|hence),? |[.!:] )\s*(?:{})"
    r"(?=\s*(?:[.,;:!\n]|$|\b(?:it|they|he|she)\b))"
)


def find_answers(text: str, accepted: Sequence[str], target: str) -> list[Mention]:
    """Return where a plain text names an accepted answer, as mentions of `target`, and answers between which it leaves open the choice.

    Thousands may be separated or not, numbers up to six digits may be in English words, a unit may follow without a space. A negated answer
    ('not the porter') is none.
    """
    found: list[Mention] = []
    for read in dict.fromkeys((_plain_numbers(text), _plain_numbers(in_words(text, "en")))):
        for answer in sorted(accepted, key=len, reverse=True):
            for form in dict.fromkeys((answer, in_words(answer, "en"))):
                found += [Mention(target, m.start(), m.end()) for m in _pattern(_plain_numbers(plain_text(form))).finditer(read)]
        if found:
            found = [m for m in found if not NEGATED.search(read[max(0, m.start - 60) : m.start])]
            return sorted(found + [other for m in found for other in _alternatives(read, m)], key=lambda m: m.start)
    return []


def _plain_numbers(text: str) -> str:
    """The text with its numbers without separators of thousands."""
    return NUMBER.sub(lambda m: re.sub(r"\D", "", m[0]) if THOUSANDS.fullmatch(m[0].replace("’", "'")) else m[0], text)


def _pattern(answer: str) -> re.Pattern[str]:
    if answer.lower() in ("yes", "no"):
        return re.compile(SAYS_SO.format(answer), re.IGNORECASE)
    known = re.sub(r"(?<=\d)(?:\\ )?(?=[^\W\d_])", r"\\s*", re.escape(answer))
    before = r"(?<!\w)(?<!\d[-–/:.,'])" if answer[:1].isdigit() else r"(?<!\w)"
    after = r"(?!\w)(?![-–/:.,'’]\d)" if answer[-1:].isdigit() else r"(?!\w)"
    return re.compile(before + known + after, re.IGNORECASE)


def _alternatives(text: str, mention: Mention) -> list[Mention]:
    """Other answers that the reply joins to this one by 'or': 'Paris, London or Rome'. The alternative to a name is a name or a number."""
    item = r"(?:the |a |an )?[A-Z0-9][\w'’.-]*(?: [A-Z0-9][\w'’.-]*){0,4}"
    if not re.match(r"[A-Z0-9]", text[mention.start : mention.end]):
        item = r"(?:the |a |an )[\w'’-]+"
    following = re.compile(rf"(?:, {item}){{0,8}},? or ({item})").match(text, mention.end)
    leading = re.search(rf"({item})(?:, {item}){{0,8}},? or (?:the |a |an )?$", text[max(0, mention.start - 300) : mention.start])
    found = []
    if following:
        found.append(Mention(following[1], following.start(1), following.end(1)))
    if leading:
        shift = max(0, mention.start - 300)
        found.append(Mention(leading[1], leading.start(1) + shift, leading.end(1) + shift))
    return found
