"""The settings that a submission's samples were asked with: within bounds, and checked before anything is built from them."""

import math
from pathlib import Path
from typing import Any

from seal_eval.baselines import extended, method_of
from seal_eval.core.errors import SealError
from seal_eval.core.strict_json import short
from seal_eval.harness.stock_window import stock_window
from seal_eval.harness.task_config import Spec, known_keys
from seal_eval.leaderboard import limits
from seal_eval.leaderboard.submissions import HUB_ID, refuse_own_files
from seal_eval.leaderboard.verify_fields import must
from seal_eval.leaderboard.verify_files import measure
from seal_eval.models.window import window_of
from seal_eval.prompts.settings import recorded_settings
from seal_eval.tasks import base_task, get_task, task_settings

REMEDY = "run it again without --gen_kwargs"
# keys of the recorded metadata that are used to build samples, besides the task settings
KEPT = ("pretrained", "revision", "max_length", "add_bos_token", "chat_template_args", "enable_thinking")
# stop strings of version 2 of the tasks, whose replies version 3 may score again
UNTIL = {
    "seal_lines": [[">.", ">,", ">;", ">\n"]],
    "seal_needle": [["."]],
    "seal_needle_multikey": [["."]],
    "seal_variable_tracking": [["\n\n"]],
}


class Work:
    """What one submission makes `check` do: prompts to build, replies to score, bytes to decompress. most: `--most-tokens`."""

    def __init__(self, most: int) -> None:
        self.most, self.specs, self.chars, self.n_bytes = most, dict[Spec, int](), 0, 0

    def add_prompts(self, where: str, spec: Spec) -> None:
        """Count the samples of a specification, once for all runs that ask them. Raises SealError above the limit."""
        self.specs[spec] = sum(spec.sizes) * spec.task.tokens_per_unit * spec.num_samples
        self._check(where, sum(self.specs.values()), self.most, "prompt tokens to build")

    def add_reply(self, where: str, reply: str) -> None:
        """Count a reply's characters. Raises SealError above the limit."""
        self.chars += len(reply)
        self._check(where, self.chars, self.most, "characters of replies")

    def measure(self, file: Path) -> tuple[int, int]:
        """(lines, bytes when decompressed) of a sample file, counted. Raises SealError above the limit, before the rest is read."""
        n_lines, n_bytes = measure(file, limits.BYTES * self.most - self.n_bytes)
        self.n_bytes += n_bytes
        return n_lines, n_bytes

    def _check(self, where: str, n: int, most: int, what: str) -> None:
        if n > most:
            raise SealError(
                f"{where}: this submission has {n:,} {what} up to here, the limit is {most:,}; if you trust its sender, pass --most-tokens "
                "with as many as it needs, or publish less in one submission"
            )


def build_settings(results: Path, data: dict[str, Any], task: str, tokenizer: str) -> dict[str, Any]:
    """The recorded settings that build the task's samples, within bounds, without any that would use files of the submission."""
    config = data["configs"][task]
    refuse_own_files(str(results), task, config)
    recorded = config["metadata"]
    metadata = {key: recorded[key] for key in recorded if key in (*known_keys(), *KEPT)}
    metadata |= recorded_settings(data, task)
    metadata |= {"max_length": data.get("max_length") or metadata.get("max_length")}
    own = task_settings(get_task(base_task(task) or ""))
    for key, value in metadata.items():
        for item in value if isinstance(value, list) else [value]:
            most = limits.SETTING if key in own else limits.VALUE
            small = not isinstance(item, int | float) or abs(item) <= most
            kind = item is None or isinstance(item, int | float | str) or (key == "chat_template_args" and isinstance(item, dict))
            if not (small and kind and (not isinstance(value, list) or len(value) <= limits.ITEMS)):
                raise SealError(f"{results}: configs.{task}.metadata.{key} is {short(value)}, must be a simple value of at most {most:,}")
    if tokenizer:
        return metadata | {"tokenizer": tokenizer, "pretrained": tokenizer, "revision": ""}
    for key in ("pretrained", "tokenizer"):
        name = metadata.get(key)
        if name and not HUB_ID.fullmatch(str(name)):
            raise SealError(
                f"{results}: configs.{task}.metadata.{key} is {short(name)}, must be a short name or a hub id; pass --tokenizer"
            )
        if name and Path(str(name)).is_dir():
            raise SealError(f"{results}: {key}={name} is also a folder here; pass --tokenizer with a tokenizer that you trust")
    return metadata


