"""Takes markup, look-alike characters and what follows the model's turn out of a reply, so that answers can be read in one notation."""

import html
import re
import unicodedata

LONGEST = 20_000  # characters, the last of an answer, that are read
HYPHENS = "\u2010\u2011\u2012\u2013\u2043\u2212\ufe58\ufe63\uff0d"
SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0f"
OTHERS = {"\u00b4": "'", "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"',
          "\u066c": ",", "\u3001": ", ", "\u3002": ". ", "\u2044": "/", "\u00b7": ".",
          "\u00ba": "\u00b0", "\u02da": "\u00b0", "\u2103": "\u00b0C", "\u2109": "\u00b0F",
          "\u2026": "...", "\u2192": "->", "\u27f6": "->", "\u21d2": "=>"}  # fmt: skip
LOOK_ALIKES = str.maketrans(
    {**dict.fromkeys(HYPHENS, "-"), **dict.fromkeys(SPACES, " "), **dict.fromkeys(INVISIBLE, None), **OTHERS}
    | {chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)}  # full-width forms
)
WIDE_MARK = re.compile("([\uff0c\uff1b\uff01\uff1f])(?:(?<!\\d.)(?!\\s)|(?![\\s\\d]))")  # ends a clause, but not in ２６，０２２
FOOTNOTE = re.compile("(?<=[^\\W\\d_]{3})[\u00b9\u00b2\u00b3\u2070-\u2079]+(?!\\w)")  # m² is none
ORNAMENT = re.compile("[\u2b50\U0001f300-\U0001f44d\U0001f44f-\U0001f6aa\U0001f6ac-\U0001faff]")  # but for a thumb down and a no-entry sign
END_OF_TURN = re.compile(
    r"<[|｜](?:im_end|eot_id|eom_id|eot|end|return|end_of_text|endoftext|END_OF_TURN_TOKEN|end[_▁]of[_▁](?:sentence|turn)|[Uu]ser)[|｜]>"
    r"|\[\|endofturn\|\]|</s>|<end_of_turn>|<turn\|>|<eos>|<pad>|\[INST\]"
    r"|<(?:\|im_start\||\|start_header_id\||\|start_of_role\||start_of_turn)>\s*user"
    # the next turn's role, without its marks: glued to the answer, or on a line of its own
    r"|(?<=[\w.!?)\]}\"'>*])assistant(?=\n\n|\s*$)|(?<=[\w.!?)\]}\"'>*])user(?=\n\n)|(?<=[0-9A-Z.!?)\]}\"'>*])user(?=\n|\s*$)"
    r"|\n(?:user|human)\n(?=[^\n]{1,500}\n(?:assistant|model)\n)"
)
TEMPLATE_TOKEN = re.compile(
    r"<[|｜]/?[a-zA-Z_▁]{1,40}[|｜]>(?:assistant\b)?|<start_of_turn>(?:model\b)?|\[/?INST\]|</?(?:unk|bos|unused\d+)>"
)
# a letter or digit next to a script without spaces between its words, or with endings or particles: Hebrew, Arabic, Thai, Lao, Burmese,
# Khmer, Chinese, Japanese, Korean; a digit next to a word that begins a sentence
LATIN = "A-Za-z0-9\u00c0-\u024f"
UNSPACED = "\u05d0-\u05ea\u0620-\u064a\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
NEXT_TO = re.compile(f"(?<=[{LATIN}])(?=[{UNSPACED}])|(?<=[{UNSPACED}])(?=[{LATIN}])|(?<=\\d)(?=[A-Z][a-z]{{3}})")
BLOCK_TAG = re.compile(
    r"</?(?:p|br|div|ul|ol|li|table|thead|tbody|tr|td|th|h[1-6]|pre|tool_call|function_call|response|output|result)"
    r"(?:\s[^<>\n]{0,200})?/?>",
    re.I,
)
INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|span|code|mark|kbd|tt|small)(?:\s[^<>\n]{0,200})?>", re.I)
FIELD_NAME = re.compile(r'"[^"\n]{1,40}"\s*:')  # of JSON; for those who read words
DASH = re.compile("(?<=\\d)[\u2014\u2015](?=\\d)| ?([\u2014\u2015]) ?")  # between numbers a hyphen, else it joins no words
TITLE = re.compile(r"\b(Dr|Mrs?|Ms|Prof)\.(?=\s)"), r"\1"  # its point ends no sentence
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
STRUCK = re.compile(r"~~[^~\n]{1,200}~~|<(?:del|s|strike)>[^<\n]{0,200}</(?:del|s|strike)>", re.I)
# an item of a list of boxes that is not ticked, where others are
TICKED = re.compile(r"^[ \t]*(?:[-*+•] )?\[[xX✓✔]\]", re.MULTILINE)
UNTICKED = re.compile(r"^[ \t]*(?:[-*+•] )?\[ ?\][^\n]*$", re.MULTILINE)
LATEX = (
    (re.compile(r"\\(?:text|textbf|textit|texttt|textrm|mathrm|mathbf|mathit|mathtt|mathsf|emph|underline)\s*\{([^{}]{0,2000})\}"), r"\1"),
    (re.compile(r"[\s~]?\^\s?(?:\{\s?)?\\circ(?![a-z])(?:\s?\})?"), "\u00b0"),
    (re.compile(r"(?<=\d)(?:\{,\}|\{\.\}|\\[,;: ]|~)(?=\d)"), " "),
    (re.compile(r"\\[,;: ]"), " "),
    (re.compile(r"\\!|\\[()\[\]]|\$(?! ?\d[\d,.]*(?![\d,.]*\s*\$))|\\(?:left|right|displaystyle|quad|qquad)\b"), ""),
    (re.compile(r"\\([_\-&#%$<>*])"), r"\1"),
    (re.compile(r"\\n(?![a-z])"), "\n"),
    (re.compile(r"\\boxed(?=\w)"), " "),
    (re.compile(r"\\(?:rightarrow|to|implies|mapsto)\b"), "->"),
)  # fmt: skip
# a table with one row below its head
ROW = re.compile(r"^[ \t]*\|([^\n]{1,500})\|[ \t]*\n[ \t]*\|[-|: \t]*\n[ \t]*\|([^\n]{1,500})\|[ \t]*$(?!\n[ \t]*\|)", re.M)


