"""Numbers in Chinese, Japanese and Korean notation: 二万六千零二十二, 2万6022."""

import re

DIGITS = {
    sign: str(i) for i, signs in enumerate(("〇零", "一壱", "二两兩弐", "三参", "四", "五", "六", "七", "八", "九")) for sign in signs
}
UNITS = {"十": 10, "百": 100, "千": 1000}
MYRIADS = {"万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8}
NUMERAL = re.compile(f"[{''.join((*DIGITS, *UNITS, *MYRIADS))}]{{2,40}}")
MIXED = re.compile(r"(?<![\d.,])(\d{1,4})\s?[万萬만]\s?(\d{1,4}|\d,\d{3})?(?![\d.,]\d|\d)")  # 793万1233


def in_digits(text: str) -> str:
    """The text with such numbers replaced by digits."""
    return NUMERAL.sub(lambda match: str(_value(match[0])) if not DIGITS.keys() >= set(match[0]) else match[0], text)


def mixed(text: str) -> str:
    """The text with numbers that are digits around the sign for ten thousand in digits alone."""
    if not any(sign in text for sign in "万萬만"):
        return text
    return MIXED.sub(lambda match: str(int(match[1]) * 10_000 + int((match[2] or "0").replace(",", ""))), text)


def _value(numeral: str) -> int:
    total = group = digit = 0
    for sign in numeral:
        if sign in MYRIADS:
            total, group, digit = total + (group + digit or 1) * MYRIADS[sign], 0, 0
        elif sign in UNITS:
            group, digit = group + (digit or 1) * UNITS[sign], 0
        else:
            digit = int(DIGITS[sign])
    return total + group + digit
