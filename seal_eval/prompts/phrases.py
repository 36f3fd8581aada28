"""Finds an accepted answer in a reply where the answers are anybody's: names, numbers, dates, phrases, yes and no."""

import re
from collections.abc import Callable, Sequence

from seal_eval.prompts import other_languages as other
from seal_eval.prompts.cjk_numerals import mixed
from seal_eval.prompts.denials import denied
from seal_eval.prompts.mentions import Mention
from seal_eval.prompts.numerals import TEENS, TENS, UNITS, in_words
from seal_eval.prompts.plain_text import plain_text
from seal_eval.prompts.quantities import CURRENCIES, SCALE, in_one_notation, written_out
from seal_eval.prompts.short_forms import DATE, MEASURE, ORDINAL_WORDS, in_any_form
from seal_eval.prompts.wordings import STRONG

# where a reply says yes or no: as a sentence, or a part of one that marks set off, or behind "is"; not in "no idea", "no-one"
SAYS_SO = re.compile(
    r"(?:^|[^\w\s/&-]|\n|(?<!\w)-\s|\b(?:is|be|say|says|so|therefore|thus|hence))[\s\"'(\[{]*\b(yes|yep|yeah|yup|no|nope|nah)\b"
    r"(?=\s*(?:[^\w\s/&-]|\n|$|-\s|\b(?:it|they|he|she|this|that|there|because|since|indeed|both|neither|all|the|we|i|you)\b)|\s-|-(?:it|they|he|she|there)\b)"
    r"|(?:^\W*|\"answer\"\s*:\s*)(true|false)(?=\W*$|\s*[,}])",
    re.IGNORECASE,
)
AGREES = {"yes": ("yes", "yep", "yeah", "yup", "true"), "no": ("no", "nope", "nah", "false")}
# parts of an English number: "four" is no answer in "twenty-four"
PART = f"(?:{TENS}|{UNITS}|{TEENS}|hundred|thousand|million|billion)"
ORDINALS = r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|\w+teenth|tenth|eleventh|twelfth|\w+tieth|\w+dth|\w+nth)"
BEFORE = re.compile(rf"(?:\b{PART}[- ]|\b(?:hundred|thousand|million) and )$", re.IGNORECASE)
AFTER = re.compile(rf"(?:[- ]{PART}|[- ]{ORDINALS}|(?<=dred) and {PART}|(?<=sand) and {PART})\b", re.IGNORECASE)
NUMBER_WORD = re.compile(rf"(?:{PART}|{ORDINALS})", re.IGNORECASE)
WHOLE = r"(?![-–/:.,'’]\d|\s(?:thousand|million|billion|trillion)\b)"  # behind a number that is no part of another
# behind an answer that the reply takes back for another: 'February. No, March.'
TAKEN_BACK = re.compile(
    r"[\s.,;!?…\"')-]*(?:(?:well|oh|hmm+|actually),? )?"
    r"(?:(?:(?:wait|no|nope|sorry|oops|correction|scratch that|my bad|i meant?)[,.:!;–-]\s*)+|or rather,? )(?=\w)"
    rf"|[\s.,;!?…\"')-]*(?:{other.CORRECTS})[,.:!–-]?\s*(?=\w)",
    re.IGNORECASE,
)
# between an answer and its alternative
OR = rf"(?:,|;|\s-|[.?])?\s\(?(?:and/or|(?:or )?(?:alternatively|possibly|maybe|perhaps)|or|{other.OR}|이?거나|か)\s(?:bien |da )?"
# in front of an answer and of one that 'and' or a comma joins to it
SEVERAL = re.compile(
    r"\b(?:between|both|which of|either of|candidates|options|guesses|possibilities|choices"
    r"|zwischen|entre|tra|fra|между|między)\b[^.;!?\n]{0,30}?[\s:(\"']+(?:the |an? )?$",
    re.IGNORECASE,
)
MAYBE = re.compile(rf"\b(?:maybe|perhaps|possibly|(?:could|might|may) be)\b(?! not)|{other.MAYBE}", re.IGNORECASE)
# behind an answer: another one may be right as well
ALSO = re.compile(
    r"\b(?:(?:could|might|may) (?:also|equally|just as well|well) be|könnte auch|pourrait (?:aussi|également)|también podría|podría también"
    r"|potrebbe anche|também pode|может быть|would (?:also|equally|just as well) (?:work|do|fit)"
    r"|(?:is|are) (?:also|equally) (?:correct|right|possible|acceptable|valid))\b|也可能",
    re.IGNORECASE,
)
# where a reply declares its answer, and where that ends: in a box, a tag, a field of JSON, or a line of a few words
DECLARED = re.compile(
    r"\\boxed\s*\{([^{}\n]{1,300})\}|<(?:final_)?answer>([^<>]{1,300})</"
    r"|\"(?:final|correct)?[ _-]?answer\"\s*:\s*(\"[^\"\n]{1,300}\"|[^\s\",}]{1,40})"
    r"|(?:^|\n|[.!?]\s)[\W_]{0,20}(?:the )?(?:(?:final|correct|corrected|revised|updated|right|short|my) )?answer(?: is)?\s*:\s*"
    r"([^\s:]+(?: [^\s:]+){0,7})[ \t]*(?=\n|$)",
    re.IGNORECASE,
)
DECLARED_NAME = re.compile(r"\banswer is (?:the )?[A-Z][^.\n]*")
MOST = 100  # mentions that are looked at
NEAR = 15  # characters between an answer and the word that doubts it
NO_ANSWER = ("so", "more", "less", "longer", "later", "earlier", "above", "below", "thereabouts", "similar", "rather", "not", "otherwise")