MARKDOWN = (
    (re.compile(r"^[ \t]*```\w*[ \t]*$", re.M), ""),
    # the head of a table; a row that the prompt has begun is none
    (re.compile(r"^(?:[ \t]*\|[^\n]{0,500}\n(?=[ \t]*\|[-|: \t]*$)|[^\n]{0,500}\n(?=[ \t]*:?-+:?[ \t]*\|[-|: \t]*$))", re.M), ""),
    (re.compile(r"^(\s*)\*(?=\s)", re.M), r"\1-"),  # a bullet
    (re.compile(r"\*+|`+"), ""),
    (re.compile(r"(?<![A-Za-z0-9])_{1,3}(?=\S)|(?<=\S)_{1,3}(?![A-Za-z0-9])"), ""),
    (re.compile(r"\d\u20e3"), " "),  # a digit on a key cap, a list marker
)


def plain_text(answer: str) -> str:
    """The answer part of a reply in one notation: ASCII digits, hyphens, quotes and spaces; no emphasis, LaTeX fonts or HTML tags.

    What is struck through is left out, and so is all that follows the end of the model's turn. Line breaks, `<...>`, `\\boxed{...}`,
    tables and JSON stay.
    """
    text = answer[-LONGEST:].encode(errors="replace").decode()  # without halves of surrogate pairs
    parts = END_OF_TURN.split(text)
    text = next((part for part in parts if part.strip()), "")
    text = ESCAPED.sub(lambda match: chr(int(match[1], 16)), text).replace("\\\\", "\\")
    text = DASH.sub(lambda match: " - " if match[1] else "-", html.unescape(TEMPLATE_TOKEN.sub(" ", text)))
    text = WIDE_MARK.sub(r"\1 ", ORNAMENT.sub(" ", FOOTNOTE.sub("", text))).translate(LOOK_ALIKES)
    text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text) if not text.isascii() else text
    text = NEXT_TO.sub(" ", text)
    text = INLINE_TAG.sub("", BLOCK_TAG.sub("\n", STRUCK.sub(" ", text)))
    if "\\" in text or "$" in text or "{" in text:
        for _ in range(3):  # fonts may be nested
            text = LATEX[0][0].sub(LATEX[0][1], text)
        for pattern, by in LATEX[1:]:
            text = pattern.sub(by, text)
    if TICKED.search(text):
        text = UNTICKED.sub("", text)
    text = ROW.sub(_as_lines, text)
    for pattern, by in (*MARKDOWN, TITLE):
        text = pattern.sub(by, text)
    return NEXT_TO.sub(" ", text)


def _as_lines(row: re.Match[str]) -> str:
    """A table with one row as lines 'head: cell', so that what is said of a value stands next to it."""
    head, cells = ([cell.strip() for cell in line.split("|")] for line in row.groups())
    return "\n".join(map(": ".join, zip(head, cells, strict=True))) if len(head) == len(cells) else row[0]
