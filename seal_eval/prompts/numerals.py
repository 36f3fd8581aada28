"""Finds numbers in any notation: thousands in every common locale, spaced digits, numbers in words."""

import re
from collections.abc import Collection

from seal_eval.prompts.cjk_numerals import in_digits, mixed
from seal_eval.prompts.mentions import Mention

RUN = re.compile(r"\d{1,1000}(?:[ ,.'_\-/:]\d{1,1000})*")
LONGEST = 1000  # digits; an endless run of digits is not a number
PARTS = 10  # most parts of one number
THOUSANDS = re.compile(r"\d{1,3}([,.'_ ])\d{3}(?:\1\d{3})*")
INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")
DECIMAL = re.compile(r"\d{1,3}[.,]\d{1,2}")  # 8.4 is not 84
DATE = re.compile(r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{1,2}:\d{2}(?::\d{2})?)")
# what a small number counts or orders, when it is no value
MARKER = re.compile(r"^[ \t>|#-]*\(?\d{1,3}(?:[.):](?=[ \t]+\S)|\)(?=\S)|[ \t]*\|)", re.M)
CELL = re.compile(r"\s*(\d{1,3})[ \t]*\|")
ORDINAL = re.compile(
    r"(?:(?:step|line|item|option|call|chapter|section|part|page|entry|record|row)(?:[ _]number)?|\bno\.?|#)[ _:#]{0,2}$", re.I
)
REPLIED_NO = re.compile(r"\bno[.:]\s$", re.I)
NUMBERED = re.compile(r"number[ _:#]{0,2}$", re.I)  # "number 2" orders, unless 2 is a value of the document
COUNTED = re.compile(
    r"[^\S\n]*(?:%|(?:of|lines?|numbers?|entries|entry|records?|words?|topics?|times|steps?|items?|values?|tokens?|percent|seconds?|different)\b)",
    re.I,
)
STATED = re.compile(r"(?:^|<|[:={\"\n]|->|\b(?:is|was|be|holds|contains|but|or|to)\b)[\s\"'<({]*$", re.I)
FIELD = re.compile(
    r'"(?:count|total|confidence|score|id|index|step|position|line_?number|n|found|length|lines|probability|rank)"\s*:\s*$', re.I
)
SCALE = re.compile(r"\b(million|thousand|hundred),\s", re.I)
# English numbers in words, as patterns
UNITS = "one|two|three|four|five|six|seven|eight|nine"
TEENS = "ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
TENS = "(?:twen|thir|for|fif|six|seven|eigh|nine)ty"
DIGITS = re.compile(rf"\b(?:(?:zero|{UNITS})(?:-|, )){{2,}}(?:zero|{UNITS})\b", re.I)
LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "nl")


def find_numbers(text: str, known: Collection[str], digits: int | None = None) -> tuple[str, list[Mention]]:
    """(the text, with digits for numbers in words if those were read; mentions of whole numbers in it, in order).

    Values have no leading zeros and no separators.

    known: the values of the document. A number counts when it has `digits` digits; without `digits`, when it has at least four, or is known
    and stated as a value. If none counts, numbers in words are tried, then those that are no list markers, counts or ordinals.
    """
    text = mixed(text)
    mentions = _written(text, known)
    markers = {place for match in MARKER.finditer(text) for place in range(match.start(), match.end())}
    if (cell := CELL.match(text)) and cell[1] in known:  # the rest of a row of a table whose beginning is the prompt's
        markers -= {*range(cell.end())}
    plain = [m for m in mentions if m.start not in markers and not _counts_things(text, m, known)]
    if digits:
        counting = [m for m in mentions if len(m.value) == digits]
    else:
        counting = [m for m in plain if len(m.value) > 3 or (m.value in known and (len(m.value) == 3 or _stated(text, m)))]
        counting = counting or [m for m in mentions if m.value in known and len(m.value) > 3]
    if counting:
        return text, counting
    others = list[tuple[str, list[Mention]]]()  # "million" is a number in English, too
    for language in (*LANGUAGES, "zh"):
        spelt = in_words(text, language)
        found = [m for m in _written(spelt, known) if m.value in known or len(m.value) == digits] if spelt != text else []
        if any(m.value in known for m in found):
            return spelt, found
        if found:
            others.append((spelt, found))
    if others:
        return others[0]
    return text, plain or ([] if re.search(r"[^\W\d_]", text) else mentions)


