"""Which of a task's samples a run asks, --limit and --samples, checked before a model is loaded.

lm-eval itself asks all samples for a limit of 0, an empty list, and a task whose name in --samples is misspelt, and says nothing.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import read_json

SHAPE = '{"seal_lines": [0, 2]}'


def check_limit(limit: Any) -> None:
    """Raise SealError unless a --limit is None, a whole number of samples of each task, or a share of them below 1."""
    if limit is None:
        return
    number = isinstance(limit, int | float) and not isinstance(limit, bool) and math.isfinite(limit) and limit > 0
    if not number or (limit > 1 and limit != int(limit)):
        raise SealError(f"--limit is {limit!r}, must be a whole number of samples, at least 1, or a share below 1; leave it out for all")


def chosen_samples(samples: Any, limit: Any = None) -> dict[str, list[int]]:
    """The numbers of the samples that --samples names, by task; {} without the flag. samples: its value, or the path of a JSON file.

    Raises SealError where it does not map tasks to lists of whole numbers, where a list names one twice, and where there is a `limit` too.
    """
    if samples is None:
        return {}
    if limit is not None:
        raise SealError("--samples and --limit: lm-eval takes one of the two; leave one out")
    if isinstance(samples, str):
        if not Path(samples).is_file():
            raise SealError(f"--samples {samples[:100]} is no file here and no JSON; write {SHAPE}")
        samples = read_json(Path(samples))
    if not isinstance(samples, dict) or not samples:
        raise SealError(f"--samples is {samples!r:.100}, must name at least one task and its samples, counted from 0: {SHAPE}")
    for task, numbers in samples.items():
        if not isinstance(numbers, list) or not numbers or not all(type(n) is int and n >= 0 for n in numbers):
            raise SealError(
                f"--samples: {task} has {numbers!r:.100}, must have a list of numbers, counted from 0; without the task, all are asked"
            )
        if len({*numbers}) < len(numbers):
            raise SealError(f"--samples: {task} has {next(n for n in numbers if numbers.count(n) > 1)} twice; a sample is asked once")
    return samples


def check_chosen(chosen: Mapping[str, list[int]], n_samples: Mapping[str, int], others: bool) -> None:
    """Raise SealError for a sample of --samples that does not exist. n_samples: of each task of this project that is run.

    others: further tasks are run, whose names and numbers lm-eval alone knows.
    """
    for task, numbers in chosen.items():
        if task not in n_samples:
            if others:
                continue
            raise SealError(f"--samples names {task}, which is not run{nearest(task, n_samples)}")
        if (last := max(numbers)) >= n_samples[task]:
            raise SealError(
                f"--samples: {task} has samples 0 to {n_samples[task] - 1}, and {last} is named; name one of these, or raise num_samples"
            )
