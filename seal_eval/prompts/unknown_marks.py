"""Tokens that look as if they mark thinking and are not known, so that a model's thinking would be read as its answer."""

import json
import re
from typing import Any

from seal_eval.prompts.thinking import THINK_TOKENS

WRITTEN = re.compile(r"[<\[◁][/|:\w-]*think[/|:\w-]*[>\]▷]", re.IGNORECASE)
ASIDE = re.compile(r"no[_-]?think|budget|mode|effort", re.IGNORECASE)  # of tokens that switch thinking off or measure it


def unknown_marks(tokenizer: Any) -> list[str]:
    """Return the added tokens of a tokenizer and the marks in its chat template that have 'think' in them and are not known."""
    known = {mark.lower() for mark in THINK_TOKENS}
    added = [token.content.strip() for token in tokenizer.added_tokens_decoder.values() if "think" in token.content.lower()]
    written = WRITTEN.findall(json.dumps(tokenizer.chat_template or "", ensure_ascii=False))
    return sorted({mark for mark in (*added, *written) if mark.lower() not in known and not ASIDE.search(mark)})
