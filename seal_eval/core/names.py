"""What a model and a method are called in folders, tables and pages."""

import re
from pathlib import Path
from typing import Any

from seal_eval.core.files import CARD, read_json

ENGINE = "seal"  # our model class's name in lm-eval


def safe(name: str) -> str:
    """A model or method name as a folder name: a folder's last part, a hub id with -- for /."""
    return recorded(Path(name).name if Path(name).is_dir() else name)


def recorded(name: str) -> str:
    """The same for a name found in a file, which says nothing of the folders here."""
    name = Path(name).name if name.startswith(("/", ".", "~")) else name
    return re.sub(r"[^A-Za-z0-9._+-]+", "--", name).strip("-.") or "unnamed"


def method_label(engine: str, model_args: dict[str, Any]) -> str:
    """The method's name; a stock engine with `peft=` has the name in the adapter's card, else the adapter folder's."""
    if engine == ENGINE:
        return str(model_args.get("method", "plain"))
    peft = model_args.get("peft")
    if not peft:
        return "plain"
    card = Path(peft) / CARD
    return str(read_json(card).get("method", Path(peft).name)) if card.is_file() else Path(peft).name