def first_number(text: str) -> str | None:
    """The first number of the text, normalised; None when it has none."""
    return next((m.value for m in _written(text, ())), None)


def _written(text: str, known: Collection[str]) -> list[Mention]:
    """Numbers written in digits."""
    mentions = []
    for run in RUN.finditer(text):
        before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        if (
            _letter(before)
            or _letter(after)
            or (before == "_" and _letter(text[run.start() - 2 : run.start() - 1]) and run[0] not in known)
        ):
            continue
        if before.isdecimal() or after.isdecimal() or len(run[0]) > 5 * LONGEST:  # of a run that is too long
            continue
        for number, start, end in _split(run, known):
            mentions.append(Mention(number.lstrip("0") or "0", start, end))
    return mentions


def _split(run: re.Match[str], known: Collection[str]) -> list[tuple[str, int, int]]:
    """(digits, start, end) of the numbers in digits with single separators between them.

    A join is a known value, or groups of thousands; decimals and dates are no whole numbers, except 3.26022 behind a list number.
    """
    text, offset = run[0], run.start()
    if re.fullmatch(r"\d{1,3}\.\d{1,2}", text) and text.strip("0.") and not re.fullmatch(r"\d+\.0+", text):
        return []
    if DATE.fullmatch(text) and re.sub(r"\D", "", text) not in known:
        return []
    parts = [(m[0], m.start(), m.end()) for m in re.finditer(r"\d+", text)]
    numbers, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and not parts[i][0].strip("0") and text[parts[i][2] : parts[i + 1][1]] in ".,":  # 0.26022
            i += 2
            continue
        for j in range(min(len(parts), i + PARTS), i, -1):
            joined = "".join(part for part, _, _ in parts[i:j])
            written = text[parts[i][1] : parts[j - 1][2]]
            if (
                j - i > 1
                and not DECIMAL.fullmatch(written)
                and (joined.lstrip("0") in known or THOUSANDS.fullmatch(written) or INDIAN.fullmatch(written))
            ):
                break
        else:
            j = i + 1
        start, end = parts[i][1], parts[j - 1][2]
        number = re.sub(r"\D", "", text[start:end])
        fraction = parts[j][0] if j < len(parts) and text[end : parts[j][1]] == "." else ""
        if fraction and not fraction.strip("0"):  # 26022.0
            numbers.append((number, start, end))
            j += 1
        elif fraction and (fraction not in known or (number in known and len(fraction) < 4)):  # 26022.5
            j += 1
        else:
            numbers.append((number, start, end))
        i = j
    return [(number, offset + start, offset + end) for number, start, end in numbers]


def _letter(char: str) -> bool:
    """True for a letter of a script that puts spaces between words."""
    return char.isalpha() and ord(char) < 0x2E80


def _stated(text: str, mention: Mention) -> bool:
    """True for a number in angle brackets, and for one that a sentence or a mark leads to: 'is 26', ': 26'."""
    before = text[max(0, mention.start - 20) : mention.start]
    return text[mention.end : mention.end + 1] == ">" or STATED.search(before) is not None


def _counts_things(text: str, mention: Mention, known: Collection[str]) -> bool:
    """True when a number counts or orders something: 'step 2', '35 lines', '\"count\": 4'."""
    before = text[max(0, mention.start - 40) : mention.start]
    long = mention.value in known and len(mention.value) > 3  # "No. 26022" is no order, but "No", or "number"
    numbered = NUMBERED.search(before) and mention.value not in known
    return bool(
        COUNTED.match(text, mention.end)
        or (ORDINAL.search(before) and not (long and REPLIED_NO.search(before)))
        or FIELD.search(before)
        or numbered
    )


def in_words(text: str, language: str) -> str:
    """The text with its numbers in words replaced by digits."""
    if language == "zh":
        return in_digits(text)
    from text_to_num import alpha2digit

    if language == "en":  # two-six-zero-two-two
        text = DIGITS.sub(lambda match: re.sub("-|, ", " ", match[0]), text)
    return str(alpha2digit(SCALE.sub(r"\1 ", text), language))
