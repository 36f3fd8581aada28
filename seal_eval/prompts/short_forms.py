"""Dates and units in answers, which replies write in other forms: 14 Feb. 1987 for February 14, 1987, and 12 km for 12 kilometres."""

import re

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept?", "Oct", "Nov", "Dec")
ORDINAL_WORDS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()  # noqa: SIM905
UNITS = (
    "min|mins|minutes?", "h|hrs?|hours?", "secs?|seconds?", "km|kilomet(?:er|re)s?", "m|met(?:er|re)s?", "cm|centimet(?:er|re)s?",
    "mm|millimet(?:er|re)s?", "kg|kilos?|kilograms?", "g|grams?", "mi|miles?", "ft|foot|feet", "l|lit(?:er|re)s?",
    "t|(?:metric )?(?:tons?|tonnes?|Tonnen)",
)  # fmt: skip
MEASURE = re.compile(rf"(?P<number>\d[\d.,]*)[ -]?(?:{'|'.join(UNITS)}|degrees)")  # a number with its unit
NAMED = "|".join((*MONTHS, *SHORT))
DATE = re.compile(
    rf"\b(?:(?P<month>{NAMED})\b\.? (?P<day>\d\d?)(?:st|nd|rd|th)?"
    rf"|(?:the )?(?P<day_before>\d\d?)(?:st|nd|rd|th|\.)? (?:of )?(?P<month_behind>{NAMED})\b\.?)\b(?:,? (?P<year>\d{{4}})\b)?"
    rf"|\b(?P<alone>{NAMED})\b\.?"
    r"|\b0?(?P<hour>\d\d?)(?:[:.](?P<minute>\d\d))? (?P<half>[ap])m\b"
    rf"|(?<=\d)[ -]?\b(?P<unit>{'|'.join(UNITS)})\b"
)
GAP = r"[\s-]+"
JOINED = re.compile(r",? (?:and )?(\d+)")  # between two units: 3 hours and 40 minutes


def in_any_form(answer: str) -> str:
    """Return a pattern, for any case, of an answer with its dates and units in any form.

    The abbreviation of a month without a day counts in capitals only: 'Mar', not 'mar'.
    """
    parts, end = list[str](), 0
    for match in DATE.finditer(answer):
        between = JOINED.fullmatch(answer, end, match.start()) if parts else None
        parts += [rf",?\s*(?:and\s)?{between[1]}" if between else _literal(answer[end : match.start()]), _other_forms(match)]
        end = match.end()
    return "".join([*parts, _literal(answer[end:])])


def _literal(text: str) -> str:
    text = re.sub(r"(?<=\d)\\\.(?=\d)", "[.,]", re.escape(text))  # 84,5 is 84.5
    return re.sub(r"(?<=\d)(?:\\ )?(?=[^\W\d_])", r"\\s*", text).replace("\\ ", GAP)


def _other_forms(match: re.Match[str]) -> str:
    """A pattern of a date, a month, a time of the day or a unit."""
    if unit := match["unit"]:
        return rf"[\s-]*(?:{next(forms for forms in UNITS if re.fullmatch(forms, unit))})"
    if match["hour"]:
        return _time(int(match["hour"]), match["minute"], match["half"].lower() == "p")
    name = match["month"] or match["month_behind"] or match["alone"]
    number = next(i for i, forms in enumerate(zip(MONTHS, SHORT, strict=True)) if re.fullmatch("|".join(forms), name))
    if match["alone"]:
        return rf"(?:{MONTHS[number]}|(?-i:{SHORT[number]}|{SHORT[number].upper()})\b\.?)"
    day = int(match["day"] or match["day_before"])
    month = rf"(?:{MONTHS[number]}|{SHORT[number]}\b\.?)"
    of_month = rf"(?:0?{day}(?:st|nd|rd|th)?\b{f'|{ORDINAL_WORDS[day - 1]}' if 0 < day <= len(ORDINAL_WORDS) else ''})"
    forms = [rf"{month}{GAP}{of_month}", rf"{of_month}\.?{GAP}(?:of{GAP})?{month}"]
    if year := match["year"]:
        month = f"0?{number + 1}"
        forms = [
            *(rf"{form},?{GAP}{year}" for form in forms), rf"{year}[-/.]{month}[-/.]0?{day}", rf"0?{day}[-/.]{month}[-/.]{year}",
            rf"{month}[-/]0?{day}[-/]{year}", rf"{year} ?年 ?{month} ?月 ?0?{day} ?日",
        ]  # fmt: skip
    return rf"(?:{'|'.join(forms)})"


def _time(hour: int, minute: str | None, afternoon: bool) -> str:
    """A pattern of a time of the day: 8:30 am, 8.30 in the morning, 08:30."""
    twelve = rf"0?{hour}{f'[:.]{minute}' if minute else '(?:[:.]00)?'}"
    part = "pm|in the (?:afternoon|evening)" if afternoon else "am|in the morning"
    of_24 = f"{hour % 12 + 12 if afternoon else f'0?{hour % 12}'}"
    o_clock = r"|\s?(?:h|uhr)" if minute in (None, "00") else ""
    return rf"(?:{twelve}\s?(?:{part})|{of_24}(?:[:.]{minute or '00'}(?! ?[ap]m)(?:\s?(?:h|uhr))?{o_clock}))\b"
