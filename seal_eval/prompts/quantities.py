"""Sums of money, shares, temperatures and large numbers of a text in one notation."""

import re

# a number with separators of thousands, which is no part of another one (3.12,500), of a range (1945-1950), a time (10:30) or a date
NUMBER = re.compile(r"(?<!\w)(?<!\d[-–/:.,' ])\d{1,3}([,.'’ ])\d{3}(?:\1\d{3})*(?![-–/:.,'’ ]?\d)", re.ASCII)
CURRENCIES = {
    "$": r"(?:us )?dollars?|usd|us\$|d[oó]lares|dollari|доллар\w{0,3}|美元|ドル|달러",
    "€": "euros?|eur|евро|欧元|ユーロ|유로",
    "£": "pounds?|gbp|英镑|ポンド|파운드",
}
PERCENT = r"%|per ?cento?|prozent|procent|por ?cien(?:to)?|por ?cento|pour ?cents?|процент\w{0,3}|パーセント|퍼센트"
DEGREES = r"°(?!F)|(?:degrees?|grad|grados?|degrés?|gradi|graus?|градус\w{0,3})\b|(?:摄氏)?度"
SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
SCALE = re.compile(r"(?<![\d.,])(\d+)(?:[.,](\d{1,3}))?\s?(thousand|million|billion|trillion)(?:en|s)?\b", re.IGNORECASE)


def in_one_notation(text: str) -> str:
    """The text with its numbers without separators of thousands, and signs for names: 5 dollars is $5, 5 percent 5%, 5 °C 5 degrees."""
    text = re.sub(r"(?<![\d.,:])(\d+(?:,\d{3})*)\.0{1,2}(?![.,:]?\d)", r"\1", text)
    text = NUMBER.sub(lambda m: re.sub(r"\D", "", m[0]), text)
    for sign, names in CURRENCIES.items():
        text = re.sub(
            rf"(?i)(?<![\w$€£])(\d[\d,.]*(?:\s(?:hundred|thousand|million|billion|trillion))?)\s?(?:{names}|{re.escape(sign)})(?!\w)",
            rf"{sign}\1",
            text,
        )
        text = re.sub(rf"(?i)(?<!\w)(?:{names}|{re.escape(sign)})\s?(?=\d)", sign, text)
    text = re.sub(r"(?i)(?<=\d)\s?(?:°|degrees?)\s?f(?:ahrenheit)?\b", "°F", text)
    text = re.sub(rf"(?i)(?<=\d)\s?(?:(?:{DEGREES})(?:\s?c(?:elsius)?\b)?|(?-i:C)(?!\w))", " degrees", text)
    text = re.sub(rf"(?i)(?<=\d)\s?(?:{PERCENT})(?!\w)", "%", text)
    return re.sub(r"(?i)(?<=\d)\s?([ap])(?:\.m\.|m\b)", r" \1m", text)


def written_out(text: str) -> str:
    """The text with 1200000 for 1.2 million."""
    return SCALE.sub(lambda m: m[1] + (m[2] or "").ljust(SCALES[m[3].lower()], "0"), text)
