"""Compare recipes of tuning: what each gains at up to eight times its length and on other formats, what it costs, how long it takes.

    python benchmarks/recipes.py docs/recipes.jsonl --model smollm2-135m-instruct --seeds 0 1 2 [--recipes fixed mixed …]
    python benchmarks/recipes.py docs/recipes.jsonl --table          # the table of what OUT holds

Each run (model, recipe, method, seed) is a line of OUT, never repeated. Accuracy is measured on evaluation samples that share nothing with
the training samples; an answer counts when each of its tokens is the model's likeliest, as in greedy decoding. Ten questions ask about each
record. Perplexity is that of 32 addresses that tuning has not seen. Runs in bf16 on two threads.
"""

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from run_log import log, logged, markdown

from seal_eval.models.loading import load_model
from seal_eval.models.window import window_of
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import get_task
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.forgetting import perplexity, short_questions_right
from seal_eval.tuning.loop import learn
from seal_eval.tuning.losses import record_answered
from seal_eval.tuning.parameters import trainable
from seal_eval.tuning.records import in_groups

MIXED: dict[str, Any] = {"recipe": "mixed", "length": 2400}
RECIPES: dict[str, dict[str, Any]] = {
    "fixed": {"recipe": "fixed", "length": 600},
    "mixed": MIXED,
    "mixed, 12 records, lr .04": MIXED | {"samples": 12, "lr": 0.04},  # the quick start's
    "mixed, 12 records, all wordings": MIXED | {"samples": 12, "lr": 0.04, "wordings": "all"},
    "mixed, all wordings": MIXED | {"wordings": "all"},
    "mixed, one question": MIXED | {"questions": 1},
    "mixed, validated at 4,800": MIXED | {"validate_on": "seal_lines:4800"},
    "2,048, 6 questions": {"recipe": "fixed", "length": 2048, "samples": 24, "questions": 6, "validation": 2},
}
METHODS: dict[str, dict[str, Any]] = {"seal": {}, "seal-h": {"granularity": "head"}, "lora": {"method": "lora"}, "dora": {"method": "dora"}}
OWN: dict[str, Any] = {"questions_per_record": 10}
TABLE = OWN | {"phrasing": 2}
# name → (task, settings, with chat template, length, questions)
ASKED: dict[str, tuple[str, dict[str, Any], bool, int, int]] = {
    "lines 512": ("seal_lines", OWN, False, 512, 60),
    "lines 2048": ("seal_lines", OWN, False, 2048, 60),
    "lines 4096": ("seal_lines", OWN, False, 4096, 60),
    "lines 8192": ("seal_lines", OWN, False, 8192, 20),
    "table, chat 2048": ("seal_lines", TABLE, True, 2048, 60),
    "needles 2048": ("seal_needle_multikey", {}, False, 2048, 12),
}


def accuracies(model: Any, tokenizer: Any, chat_template: bool) -> dict[str, str]:
    """Return {name: "RIGHT/N"} for the evaluations of ASKED. chat_template: whether the model has one; raw prompts otherwise."""
    right = {}
    for name, (task, settings, chat, length, n) in ASKED.items():
        prompt_format = PromptFormat(tokenizer, PromptSettings(chat_template=chat and chat_template))
        samples = replace(get_task(task), **settings).build(prompt_format, length, n, 0)  # type: ignore[type-var]
        records = in_groups(samples, settings.get("questions_per_record", 1))
        answers = [right for record in records for _, right in record_answered(model, prompt_format, record)]
        right[name] = f"{sum(answers)}/{len(answers)}"
    return right


def measured(model: Any, tokenizer: Any) -> dict[str, Any]:
    """Return accuracies, perplexity and short questions right of the model as it is now, and how long that took."""
    began = time.perf_counter()
    short = short_questions_right(model, tokenizer)
    asked = accuracies(model, tokenizer, bool(tokenizer.chat_template))
    return asked | {
        "perplexity": perplexity(model, tokenizer, 32), "short": f"{sum(short)}/{len(short)}", "seconds": time.perf_counter() - began,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Return the runs as Markdown, one table for each model."""
    tables = []
    for model in dict.fromkeys(row["model"] for row in rows):
        columns = ["recipe", "method", "seed", *ASKED, "prose", "short questions", "steps", "tokens", "s"]
        body = []
        own = [row for row in rows if row["model"] == model]
        plain = next(row for row in own if row["recipe"] == "plain")["test"]
        for row in own:
            test, tuned = row["test"], row["recipe"] != "plain"
            cells = [row["recipe"], row["method"] if tuned else "–", str(row["seed"]) if tuned else "–", *(test[key] for key in ASKED)]
            cells += [f"{100 * (test['perplexity'] / plain['perplexity'] - 1):+.2f} %" if tuned else "–", test["short"]]
            cells += [str(row["steps"]), f"{row['tokens']:,}", f"{row['seconds']:.0f}"] if tuned else ["–"] * 3
            body.append(cells)
        tables.append(f"{model}:\n\n{markdown(columns, body)}")
    return "\n\n".join(tables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the file of runs, JSON Lines")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["seal"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--table", action="store_true", help="print the table of OUT and do nothing else")
    args = parser.parse_args()

    if not args.table:
        torch.set_num_threads(2)
        model, tokenizer = load_model(args.model, "bfloat16")
        done = {(row["model"], row["recipe"], row["method"], row["seed"]) for row in logged(args.out)}
        wanted = [("plain", "", 0), *((r, m, s) for s in args.seeds for m in args.methods for r in args.recipes)]
        for recipe, method, seed in wanted:
            if (args.model, recipe, method, seed) in done:
                continue
            run = {"model": args.model, "recipe": recipe, "method": method, "seed": seed}
            if recipe == "plain":
                run |= {"test": measured(model, tokenizer)}
            else:
                spec = TuneSpec(**(RECIPES[recipe] | METHODS[method]), seed=seed, dtype="bfloat16")
                with trainable(model, spec) as trained:
                    learned = learn(model, PromptFormat(tokenizer), spec, trained, window=window_of(args.model), progress=True)
                    with trained.on():
                        test = measured(model, tokenizer)
                run |= {
                    "test": test, "settings": asdict(spec), "kept": learned.kept.as_json(), "seconds": learned.seconds,
                    "steps": len(learned.log), "stopped_early": learned.stopped_early,
                    "tokens": sum(int(entry["n_tokens"]) for entry in learned.log), "frontier": [c.as_json() for c in learned.measured],
                }  # fmt: skip
            log(args.out, run)
            print(recipe, method, seed, run["test"], f"{run.get('seconds', 0):.0f} s", flush=True)
    print(table(logged(args.out)))


if __name__ == "__main__":
    main()