def find_answers(text: str, accepted: Sequence[str], target: str) -> list[Mention]:
    """The mentions of `read_answers`."""
    return read_answers(text, accepted, target)[1]


def read_answers(text: str, accepted: Sequence[str], target: str) -> tuple[str, list[Mention]]:
    """(the plain text with its numbers in one notation, where it names an accepted answer: mentions of `target` and of other answers
    between which it leaves open the choice).

    Thousands may be separated or not, numbers up to six digits may be in English words, a unit may follow without a space. Dates and units
    may have another form. A negated answer ('not the porter') is none.
    """
    found: list[Mention] = []
    text = re.sub(r"\b(\d{1,2})(?:st|nd|rd|th)\b", lambda m: ORDINAL_WORDS[int(m[1]) - 1] if 0 < int(m[1]) <= 12 else m[0], text)
    in_digits = re.sub(r"\b(\d+) \(\1\)", r"\1", in_words(mixed(text), "en"))  # four (4) crowns
    plain = dict.fromkeys((in_one_notation(text), in_one_notation(in_digits)))
    readings: list[tuple[str, Callable[[str], str]]] = [(read, str) for read in plain]
    if any(map(SCALE.search, (*plain, *accepted))):  # 1.2 million and 1,200,000
        readings += [(written_out(read), written_out) for read in plain]
    for read, scaled in readings:
        patterns = list[re.Pattern[str]]()
        for answer in sorted(accepted, key=len, reverse=True):
            if answer.lower() in ("yes", "no"):
                for match in SAYS_SO.finditer(read):
                    word = match[group := match.lastindex or 0]
                    found.append(Mention(target if word.lower() in AGREES[answer.lower()] else word, *match.span(group)))
                continue
            for form in _with_numbers(answer):
                patterns.append(_pattern(scaled(in_one_notation(plain_text(form)))))
                found += [Mention(target, *m.span()) for m in patterns[-1].finditer(read) if not _part_of_number(read, m)]
        if found:
            if _declares_another(read, found, patterns):
                return read, []
            found = _longest(found)[:MOST]
            last = max(m.end for m in found)
            found = [m for m in found if not denied(read, m) and not (TAKEN_BACK.match(read, m.end) and m.end == last)]
            others = [o for m in found for o in _alternatives(read, m) if not any(o.start < m.end and m.start < o.end for m in found)]
            return read, sorted(found + others, key=lambda m: m.start)
    return text, []


def _declares_another(text: str, found: Sequence[Mention], patterns: Sequence[re.Pattern[str]]) -> bool:
    """True when the reply mentions an accepted answer, but declares another one: 'A and B work there. Answer: B'."""
    declared = next((m for m in reversed(list(DECLARED.finditer(text))) if re.search(r"\w", m[m.lastindex or 0])), None)
    if declared:
        begin, end = declared.span(declared.lastindex or 0)
        within = any(begin <= m.start < end for m in found) or any(p.search(text[begin:end].strip(' "')) for p in patterns)
    elif name := next(reversed(list(DECLARED_NAME.finditer(text))), None):
        within = any(m.start >= name.start() for m in found) or not re.match(r"[A-Z]", text[found[0].start :])
    else:
        within = True
    return not within


