"""Text from result files made safe for CSV, Markdown and LaTeX."""

import re
from typing import Any

# what Markdown would read as code, emphasis, a link, a table's edge, HTML or an entity; an underscore within a word is none of these
MARKUP = re.compile(r"[\\`*|\[\]~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
HTML = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\~{}",
    "^": r"\textasciicircum{}", "−": "$-$", "–": "--", "<": "$<$", ">": "$>$", "…": r"\dots{}", "|": r"\textbar{}",
    "[": "{[}", "]": "{]}", "*": "{*}",  # behind a line's end they would be its arguments
}  # fmt: skip
LIGATURES = re.compile(r"(?<=-)(?=-)|(?<=')(?=')|(?<=`)(?=`)")  # in names with -- LaTeX would show an en dash


def csv_cell(value: Any) -> Any:
    """A value for a CSV file. Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers stay as they are."""
    if not isinstance(value, str) or not re.match(r"\s*[=+\-@＝＋－＠\t\r]", value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def markdown_text(text: str) -> str:
    """A text on one line that Markdown shows as it is."""
    escaped = MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
    return HTML.sub(lambda found: "&lt;" if found[0] == "<" else "&amp;", escaped)


def latex_text(text: str) -> str:
    """A text that LaTeX shows as it is."""
    return "{}".join("".join(LATEX.get(c, c) for c in part) for part in LIGATURES.split(text))
