"""Which name a reply gives to the relation that a question asks for, among those that it gives to another."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from seal_eval.prompts.mentions import Mention


class Relation(NamedTuple):
    """What a question asks for, as words of the question, of replies that state it, and of replies that state something else."""

    question: re.Pattern[str]
    stated: re.Pattern[str]
    other: re.Pattern[str]


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{pattern})", re.IGNORECASE)


RELATIONS = (
    Relation(
        _words(r"born\b"),
        _words(r"born\b|birth|native|hails?\b|hailed|né[es]?\b|naiss|geb(?:oren|urt)|nac(?:i|í)|nasc|nato\b|nata\b|родил"),
        _words(
            r"mov(?:ed?|es|ing)\b|reloca|liv(?:ed?|es|ing)\b|work(?:s|ed|ing)?\b|resid|settl|later(?![^\W_])|went\b|emigrat|stayed|die[ds]?\b"
        ),
    ),
    Relation(
        _words(r"wrote\b"),
        _words(
            r"wr(?:ote|itten|iter|iting|ites)\b|author|novel (?:is |was )?by\b|novelist|penned|écrit|auteur|geschrieben|autor|escri|scritt"
        ),
        _words(r"transl|preface|foreword|trad(?:ui|uc|uz|ott)|übersetz|vertaal|перев"),
    ),
    Relation(
        _words(r"founded\b"),
        _words(r"found(?:ed|er|ing|s)\b|establish|fond(?:é|ateur|at)|gegründet|gründer|fund(?:ó|ad)|основа"),
        _words(r"mayor|serv(?:ed?|es|ing)\b|term\b|maire|bürgermeister|alcalde|мэр"),
    ),
)
NOTE = re.compile(r"\s*\([^()\n]{1,60}\)|,\s*(?:where|who|which|her|his|its)\b[^.,;:()\n]{1,60}", re.IGNORECASE)
# where one statement ends and the next begins
STATEMENT_END = re.compile(
    r"[.;!?\n,()]|->|\b(?:and|but|while|whereas|although|though|before|after|then|und|aber|et|mais|y|pero|и)\b", re.IGNORECASE
)


def without_other_relations(text: str, mentions: Sequence[Mention], question: str) -> list[Mention]:
    """The mentions of names, without those of which the reply states something else than the question asks for; all if none is left.

    'She was born in A and later moved to B' gives B to another relation.
    """
    relation = next((relation for relation in RELATIONS if relation.question.search(question)), None)
    if relation is None:
        return list(mentions)
    left = list[Mention]()
    for i, mark in enumerate(mentions):
        since, until = mentions[i - 1].end if i else 0, mentions[i + 1].start if i + 1 < len(mentions) else len(text)
        begin = max((end.end() for end in STATEMENT_END.finditer(text, since, mark.start)), default=since)
        end = next((end.start() for end in STATEMENT_END.finditer(text, mark.end, until)), until)
        statement = text[begin:end]
        if (note := NOTE.match(text, mark.end, until)) and not relation.stated.search(statement) and not relation.other.search(statement):
            statement = note[0]  # 'A (author), B (translator)'
        if relation.stated.search(statement) or not relation.other.search(statement):
            left.append(mark)
    return left or list(mentions)
