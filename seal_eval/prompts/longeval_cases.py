"""Reads LongEval's official case files; their prompts are not changed."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_eval.core import strict_json
from seal_eval.core.checked import whole_number
from seal_eval.core.errors import SealError

# where the files are below the given folder: in LongEval's own layout, or next to each other
CASE_FOLDERS = ("", "testcases", "{kind}/testcases", "evaluation/{kind}/testcases", "longeval/evaluation/{kind}/testcases")


@dataclass(frozen=True)
class Case:
    """One question: prompt, answer prefix, the continuation of a perfect model, target, requested key, and the fact as it is in the prompt.

    keys is empty for topics, which have none.
    """

    prompt: str
    prefix: str
    answer: str
    target: str
    keys: tuple[str, ...]
    fact: str


def official_sizes(folder: Path, kind: str) -> list[int]:
    """The sizes, ascending, for which `folder` holds a case file of this kind ('lines' or 'topics'). Raises SealError for none."""
    sizes = {
        int(size)
        for place in CASE_FOLDERS
        for file in (folder / place.format(kind=kind)).glob(f"*_{kind}.jsonl")
        if whole_number(size := file.name.removesuffix(f"_{kind}.jsonl")) and size[0] != "0"  # the name is made from the size again
    }
    if not sizes:
        raise SealError(f"longeval_data {folder} holds no N_{kind}.jsonl, nor does {kind}/testcases below it")
    return sorted(sizes)


def read_cases(folder: Path, kind: str, size: int) -> list[Case]:
    """The cases of N_lines.jsonl or N_topics.jsonl, with prompts byte for byte.

    Raises SealError for a missing or empty file, and naming file and line for a damaged line or a missing field. Warns on stderr about
    'lines' cases whose value also occurs on another line, where a reply with the wrong line's value scores as right.
    """
    files = [folder / place.format(kind=kind) / f"{size}_{kind}.jsonl" for place in CASE_FOLDERS]
    file = next((f for f in files if f.is_file()), None)
    if file is None:
        raise SealError(f"longeval_data {folder} holds no {size}_{kind}.jsonl; sizes there: {official_sizes(folder, kind)}")
    cases, ambiguous = [], 0
    for number, raw in enumerate(file.read_bytes().splitlines(), 1):
        if not raw.strip():
            continue
        try:
            row = strict_json.loads(raw)
            case = _line_case(row) if kind == "lines" else _topic_case(row)
        except KeyError as error:
            raise SealError(f"{file}, line {number}: no field {error}") from error
        except (ValueError, TypeError, IndexError) as error:
            raise SealError(f"{file}, line {number}: not a LongEval case ({error})") from error
        ambiguous += kind == "lines" and case.prompt.count(f"<{case.target}>") > 1
        cases.append(case)
    if not cases:
        raise SealError(f"{file} holds no case")
    if ambiguous:
        print(f"{file}: in {ambiguous} of {len(cases)} cases the answer's value also occurs on another line", file=sys.stderr)
    return cases


def _line_case(row: Mapping[str, Any]) -> Case:
    prompt, value, key, line = row["prompt"], str(int(row["expected_number"])), str(row["random_idx"][0]), str(row["correct_line"]).strip()
    if not isinstance(prompt, str) or line not in prompt or f"<{value}>" not in line:
        raise ValueError("the prompt does not contain the correct line, or that line does not contain the expected number")
    return Case(prompt, "", f" {value}", value, (key,), line)


def _topic_case(row: Mapping[str, Any]) -> Case:
    prompt, topic = row["prompt"], str(row["topics"][0])
    at = prompt.casefold().find("discuss the topic of " + topic.casefold())
    if at < 0:
        raise ValueError(f"the prompt does not introduce the topic {topic!r}")
    return Case(prompt, "", f" {topic}", topic, (), prompt[at : at + len(topic) + len("discuss the topic of ")])
