"""Sample data for the site's sample browser: a manifest, and chunks of samples of one cell, loaded on demand as scripts."""

import json
from collections.abc import Iterator
from typing import Any

from seal_eval.core import strict_json
from seal_eval.core.errors import SealError
from seal_eval.core.files import PARSING, numbered_lines
from seal_eval.core.types import Record, Run
from seal_eval.leaderboard.board import ModelBoard
from seal_eval.leaderboard.submissions import task_of
from seal_eval.results.absent import NO_RESULT
from seal_eval.results.lm_eval_tasks import sample_id
from seal_eval.results.numbers import size
from seal_eval.results.reasons import REASONS

CHUNK = 100  # samples per file
PROMPT_ENDS = 1500  # characters shown from the beginning and from the end of a prompt
LONGEST_REPLY = 2000  # characters shown of a reply
NO_REPLY = [None, NO_RESULT, None, ""]  # in place of `_reply`, for a method that lacks the cell


def chunk_of(board: ModelBoard) -> dict[str, str]:
    """Sample id → name of its chunk, 'BOARD-CELL-NUMBER' (all counted from 0)."""
    n_seen = [0] * len(board.paired.cells)
    names = {}
    for sample, cell in zip(board.paired.samples, board.paired.cell, strict=True):
        names[sample] = f"{board.number}-{cell}-{n_seen[cell] // CHUNK}"
        n_seen[cell] += 1
    return names


def sample_pages(boards: list[ModelBoard], runs: list[Run]) -> Iterator[tuple[str, str]]:
    """Yield (relative path, text) of every chunk, then of the manifest. Chunks are made one at a time to save memory."""
    manifest = []
    for board in boards:
        names = chunk_of(board)
        by_cell: dict[int, list[str]] = {}
        for name in dict.fromkeys(names.values()):
            by_cell.setdefault(int(name.split("-")[1]), []).append(name)
        cells = [
            {
                "task": task, "length": length, "size": size(length, task) or "any length",
                "n": int((board.paired.cell == i).sum()), "chunks": by_cell.get(i, []),
            }
            for i, (task, length) in enumerate(board.paired.cells)
        ]  # fmt: skip
        reasons = [reason for reason in REASONS if any(reason in cell.counts for cell in board.found.shares)]
        methods = [board.said(method) for method in board.found.methods]
        manifest.append({"model": board.name, "methods": methods, "reasons": reasons, "cells": cells})
        by_chunk: dict[str, list[str]] = {}
        for sample, name in names.items():
            by_chunk.setdefault(name, []).append(sample)
        prompts = _prompts(board, runs)
        for name, samples in by_chunk.items():
            rows = [_row(sample, board, prompts) for sample in samples]
            yield f"data/samples/{name}.js", f"sealChunk({json.dumps(name)}, {_data(rows)});\n"
    yield "data/samples/manifest.js", f"sealManifest({_data(manifest)});\n"


def _row(sample: str, board: ModelBoard, prompts: dict[str, str]) -> dict[str, Any]:
    """One sample as the browser shows it; `replies` in the order of the board's methods."""
    found = [board.records[method].get(sample) for method in board.found.methods]
    replies = [_reply(reply) if reply else NO_REPLY for reply in found]
    record = next(reply for reply in found if reply)
    return {
        "id": sample, "depth": None if record.depth is None else round(record.depth, 4), "tokens": record.n_tokens or None,
        "document": record.cluster, "expected": list(record.targets), "prompt": prompts.get(sample, ""), "replies": replies,
    }  # fmt: skip


def _reply(record: Record) -> list[Any]:
    """[score, reason, extracted answer, reply]"""
    return [record.score, record.reason, record.answer, cut(record.reply, LONGEST_REPLY)]


def cut(text: str, most: int) -> str:
    """The text if it has at most `most` characters, else its beginning and its length."""
    return text if len(text) <= most else f"{text[:most]} … [{len(text):,} characters in all]"


def _prompts(board: ModelBoard, runs: list[Run]) -> dict[str, str]:
    """Sample id → prompt, long ones without their middle, from the baseline's sample files; where it lacks cells, from other methods'."""
    prompts: dict[str, str] = {}
    for run in sorted(runs, key=lambda run: run.method != board.found.baseline):
        if run.model == board.name and not prompts.keys() >= {r.sample_id for r in run.records}:
            prompts |= {sample: _ends(prompt) for sample, prompt in prompts_of(run)}
    return prompts


def prompts_of(run: Run) -> Iterator[tuple[str, str]]:
    """Yield (sample id, prompt) of every row of the run's sample files; of a chat, its messages as JSON. Raises SealError without."""
    for name in sorted(name for name in run.files if name.startswith("samples_")):
        for number, line in numbered_lines(run.folder / name):
            try:
                row = strict_json.loads(line, nan=True)  # a metric of another task may be NaN
                prompt = row["arguments"]["gen_args_0"]["arg_0"]
                yield sample_id(row, task_of(name, run.date)), str(prompt[0] if isinstance(prompt, list) else prompt)
            except PARSING as error:
                raise SealError(f"{run.folder / name}, line {number}: no prompt under arguments; the file is damaged") from error


def _ends(prompt: str) -> str:
    """A prompt; a long one as its beginning and end, with a note of how many characters are left out."""
    if len(prompt) <= 2 * PROMPT_ENDS + 100:
        return prompt
    left_out = len(prompt) - 2 * PROMPT_ENDS
    return f"{prompt[:PROMPT_ENDS]}\n… [{left_out:,} characters, in the result file] …\n{prompt[-PROMPT_ENDS:]}"


def _data(value: Any) -> str:
    """JSON that is also valid JavaScript: ASCII only, no NaN or infinity."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
