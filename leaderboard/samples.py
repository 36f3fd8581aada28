"""Samples as data files that the browser loads when asked: a manifest, and chunks of one cell each."""

import json
from collections.abc import Iterator
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.core.files import open_lines
from seal_eval.core.types import Record, Run
from seal_eval.leaderboard.board import ModelBoard

CHUNK = 100  # samples in a file
PROMPT_ENDS = 1500  # characters shown of a prompt's beginning and end
LONGEST_REPLY = 2000


def chunk_of(board: ModelBoard) -> dict[str, str]:
    """sample id → name of the chunk that holds it, 'BOARD-CELL-NUMBER'."""
    seen = [0] * len(board.paired.cells)
    names = {}
    for sample, cell in zip(board.paired.samples, board.paired.cell, strict=True):
        names[sample] = f"{board.number}-{cell}-{seen[cell] // CHUNK}"
        seen[cell] += 1
    return names


def sample_pages(boards: list[ModelBoard], runs: list[Run]) -> Iterator[tuple[str, str]]:
    """(relative path, text) of the manifest and every chunk. Chunks come one by one: a million samples need no memory for all."""
    manifest = []
    for board in boards:
        names = chunk_of(board)
        by_cell: dict[int, list[str]] = {}
        for name in dict.fromkeys(names.values()):
            by_cell.setdefault(int(name.split("-")[1]), []).append(name)
        cells = [
            {"task": task, "length": length, "n": int((board.paired.cell == i).sum()), "chunks": by_cell.get(i, [])}
            for i, (task, length) in enumerate(board.paired.cells)
        ]
        manifest.append({"model": board.name, "methods": board.found.methods, "cells": cells})
        where: dict[str, list[str]] = {}
        for sample, name in names.items():
            where.setdefault(name, []).append(sample)
        texts = _prompts(board, runs)
        for name, samples in where.items():
            rows = [_row(sample, board, texts) for sample in samples]
            yield f"data/samples/{name}.js", f"sealChunk({json.dumps(name)}, {_data(rows)});\n"
    yield "data/samples/manifest.js", f"sealManifest({_data(manifest)});\n"


def _row(sample: str, board: ModelBoard, prompts: dict[str, str]) -> dict[str, Any]:
    one = board.records[board.found.baseline][sample]
    replies = [_reply(board.records[method][sample]) for method in board.found.methods]
    return {
        "id": sample, "depth": None if one.depth is None else round(one.depth, 4), "tokens": one.n_tokens, "document": one.cluster,
        "expected": list(one.targets), "prompt": prompts.get(sample, ""), "replies": replies,
    }  # fmt: skip


def _reply(record: Record) -> list[Any]:
    """[score, reason, extracted answer, reply]"""
    return [record.score, record.reason, record.answer, cut(record.reply, LONGEST_REPLY)]


def cut(text: str, most: int) -> str:
    """A text, or its beginning and how long it is."""
    return text if len(text) <= most else f"{text[:most]} … [{len(text):,} characters in all]"


def _prompts(board: ModelBoard, runs: list[Run]) -> dict[str, str]:
    """sample id → the ends of its prompt, from the baseline's sample files."""
    found = {}
    for run in runs:
        if run.model != board.name or run.method != board.found.baseline:
            continue
        for name in run.files:
            if not name.startswith("samples_"):
                continue
            with open_lines(run.folder / name) as lines:
                for number, line in enumerate(lines, 1):
                    row = json.loads(line)
                    try:
                        found[row["doc"]["sample_id"]] = _ends(str(row["arguments"]["gen_args_0"]["arg_0"]))
                    except (KeyError, TypeError, IndexError) as error:
                        raise SealError(f"{run.folder / name}, line {number}: no prompt under arguments; the file is damaged") from error
    return found


def _ends(prompt: str) -> str:
    if len(prompt) <= 2 * PROMPT_ENDS + 100:
        return prompt
    left_out = len(prompt) - 2 * PROMPT_ENDS
    return f"{prompt[:PROMPT_ENDS]}\n… [{left_out:,} characters, in the result file] …\n{prompt[-PROMPT_ENDS:]}"


def _data(value: Any) -> str:
    """JSON that is also JavaScript."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
