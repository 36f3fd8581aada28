"""Compare lm-eval's RULER tasks with ours on the same model at the same nominal length: accuracy, and the prompts' real lengths.

python benchmarks/ruler_side_by_side.py [--length 1024] [--limit 24] > docs/ruler-side-by-side.txt   (about 15 minutes on two cores)
"""

import argparse
import contextlib
import sys

from seal_eval.models.hub import resolve
from seal_eval.results.numbers import percent
from seal_eval.stats import wilson

MODEL = "smollm2-135m-instruct"
PAIRS = (
    ("niah_single_1", "seal_passkey"), ("niah_multikey_2", "seal_needle_multikey"), ("ruler_vt", "seal_variable_tracking"),
    ("ruler_cwe", "seal_common_words"),
)  # fmt: skip


def run(task: str, metadata: dict[str, object], limit: int) -> tuple[list[float], list[int], str]:
    """Run a task with stock `--model hf`.

    Returns (share of right answers of each document, tokens of its prompt and answer budget together, lm-eval's table cell).
    """
    import lm_eval
    import torch
    from lm_eval.models.huggingface import HFLM

    folder = resolve(MODEL)
    model = HFLM(pretrained=folder, device="cuda" if torch.cuda.is_available() else "cpu")
    done = lm_eval.simple_evaluate(
        model=model, tasks=[task], limit=limit, log_samples=True, metadata={"pretrained": folder, **metadata}, bootstrap_iters=0
    )
    rows = done["samples"][task]
    key = next(k for k in ("recall", str(metadata.get("max_seq_lengths", [0])[0])) if k in rows[0])  # type: ignore[index]
    tokens = [len(model.tok_encode(r["arguments"][0][0])) + r["arguments"][0][1].get("max_gen_toks", 0) for r in rows]
    stderr = done["results"][task].get(f"{key}_stderr,none")
    return [float(r[key]) for r in rows], tokens, f"{done['results'][task][key + ',none']:.3f} ± {stderr}"


def main() -> None:
    """Print one row per task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=1024, help="nominal length in tokens")
    parser.add_argument("--limit", type=int, default=24, help="documents per task")
    args = parser.parse_args()
    print(f"{MODEL}, nominal length {args.length:,} tokens, first {args.limit} documents, stock lm-eval `--model hf`, fp32")
    print(f"{'task':24}{'all right':>24}{'share of targets':>20}{'prompt + budget':>20}   lm-eval's own table")
    for theirs, ours in PAIRS:
        for task, metadata in ((theirs, {"max_seq_lengths": [args.length]}), (ours, {"lengths": [args.length], "num_samples": args.limit})):
            with contextlib.redirect_stdout(sys.stderr):
                shares, tokens, cell = run(task, metadata, args.limit)
            right = percent(wilson(sum(s == 1 for s in shares), len(shares)))
            mean = f"{100 * sum(shares) / len(shares):.1f} %"
            print(f"{task:24}{right:>24}{mean:>20}{f'{min(tokens):,} to {max(tokens):,}':>20}   {cell}", flush=True)


if __name__ == "__main__":
    main()
