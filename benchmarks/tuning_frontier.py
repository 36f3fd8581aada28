"""Measure what tuning runs with different settings gain in retrieval and cost in perplexity. Each run is a line of OUT, never repeated.

    python benchmarks/tuning_frontier.py docs/tuning-frontier.jsonl [NAME …]

Accuracy is measured on evaluation samples: an answer counts when each of its tokens is the model's likeliest, as in greedy decoding.
Perplexity is that of 32 addresses that tuning has not seen. A run is measured with the parameters it keeps. The table is printed, and its
figures are written next to OUT.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from run_log import log, logged, markdown

from seal_eval.core.figure import THEMES
from seal_eval.leaderboard.figures import pareto
from seal_eval.models.loading import load_model
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.stats.intervals import wilson
from seal_eval.tasks import get_task
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.forgetting import perplexity, short_questions_right
from seal_eval.tuning.loop import learn
from seal_eval.tuning.losses import answered
from seal_eval.tuning.parameters import trainable

MODEL = "smollm2-135m-instruct"
BASE = {"length": 600, "dtype": "bfloat16"}
RUNS: dict[str, dict[str, Any]] = {
    "kl 1": {"kl": 1.0},
    "kl 3": {"kl": 3.0},
    "kl 10": {"kl": 10.0},
    "kl 30": {"kl": 30.0},
    "kl 0": {"kl": 0.0},
    "kl 0, shrink 30": {"kl": 0.0, "shrink": 30.0},
    "kl 10, lr .01": {"kl": 10.0, "lr": 0.01},
    "kl 10, lr .05": {"kl": 10.0, "lr": 0.05},
    "head, kl 10, lr .02": {"granularity": "head", "kl": 10.0, "lr": 0.02},
    "head, kl 10, lr .05": {"granularity": "head", "kl": 10.0, "lr": 0.05},
    "lora, kl 10, lr .002": {"method": "lora", "kl": 10.0, "lr": 2e-3},
    "dora, kl 10, lr .002": {"method": "dora", "kl": 10.0, "lr": 2e-3},
    "lora, kl 10, lr .0005": {"method": "lora", "kl": 10.0, "lr": 5e-4},
    "kl 10, seed 1": {"kl": 10.0, "seed": 1},
    "kl 10, seed 2": {"kl": 10.0, "seed": 2},
}
ASKED = (("seal_lines", 600, 40), ("seal_lines", 1200, 20))


def accuracies(model: Any, prompt_format: PromptFormat) -> dict[str, str]:
    """Return {"TASK@LENGTH": "RIGHT/N"} for the evaluations of ASKED."""
    accuracy = {}
    for task, length, n in ASKED:
        right = sum(answered(model, prompt_format, sample)[1] for sample in get_task(task).build(prompt_format, length, n, 0))
        accuracy[f"{task}@{length}"] = f"{right}/{n}"
    return accuracy


def measured(model: Any, prompt_format: PromptFormat) -> dict[str, Any]:
    """Return accuracies, perplexity and short questions right of the model as it is now."""
    right = short_questions_right(model, prompt_format.tokenizer)
    return {
        **accuracies(model, prompt_format),
        "perplexity": perplexity(model, prompt_format.tokenizer, 32),
        "short": f"{sum(right)}/{len(right)}",
    }


def table(out: Path) -> str:
    """Return the runs of `out` as a Markdown table, in file order."""
    rows = logged(out)
    plain = rows[0]["test"]
    evaluations = [key for key in plain if "@" in key]
    body = []
    for row in rows:
        test, rise = row["test"], 100 * (row["test"]["perplexity"] / plain["perplexity"] - 1)
        cells = (
            [f"{rise:+.2f} %", test["short"], f"{row['kept']['share']:g}", f"{row['seconds']:.0f}"]
            if "kept" in row
            else ["–", test["short"], "–", "–"]
        )
        body.append([row["name"], f"{row.get('parameters', 0):,}", *(test[key] for key in evaluations), *cells])
    return markdown(["run", "trained", *evaluations, "prose", "short questions", "share", "s"], body)


def pictures(out: Path) -> None:
    """Write figures of accuracy against the rise of perplexity, one per length and theme, as OUT-LENGTH-THEME.svg (OUT without suffix)."""
    plain, *rows = logged(out)
    for key in (key for key in plain["test"] if "@" in key):
        points = []
        for row in [plain, *rows]:
            right, n = map(int, row["test"][key].split("/"))
            points.append((row["name"], row["test"]["perplexity"] / plain["test"]["perplexity"] - 1, wilson(right, n)))
        for theme in THEMES:
            text = pareto(points, theme, "rise of the perplexity of unseen prose", f"correct, {key.replace('@', ' at ')} tokens")
            out.with_name(f"{out.stem}-{key.partition('@')[2]}-{theme}.svg").write_text(text)


def main(out: Path, names: list[str]) -> None:
    """Do the runs called `names` (all of RUNS when empty) that `out` lacks, print the table, and write the figures."""
    torch.set_num_threads(2)
    done = [row["name"] for row in logged(out)]
    model, tokenizer = load_model(MODEL, BASE["dtype"])
    prompt_format = PromptFormat(tokenizer)

    def keep(name: str, line: dict[str, Any]) -> None:
        log(out, {"name": name, **line})
        print(name, {k: v for k, v in line.items() if k not in ("frontier", "settings")}, flush=True)

    if "plain" not in done:
        keep("plain", {"test": measured(model, prompt_format)})
    for name in names or RUNS:
        if name in done:
            continue
        spec = TuneSpec(recipe="fixed", **(BASE | RUNS[name]))
        with trainable(model, spec) as trained:
            learned = learn(model, prompt_format, spec, trained, progress=True)
            with trained.on():
                test = measured(model, prompt_format)
            line = {
                "settings": asdict(spec), "test": test, "kept": learned.kept.as_json(), "plain": learned.plain.as_json(),
                "seconds": learned.seconds, "steps": len(learned.log), "frontier": [p.as_json() for p in learned.measured],
                "parameters": sum(p.numel() for p in trained.parameters()),
            }  # fmt: skip
        keep(name, line)
    print(table(out))
    pictures(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
