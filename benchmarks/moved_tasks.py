"""Which tasks does SEAL move? Plain, SEAL-C tuned on lines, SEAL-C and LoRA tuned on the task itself, at two lengths of each task.

    python benchmarks/moved_tasks.py OUT [--tasks key_value qa …] [--dtype bfloat16]     (some two hours on two cores; repeat to go on)
    python benchmarks/moved_tasks.py OUT --table > docs/moved-tasks.txt                    (what OUT holds)

Each task is a suite in OUT/TASK. All adapters are tuned on 12 generated records (`--recipe mixed`) of a quarter of the larger size, half
and all of it in turn, where the task has such sizes; those on lines up to 1,024 tokens. The interval of the right answers is Wilson's;
that of the paired difference from plain, and its p-value, are those of `seal-eval compare`.
"""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from seal_eval.core.types import Run
from seal_eval.results.numbers import p_text, percent
from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs
from seal_eval.stats import wilson

from claims import row

SIZES = {
    "key_value": (512, 1024), "frequent_words": (512, 1024), "qa": (512, 1024), "documents": (5, 10), "graph": (512, 1024),
    "coreference": (512, 1024), "latent": (512, 1024),
}  # fmt: skip
TUNED = "recipe: mixed, samples: 12"
NAMES = {"plain": "plain", "seal(lines)": "SEAL-C, lines", "seal(own)": "SEAL-C, the task", "lora": "LoRA, the task"}
SUITE = """\
name: {task}
models:
  - {{pretrained: {model}, dtype: {dtype}}}
adapters:
  own: {{task: seal_{task}, {tuned}, length: {longest}}}
  own-lora: {{task: seal_{task}, {tuned}, length: {longest}, method: lora}}
methods:
  - plain
  - {{method: seal, adapter: {lines}}}
  - {{method: seal, adapter: own}}
  - {{method: lora, adapter: own-lora}}
tasks:
  - {{task: seal_{task}, sizes: {sizes}, num_samples: {n}}}
batch_size: 8
"""


def run(out: Path, tasks: list[str], model: str, dtype: str, n: int) -> None:
    """Tune on lines once, then run each task's suite; what is done already is not repeated. n: samples at each size."""
    program = str(Path(sys.executable).parent / "seal-eval")
    out.mkdir(parents=True, exist_ok=True)
    lines = (out / "lines").resolve()
    if not lines.exists():
        options = ["--model", model, "--dtype", dtype, "--task", "seal_lines", "--samples", "12", "--length", "1024"]
        subprocess.run([program, "tune", *options, "--out", lines], check=True)
    for task in tasks:
        file = out / f"{task}.yaml"
        sizes = SIZES[task]
        values = {"task": task, "model": model, "dtype": dtype, "tuned": TUNED, "lines": lines, "n": n}
        file.write_text(SUITE.format(longest=max(sizes), sizes=list(sizes), **values))
        subprocess.run([program, "suite", file, "--out", out / task], check=True)


def table(out: Path) -> str:
    """Return one line for each method and size of each task: right answers, and the paired difference from plain."""
    lines = [f"{'task':16}{'size':>6}  {'method':18}{'right':>8}   {'':22}{'− plain, points':26}p"]
    for task, sizes in SIZES.items():
        if not (out / task / "runs").is_dir():
            continue
        runs = load_runs(out / task / "runs")
        for size in sizes:
            asked = [replace(one, records=tuple(r for r in one.records if r.length == size)) for one in runs]
            asked = [one for one in asked if one.records]
            lines += [line(task, size, asked, method) for method in NAMES if any(one.method == method for one in asked)]
    return "\n".join(lines)


def line(task: str, size: int, runs: list[Run], method: str) -> str:
    """Return the row of one method. runs: those of this task and size."""
    scores = [r.score or 0.0 for one in runs if one.method == method for r in one.records]
    right = round(sum(scores))
    text = f"{task:16}{size:>6,}  {NAMES[method]:18}{right:>5}/{len(scores)}   {percent(wilson(right, len(scores))):22}"
    if method == "plain":
        return text.rstrip()
    (paired,) = paired_scores([one for one in runs if one.method in ("plain", method)], "plain")
    compared = row(paired)
    assert compared.difference
    return f"{text}{percent(compared.difference, sign=True):26}{p_text(compared.p_adjusted)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for adapters, suites and results")
    parser.add_argument("--tasks", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("-n", type=int, default=32, help="samples at each size")
    parser.add_argument("--table", action="store_true", help="print the table of OUT and do nothing else")
    args = parser.parse_args()
    if args.table:
        print(table(args.out))
    else:
        run(args.out, args.tasks, args.model, args.dtype, args.n)


if __name__ == "__main__":
    main()