def check_window(results: Path, data: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Raise SealError when the recorded window is not the model's: it decides which lengths of everybody's runs are compared.

    Where only a tokenizer is at hand, its model's window is not known. That of a checkpoint with rotary scaling in its configuration, which
    is checked with its base model's tokenizer, is longer than the base model's.
    """
    own = data["config"].get("seal_eval") or {}
    said = own.get("trained_window")
    place, revision = (str(metadata.get(key) or "") for key in ("pretrained", "revision"))
    window = window_of(place, revision=revision) if said and place else None
    if window:
        scaled = _extended(str((own.get("model_source") or {}).get("on") or ""), window)
        fits = said in (window, stock_window(place, revision=revision), scaled)
        must(results, fits, "config.seal_eval.trained_window", said, f"the window of the model's configuration, {window}")


def _extended(on: str, window: int) -> int:
    """The window with the method that a checkpoint's configuration holds; unchanged for one that no configuration can hold."""
    if not {*on.partition(",")[0].split("+")} <= {"linear", "ntk", "yarn"}:  # no other name is looked up: it may be a file
        return window
    try:
        return extended(method_of(on), window)
    except SealError:
        return window


def asked_of(limit: float | None, n: int) -> int:
    """How many of `n` samples lm-eval asks under --limit: that many, or that share if it is below 1."""
    return n if limit is None else min(n, math.ceil(limit * n) if limit < 1 else int(limit))


def check_counts(file: Path, spec: Spec, data: dict[str, Any], n_lines: int, n_bytes: int) -> int:
    """Raise SealError, before anything is built, when the file cannot hold the samples that the settings ask for."""
    total = len(spec.sizes) * spec.num_samples  # at most: default sizes may be left out
    asked = asked_of(data["config"]["limit"], total)
    base = spec.task.name
    if spec.explicit and n_lines < asked:
        raise SealError(f"{file}: lacks {asked - n_lines:,} of the samples that {base} builds; publish all samples of the run")
    if n_lines > asked:
        raise SealError(f"{file}: holds {n_lines:,} samples, the settings ask for {asked:,}; publish the files as the run wrote them")
    if n_lines == 0:
        raise SealError(f"{file}: is empty; publish all samples of the run")
    tokens = sum(spec.sizes) * spec.task.tokens_per_unit * spec.num_samples
    if spec.explicit and asked == total and n_bytes < tokens / 2:
        raise SealError(f"{file}: has {n_bytes:,} bytes, too few for {tokens:,} tokens of prompts; publish the files as the run wrote them")
    return asked


def check_generation(results: Path, task: str, data: dict[str, Any], budgets: set[int]) -> None:
    """Raise SealError unless replies were generated with the task's settings: greedy, its budget, its stop strings or none."""
    said, base = data["configs"][task]["generation_kwargs"], base_task(task)
    at = f"{results}: configs.{task}.generation_kwargs"
    if said["max_gen_toks"] not in budgets:
        budget = " or ".join(map(str, sorted(budgets)))
        raise SealError(f"{at}.max_gen_toks is {said['max_gen_toks']}, must be the task's, {budget}; {REMEDY}")
    if said["until"] not in [[], *UNTIL.get(base or "", [])]:
        raise SealError(f"{at}.until is {short(said['until'])}, must be the task's: empty; {REMEDY}")
    for key, value in (data["config"].get("gen_kwargs") or {}).items():
        if said.get(key) != value:
            wanted = f"must be the task's, {short(said.get(key))}; {REMEDY}"
            raise SealError(f"{results}: config.gen_kwargs.{key} is {short(value)}, {wanted}")
