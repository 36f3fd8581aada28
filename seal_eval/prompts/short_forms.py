"""Dates and units in answers, which replies write in other forms: 14 Feb. 1987 for February 14, 1987, and 12 km for 12 kilometres."""

import re

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept?", "Oct", "Nov", "Dec")
ORDINAL_WORDS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()  # noqa: SIM905
UNITS = (
    "min|mins|minutes?", "h|hrs?|hours?", "secs?|seconds?", "km|kilomet(?:er|re)s?", "m|met(?:er|re)s?", "cm|centimet(?:er|re)s?",
    "mm|millimet(?:er|re)s?", "kg|kilos?|kilograms?", "g|grams?", "mi|miles?", "ft|foot|feet", "l|lit(?:er|re)s?",
)  # fmt: skip
NAMED = "|".join((*MONTHS, *SHORT))
DATE = re.compile(
    rf"\b(?:(?P<month>{NAMED})\b\.? (?P<day>\d\d?)(?:st|nd|rd|th)?"
    rf"|(?:the )?(?P<day_before>\d\d?)(?:st|nd|rd|th|\.)? (?:of )?(?P<month_behind>{NAMED})\b\.?)\b(?:,? (?P<year>\d{{4}})\b)?"
    rf"|\b(?P<alone>{NAMED})\b\.?"
    rf"|(?<=\d)[ -]?\b(?P<unit>{'|'.join(UNITS)})\b"
)
GAP = r"[\s-]+"


def in_any_form(answer: str) -> str:
    """Return a pattern, for any case, of an answer with its dates and units in any form.

    The abbreviation of a month without a day counts in capitals only: 'Mar', not 'mar'.
    """
    parts, end = list[str](), 0
    for match in DATE.finditer(answer):
        parts += [_literal(answer[end : match.start()]), _other_forms(match)]
        end = match.end()
    return "".join([*parts, _literal(answer[end:])])


def _literal(text: str) -> str:
    return re.sub(r"(?<=\d)(?:\\ )?(?=[^\W\d_])", r"\\s*", re.escape(text)).replace("\\ ", GAP)


def _other_forms(match: re.Match[str]) -> str:
    """A pattern of a date, a month or a unit."""
    if unit := match["unit"]:
        return rf"[\s-]*(?:{next(forms for forms in UNITS if re.fullmatch(forms, unit))})"
    name = match["month"] or match["month_behind"] or match["alone"]
    number = next(i for i, forms in enumerate(zip(MONTHS, SHORT, strict=True)) if re.fullmatch("|".join(forms), name))
    if match["alone"]:
        return rf"(?:{MONTHS[number]}|(?-i:{SHORT[number]}|{SHORT[number].upper()})\b\.?)"
    day = int(match["day"] or match["day_before"])
    month = rf"(?:{MONTHS[number]}|{SHORT[number]}\b\.?)"
    of_month = rf"(?:0?{day}(?:st|nd|rd|th)?\b{f'|{ORDINAL_WORDS[day - 1]}' if 0 < day <= len(ORDINAL_WORDS) else ''})"
    forms = [rf"{month}{GAP}{of_month}", rf"{of_month}\.?{GAP}(?:of{GAP})?{month}"]
    if year := match["year"]:
        forms = [*(rf"{form},?{GAP}{year}" for form in forms), rf"{year}-{number + 1:02}-{day:02}"]
    return rf"(?:{'|'.join(forms)})"