def _longest(mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions that lie in no other one, in order: of 'Dr Voss' and 'Voss' the first."""
    found = list[Mention]()
    for mention in sorted(mentions, key=lambda m: (m.start, -m.end)):
        if not found or mention.end > found[-1].end:
            found.append(mention)
    return found


def _with_numbers(answer: str) -> list[str]:
    """The answer with its numbers in digits, and one and two, which `in_words` leaves, in digits and in words."""
    digits = re.sub(r"\b(?:one|two)\b", lambda m: "1" if m[0].lower() == "one" else "2", answer, flags=re.IGNORECASE)
    words = re.sub(r"(?<![\w.,:/-])[12](?![\w.,:/%-])", lambda m: "one" if m[0] == "1" else "two", answer)
    return list(dict.fromkeys((answer, in_words(answer, "en"), digits, *([words] if answer != "1" else []))))


def _part_of_number(text: str, match: re.Match[str]) -> bool:
    """True when a match begins or ends in the middle of a number in words."""
    words = re.findall(r"[^\W\d_]+", match[0])
    if words and NUMBER_WORD.fullmatch(words[0]) and BEFORE.search(text[max(0, match.start() - 30) : match.start()]):
        return True
    return bool(words) and re.fullmatch(PART, words[-1], re.IGNORECASE) is not None and AFTER.match(text, match.end()) is not None


def _pattern(answer: str) -> re.Pattern[str]:
    """Matches an answer as whole words.

    A sum of money and a number with a unit are also named by the number alone where that is the whole reply or is declared.
    """
    if answer[:1] in CURRENCIES and answer[1:2].isdigit():
        return re.compile(rf"(?<!\w){re.escape(answer)}(?!\w){WHOLE}|{_alone(answer[1:])}")
    dates = [m.span() for m in DATE.finditer(answer) if m["unit"] is None]
    before = r"(?<!\w)(?<!\d[-–/:.,'])" if answer[:1].isdigit() or any(not start for start, _ in dates) else r"(?<!\w)"
    after = rf"(?!\w){WHOLE}" if answer[-1:].isdigit() or any(end == len(answer) for _, end in dates) else r"(?!\w)"
    number = MEASURE.fullmatch(answer)
    bare = f"|{_alone(number['number'])}" if number else ""
    return re.compile(before + in_any_form(answer) + after + bare, re.IGNORECASE)


def _alone(number: str) -> str:
    """A pattern of a number that is the whole reply or is declared."""
    return rf"(?:^|(?i:{STRONG.pattern}))\W*(?<![$€£]){re.escape(number).replace(chr(92) + '.', '[.,]')}(?:</\w+>)?\W*$"


def _other_phrase(phrase: str) -> str:
    """Matches what can be the alternative to a phrase in small letters.

    That is a noun with its article, as many words with the same last one (four crowns, eleven crowns), a number in words for one, or one
    word for one word.
    """
    words = phrase.split()
    if len(words) == 1:
        return rf"(?:the |a |an |(?!(?:{'|'.join(NO_ANSWER)})\b))[\w'’-]+(?=\W*(?:[.,;:!?\n]|$)| or |\s[^\x00-\x7f]|\s\()"
    number = f"|{PART}" if NUMBER_WORD.fullmatch(words[0]) else ""
    return rf"(?:(?:the |a |an )[\w'’-]+|(?:[\w'’-]+ ){{1,{len(words) - 1}}}{re.escape(words[-1])}{number})"


def _alternatives(text: str, mention: Mention) -> list[Mention]:
    """Other answers that the reply joins to this one by 'or': 'Paris, London or Rome'. The alternative to a name is a name or a number."""
    item = r"(?:the |a |an )?[$€£]?[A-Z0-9][\w'’.-]*%?(?: [A-Z0-9][\w'’.-]*){0,4}"
    if not re.match(r"[A-Z0-9$€£]", text[mention.start : mention.end]):
        item = _other_phrase(text[mention.start : mention.end])
    following = re.compile(rf"(?i:(?:, {item}){{0,8}}{OR}|\?\s+(?={item}\?))({item})").match(text, mention.end)
    leading = re.search(rf"({item})(?:, {item}){{0,8}}(?i:{OR})(?:the |a |an )?$", text[max(0, mention.start - 300) : mention.start])
    if not following and SEVERAL.search(text[max(0, mention.start - 80) : mention.start]):
        following = re.compile(rf"(?: \(\d+ ?%\))?(?:,| and| &| und| et| y| e)\s({item})").match(text, mention.end)
    found = _doubted(text, mention)
    if following:
        found.append(Mention(following[1], following.start(1), following.end(1)))
    if leading:
        shift = max(0, mention.start - 300)
        found.append(Mention(leading[1], leading.start(1) + shift, leading.end(1) + shift))
    return found


def _doubted(text: str, mention: Mention) -> list[Mention]:
    """The place where a reply doubts something else in the words with which it doubts this answer: 'Maybe A, maybe B'."""
    if also := ALSO.search(text, mention.end):
        return [Mention(also[0], also.end(), also.end() + 1)]  # what follows is the other one
    begin = max(0, mention.start - NEAR)
    near = MAYBE.search(text[begin : mention.end + NEAR])
    if near is None:
        return []
    answer = text[mention.start : mention.end].lower()
    others = [m for m in MAYBE.finditer(text) if m[0].lower() == near[0].lower() and m.start() != begin + near.start()]
    return [Mention(m[0], *m.span()) for m in others if answer not in text[m.end() : m.end() + NEAR + len(answer)].lower()][:1]
