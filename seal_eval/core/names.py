"""Names of models and methods in folders, tables, pages and sentences."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import card_of

ENGINE = "seal"  # name of this package's model class in lm-eval
SUITE_KEY = "seal_eval_suite"  # in the config of a results file of another engine, what `seal_eval.suite` is in one of ours


def safe(name: str) -> str:
    """A model or method name as a folder name: an existing folder's last part, or a hub id with -- in place of /."""
    return recorded(Path(name).name if Path(name).is_dir() else name)


def recorded(name: str) -> str:
    """Like `safe` but without looking at the file system, for names read from files: whatever looks like a path loses its folders."""
    name = Path(name).name if name.startswith(("/", ".", "~")) else name
    return re.sub(r"[^A-Za-z0-9._+-]+", "--", name).strip("-.") or "unnamed"


def visible(text: str) -> str:
    """The text with U+FFFD in place of what is not printable (control characters, marks of direction), line breaks and tabs excepted."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


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
