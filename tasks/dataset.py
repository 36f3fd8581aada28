"""From lm-eval's metadata to documents: the model's own tokenizer, lengths that fit its window, a balanced order."""

import difflib
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from seal_eval.errors import SealError
from seal_eval.models import load_tokenizer, resolve
from seal_eval.tasks import get_task

DEFAULT_LENGTHS = (1024, 2048, 4096)
KEYS = ("lengths", "num_samples", "seed", "tokenizer")


@dataclass(frozen=True)
class Spec:
    """Everything the documents of a task depend on."""

    task: str
    tokenizer: str
    lengths: tuple[int, ...]
    num_samples: int
    seed: int


def documents(task: str, **metadata: Any) -> dict[str, Any]:
    """lm-eval's `custom_dataset`: {"test": Dataset}. `metadata` is lm-eval's: model_args merged with --metadata."""
    spec = read_spec(task, metadata)
    return {"test": _build(spec)}


def read_spec(task: str, metadata: dict[str, Any]) -> Spec:
    """Check the metadata and fill in the defaults. Raises SealError naming the key, its value and the remedy."""
    for key in metadata:  # model_args are mixed in, so only near misses of our own keys can be told
        if key not in KEYS and (close := difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8)):
            raise SealError(f"unknown metadata key '{key}'; did you mean '{close[0]}'?")
    pretrained = metadata.get("pretrained") or metadata.get("model")
    tokenizer = metadata.get("tokenizer") or pretrained
    if not isinstance(tokenizer, str):
        raise SealError(f"{task} counts tokens with the model's tokenizer: pass --metadata tokenizer=FOLDER_OR_HUB_ID")
    window = _window(metadata, pretrained)
    lengths = metadata.get("lengths")
    if lengths is None:
        lengths = [n for n in DEFAULT_LENGTHS if window is None or n <= window]
        if not lengths:
            raise SealError(f"{task}: the model's window of {window} tokens is below {DEFAULT_LENGTHS[0]}; pass --metadata lengths=[…]")
    lengths = [lengths] if isinstance(lengths, (int, float, str)) else list(lengths)
    for n in lengths:
        if isinstance(n, bool) or not isinstance(n, int) or n <= 0:
            raise SealError(f"{task}: length {n!r} is not a positive whole number of tokens; pass e.g. lengths=[1024,2048]")
        if window is not None and n > window:
            raise SealError(
                f"{task}: length {n} is above the model's window of {window} tokens, its prompts would be cut; "
                f"choose lengths up to {window}, or pass max_length={n} in --model_args if the method extends the window"
            )
    if len(set(lengths)) < len(lengths):
        raise SealError(f"{task}: lengths {lengths} name a length twice")
    numbers = {}
    for key, default, least in (("num_samples", 100, 1), ("seed", 0, 0)):
        value = metadata.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SealError(f"{task}: {key} is {value!r}, must be a whole number of at least {least}")
        numbers[key] = value
    return Spec(task, resolve(tokenizer), tuple(sorted(lengths)), **numbers)


def _window(metadata: dict[str, Any], pretrained: Any) -> int | None:
    """Tokens the model is made for: max_length of the model_args, else its config's; None when neither is known."""
    if metadata.get("max_length"):
        return int(metadata["max_length"])
    if not isinstance(pretrained, str):
        return None
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(resolve(pretrained))
    except (OSError, ValueError, SealError):  # an API model's name: nothing to look up
        return None
    return getattr(config.get_text_config(), "max_position_embeddings", None)


@lru_cache(maxsize=16)  # lm-eval builds a task once per matching name or tag
def _build(spec: Spec) -> Any:
    from datasets import Dataset

    tokenizer = load_tokenizer(spec.tokenizer)
    task = get_task(spec.task)
    per_length = [task.build(tokenizer, n, spec.num_samples, spec.seed) for n in spec.lengths]
    # round-robin over lengths; a length's own samples are in stratified depth order: any --limit is balanced
    rows = [asdict(sample) for group in zip(*per_length, strict=True) for sample in group]
    return Dataset.from_list([{**row, "targets": list(row["targets"])} for row in rows])


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """lm-eval's scorer for every task: {"acc": 0 or 1}; an unparsable reply counts as wrong."""
    score = get_task(doc["task"]).score(results[0], tuple(doc["targets"]))
    return {"acc": score.value or 0.0}
