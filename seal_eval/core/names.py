"""Names of models and methods in folders, tables, pages and sentences."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import card_of

ENGINE = "seal"  # name of this package's model class in lm-eval
GENERATION_KEY = "seal_eval_generation"  # there, the penalties of the checkpoint's generation_config: `seal_eval.generation` of our engine
HUB_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{30,}")  # what an access token of the hub looks like
SUITE_KEY = "seal_eval_suite"  # in the config of a results file of another engine, what `seal_eval.suite` is in one of ours


def safe(name: str) -> str:
    """A model or method name as a folder name: an existing folder's last part, or a hub id with -- in place of /."""
    return recorded(Path(name).name if os.path.isdir(name) else name)  # noqa: PTH112  Path.is_dir raises for one that is too long


def recorded(name: str) -> str:
    """Like `safe` but without looking at the file system, for names read from files: whatever looks like a path loses its folders.

    Letters and digits of all scripts stay. A name that loses other signs than ASCII, such as pictures, ends with a hash of the whole name.
    """
    name = unicodedata.normalize("NFC", Path(name).name if name.startswith(("/", ".", "~")) else name)
    kept = "".join(c if c in "._+-" or _of_words(c) else " " for c in name)
    text = re.sub(" +", "--", kept).strip("-.") or "unnamed"
    if all(c.isascii() or _of_words(c) for c in name):
        return text
    return f"{text}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _of_words(c: str) -> bool:
    """Whether a character is a letter or digit of any script, or a mark on one, such as the vowels of Hindi and Thai."""
    mark = unicodedata.category(c).startswith("M") and "VARIATION SELECTOR" not in unicodedata.name(c, "")  # these are not seen
    return c.isalnum() or mark


def visible(text: str) -> str:
    """The text with U+FFFD in place of what is not printable (control characters, marks of direction), line breaks and tabs excepted."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def without_tokens(text: str) -> str:
    """The text with HF_TOKEN in place of access tokens of the Hugging Face hub: nothing that is recorded may hold one."""
    return HUB_TOKEN.sub("HF_TOKEN", text)


def check_utf8(what: str, text: str) -> None:
    """Raise SealError for text with bytes that are not UTF-8, as names of files may have: no file that is written could hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SealError(f"{what} {text!a} is not UTF-8, so no results could record it; rename the file or folder") from None


# arguments of lm-eval's engines that load an adapter, other weights or steering vectors on top of a checkpoint (hf, vLLM, steered)
CHANGES_WEIGHTS = ("peft", "lora_local_path", "delta", "steer_path")


def method_label(engine: str, model_args: dict[str, Any]) -> str:
    """The method's name. For a stock engine: `method` in the card of the adapter that it loads, or that folder's name, or plain."""
    if engine == ENGINE:
        return str(model_args.get("method", "plain"))
    loaded = next((str(model_args[key]) for key in CHANGES_WEIGHTS if model_args.get(key)), "")
    if not loaded:
        return "plain"
    method = card_of(loaded).get("method")
    return method if isinstance(method, str) and method.isprintable() and 0 < len(method) <= 300 else Path(loaded).name or loaded


def listed(items: Sequence[str]) -> str:
    """'a', 'a and b' or 'a, b and c'."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def first_of(items: Sequence[str], most: int) -> str:
    """'a, b and 3 more': at most `most` of the items, and how many there are besides."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
