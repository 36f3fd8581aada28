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


def _words(pattern: str, unspaced: str = "") -> re.Pattern[str]:
    """Matches where one of the words begins; unspaced: parts of words in scripts without spaces, or with particles in front of words."""
    words = rf"(?<![^\W_])(?:{pattern})".replace(r"\b", r"(?![^\W_])")
    return re.compile(f"{words}|{unspaced}" if unspaced else words, re.IGNORECASE)


RELATIONS = (
    Relation(
        _words(r"born\b"),
        _words(
            r"born\b|birth|native|home ?town|hails?\b|hailed|né[es]?\b|naît|naiss|naqui|geb(?:oren|urt)|nac(?:i|í|e)|nasc|nat[oa]\b"
            r"|родил|рожд|urodz|doğ(?:du|um)|sinh ra|lahir|född",
            "出生|生[于於まれ]|誕生|태어|출생|ولد|مولد|पैदा|जन्म",
        ),
        _words(
            r"mov(?:ed?|es|ing)\b|reloca|liv(?:ed?|es|ing)\b|work(?:s|ed|ing)?\b|resid|settl(?!\w* (?:on|for)\b)"
            r"|later(?![^\W_])|went\b|emigrat|stayed|die[ds]\b"
            r"|déménag|install|vécu|travaill|zog\b|gezogen|umzog|arbeite|lebte|mud[óoa]|traslad|vivi[óu]|trabaj|trasfer|lavor|trabalh|verhui|przeprow"
            r"|pracow|taşın|çalış|перее[хз]|жил|работ|chuyển|pindah|flytta",
            "搬|移[居到り住]|迁|遷|引っ越|働|이사|옮|انتقل|चल[ीेा] ग",
        ),
    ),
    Relation(
        _words(r"wrote\b"),
        _words(
            r"wr(?:ote|itten|iter|iting|ites)\b|author|novel (?:is |was )?by\b|novelist|penned|écri[tv]|auteur"
            r"|geschr[ie]+ben|geschreven|schr(?:ieb|eef)|autor|escri|scritt|написа|napis|yaz(?:ar|d)"
            r"|viết|tác giả|menulis|penulis|skrev|författar",
            "作者|著|写|書[いか]|저자|작가|쓴|썼|مؤلف|كتب|लेखक|लिख",
        ),
        _words(
            r"transl|preface|foreword|trad(?:ui|uc|uz|ott)|übersetz|vertaal|vertal|перев|tłumac|przekł|çevir|dịch|terjemah|översätt|översatt",
            "译|譯|翻訳|訳者|번역|옮긴|ترجم|अनुवाद",
        ),
    ),
    Relation(
        _words(r"founded\b"),
        _words(
            r"found(?:ed|er|ing|s)\b|establish|fond(?:é|at)|gegründet|gründe|fund(?:ó|ad|ou)|основа|założ"
            r"|thành lập|mendirikan|pendiri|grundade|kur(?:du|ucu)|gesticht|oprich",
            "[创創建][始立建设設]|設立|설립|창립|أسس|مؤسس|स्थाप",
        ),
        _words(
            r"mayor|serv(?:ed?|es|ing)\b|term\b|maire|bürgermeister|alcalde|sindac|prefeit|burgemeester|burmistrz|belediye|мэр"
            r"|thị trưởng|wali kota|borgmästare",
            "市长|市長|시장|عمدة|महापौर|मेयर",
        ),
    ),
)
NOTE = re.compile(r"\s*\([^()\n]{1,60}\)|,\s*(?:where|who|which|her|his|its)\b[^.,;:()\n]{1,60}", re.IGNORECASE)
ROLE = re.compile(r"\b(?:the|its|her|his|their) \w+, ?$", re.IGNORECASE)
VERB_FOLLOWS = re.compile(r"\s?[\u3040-\u30ff\uac00-\ud7af]")  # particles of languages whose verb follows the name
# where one statement ends and the next begins
STATEMENT_END = re.compile(
    r"[.;!?\n,()]|->|</[^<>\n]{1,40}>|\s-+\s(?=(?:she|he|it|they|the (?:translator|mayor))\b)"
    r"|\b(?:and|but|while|whereas|although|though|before|after|then|und|aber|et|mais|pero|ma|mas|maar|ثم|और)\b|(?<=\s)(?:y|e|en|ve|и)(?=\s)",
    re.IGNORECASE,
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
        if role := ROLE.search(text, max(0, begin - 40), begin):
            begin = role.start()  # 'the translator, B'
        statement = text[begin:end]
        if VERB_FOLLOWS.match(text, mark.end) and any(p.search(text[mark.start : end]) for p in (relation.stated, relation.other)):
            statement = text[mark.start : end]
        if (note := NOTE.match(text, mark.end, until)) and not relation.stated.search(statement) and not relation.other.search(statement):
            statement = note[0]  # 'A (author), B (translator)'
        if relation.stated.search(statement) or not relation.other.search(statement):
            left.append(mark)
    return left or list(mentions)
