"""Compare our engine with stock `--model hf` on the same prompts, model and machine: time, and how many replies are equal.

    python benchmarks/prefix_sharing.py [--dtype float32] [--rows needle LongEval] >> docs/prefix-sharing.txt      (all: 15 minutes)

Each row runs stock lm-eval at batch size 1, then our engine at 1 and at 8, in one process. Each engine answers one warm-up sample first.
Only generation is timed. All get the same stop string and budget: else ours stops where a begun answer ends.
"""

import argparse
import contextlib
import sys
import time
from typing import Any

from seal_eval.models.hub import resolve

MODEL = "smollm2-135m-instruct"
# (label, task, metadata)
ROWS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("lines, 10 questions a record, 2K", "seal_lines", {"lengths": [2048], "num_samples": 20, "questions_per_record": 10}),
    ("lines, 20 questions a record, 4K", "seal_lines", {"lengths": [4096], "num_samples": 20, "questions_per_record": 20}),
    ("needle, 11 depths, twice a text, 2K", "seal_needle", {"lengths": [2048], "num_samples": 22, "depths_per_haystack": 22}),
    ("needle, texts of their own, 2K", "seal_needle", {"lengths": [2048], "num_samples": 20}),
    ("LongEval lines, own records", "seal_longeval_lines", {"lines": [100], "num_samples": 8}),
)


def answers(engine: Any, task: str, metadata: dict[str, Any]) -> tuple[float, list[str]]:
    """Run a task; return (seconds spent in generation, replies in document order)."""
    import lm_eval

    spent = 0.0
    stock = engine.generate_until

    def timed(*args: Any, **kwargs: Any) -> list[str]:
        nonlocal spent
        start = time.perf_counter()
        replies = stock(*args, **kwargs)
        spent += time.perf_counter() - start
        return list(replies)

    engine.generate_until = timed
    with contextlib.redirect_stdout(sys.stderr):
        done = lm_eval.simple_evaluate(
            model=engine, tasks=[task], log_samples=True, metadata={"pretrained": resolve(MODEL), **metadata}, bootstrap_iters=0,
            gen_kwargs={"until": ["\n"], "max_gen_toks": 32},
        )  # fmt: skip
    engine.generate_until = stock
    rows = sorted(done["samples"][task], key=lambda row: row["doc_id"])
    return spent, [row["filtered_resps"][0] for row in rows]


def main() -> None:
    """Print one line per row of ROWS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rows", nargs="+", default=[""], metavar="WORD", help="only rows whose name has one of these words")
    args = parser.parse_args()
    import torch
    from lm_eval.models.huggingface import HFLM

    from seal_eval.harness.machine import hardware
    from seal_eval.harness.seal_lm import SealLM

    device = "cuda" if torch.cuda.is_available() else "cpu"
    stock = HFLM(pretrained=resolve(MODEL), device=device, dtype=args.dtype, batch_size=1)
    one = SealLM(pretrained=MODEL, device=device, dtype=args.dtype, batch_size=1)
    eight = SealLM(pretrained=MODEL, device=device, dtype=args.dtype, batch_size=8)
    print(f"{MODEL}, {args.dtype}, {hardware()}, {torch.get_num_threads()} threads")
    print(f"{'':36}{'stock hf':>10}{'batch 1':>10}{'ratio':>8}{'same':>8}{'batch 8':>10}{'ratio':>8}{'same':>8}")
    for label, task, metadata in (row for row in ROWS if any(word in row[0] for word in args.rows)):
        for engine in (stock, one, eight):
            answers(engine, task, metadata | {"num_samples": 1})
        stock_seconds, stock_replies = answers(stock, task, metadata)
        line = f"{label:36}{stock_seconds:>8.1f} s"
        for engine in (one, eight):
            seconds, replies = answers(engine, task, metadata)
            same = sum(a == b for a, b in zip(stock_replies, replies, strict=True))
            line += f"{seconds:>8.1f} s{stock_seconds / seconds:>7.2f}×{f'{same}/{len(replies)}':>8}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
