"""Documents for lm-eval: built once, kept in the cache, in an order of which any beginning is balanced."""

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from seal_eval import __version__
from seal_eval.core.errors import SealError
from seal_eval.core.files import cache
from seal_eval.core.types import CLUSTER_KEY, Sample
from seal_eval.harness.task_config import Spec, read_spec
from seal_eval.models.loading import load_tokenizer
from seal_eval.prompts.packing import TooShort
from seal_eval.prompts.prompt import PromptFormat


def documents(task: str, **metadata: Any) -> dict[str, Any]:
    """lm-eval's `custom_dataset`: {"test": Dataset}. `metadata` is lm-eval's: model_args merged with --metadata."""
    return {"test": _build(read_spec(task, metadata))}


@lru_cache(maxsize=64)  # lm-eval builds a task once per matching name or tag
def _build(spec: Spec) -> Any:
    from datasets import Dataset, disable_progress_bars, load_from_disk

    disable_progress_bars()
    prompt_format = load_prompt_format(spec)
    folder = cache() / "data" / f"{spec.task.name}-{_key(spec, prompt_format)[:32]}"
    if not folder.is_dir():
        scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
        Dataset.from_list(build_rows(spec, prompt_format)).save_to_disk(scratch)
        try:
            scratch.replace(folder)
        except OSError:  # another process was faster; its bytes are the same
            shutil.rmtree(scratch, ignore_errors=True)
    return load_from_disk(folder)


def build_rows(spec: Spec, prompt_format: PromptFormat) -> list[dict[str, Any]]:
    """Every document, the sizes in turn: a size's own samples are in stratified depth order, so any --limit is balanced."""
    per_size: list[list[Sample]] = []
    for size in spec.sizes:
        try:
            samples = spec.task.build(prompt_format, size, spec.num_samples, spec.seed)
        except TooShort as error:
            if spec.explicit or (size == spec.sizes[-1] and not per_size):
                raise
            print(f"{error}; left out", file=sys.stderr)
            continue
        prompt_format.check_writes([target for s in samples for target in s.targets])
        if too_long := [s for s in samples if spec.window is not None and s.n_tokens + s.answer_tokens > spec.window]:
            if spec.explicit or not per_size:
                raise SealError(_does_not_fit(spec, size, too_long[0]))
            break  # default sizes: those that fit, in rising order
        per_size.append(samples)
    if spec.task.unit != "tokens" and not spec.explicit:
        per_size = [group for group in per_size if group[0].length in spec.task.sizes] or per_size[-1:]
    return [_row(sample) for group in zip(*per_size, strict=True) for sample in group]


@lru_cache(maxsize=4)
def _frame(tokenizer: str, chat: bool | str, system: str, begin_answer: bool, add_bos: bool | None, args: str) -> PromptFormat:
    return PromptFormat(load_tokenizer(tokenizer), chat, system, begin_answer, add_bos, json.loads(args))


def load_prompt_format(spec: Spec) -> PromptFormat:
    """The tokenizer and what surrounds a prompt; the same object for the tasks of one run."""
    return _frame(spec.tokenizer, spec.chat, spec.system, spec.begin_answer, spec.add_bos, spec.template_args)


def _row(sample: Sample) -> dict[str, Any]:
    row = {**asdict(sample), "targets": list(sample.targets), "keys": list(sample.keys)}
    return {CLUSTER_KEY if key == "cluster" else key: value for key, value in row.items()}


def _does_not_fit(spec: Spec, size: int, sample: Sample) -> str:
    return (
        f"{spec.task.name}: {size} {spec.task.unit} make a prompt of {sample.n_tokens} tokens + {sample.answer_tokens} for the answer, "
        f"above the model's window of {spec.window}; choose fewer, or pass max_length=… in --model_args if the method extends the window"
    )


def _key(spec: Spec, prompt_format: PromptFormat) -> str:
    """Hash of the specification, the tokenizer and the code that builds."""
    what = {**asdict(spec), "task": [type(spec.task).__name__, asdict(spec.task)], "tokenizer": prompt_format.fingerprint}  # type: ignore[call-overload]
    return hashlib.sha256(json.dumps([what, _code(), _haystack_files(spec)], sort_keys=True, default=str).encode()).hexdigest()


@lru_cache(maxsize=1)
def _code() -> str:
    import datasets

    import seal_eval.prompts
    import seal_eval.tasks

    there, prompts = (Path(str(package.__file__)).parent for package in (seal_eval.tasks, seal_eval.prompts))
    files = [*sorted(there.rglob("*.py")), *sorted(there.rglob("*.jsonl")), *sorted(prompts.glob("*.py")), Path(__file__)]
    digest = hashlib.sha256(f"{__version__} {datasets.__version__} {sys.version_info[:2]}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _haystack_files(spec: Spec) -> list[tuple[str, int, int]]:
    """Name, size and time of the user's own files that the documents are made of."""
    folders = [Path(str(getattr(spec.task, key, ""))) for key in ("haystack", "longeval_data") if getattr(spec.task, key, "")]
    files = sorted(f for folder in folders if folder.is_dir() for f in folder.rglob("*") if f.is_file())
    return [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
