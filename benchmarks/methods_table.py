"""SEAL beside the other ways to change a model, within its window and beyond it: tune, run, write a table. What is done is not repeated.

    python benchmarks/methods_table.py within OUT     # plain, rule, SEAL-H, SEAL-C, LoRA, DoRA, tuned on each task at 600 tokens
    python benchmarks/methods_table.py beyond OUT     # plain, ntk, yarn, self_extend, each with and without SEAL, beyond the window

Results, adapters and maps go below OUT; the table is printed and written to OUT/WHICH.md.
"""

import argparse
import json
import time
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from seal_eval.baselines import method_of
from seal_eval.core.names import safe
from seal_eval.harness.run import run
from seal_eval.models.loading import load_model
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.results.depths import accuracy_of_records, difference_of_records
from seal_eval.results.numbers import p_text, percent
from seal_eval.results.records import by_method, load_runs, pair
from seal_eval.stats import tango, wilson
from seal_eval.tasks import get_task
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.head_importance import HeadsSpec, head_map
from seal_eval.tuning.losses import answered_in_turn
from seal_eval.tuning.tune import short_right, tune

QUESTIONS = 20  # of a record beyond the window


@dataclass
class Plan:
    """What is compared on what."""

    model: str
    tasks: tuple[tuple[str, int, int], ...]  # (task, length, samples)
    tuned_at: int = 600
    dtype: str = "auto"  # of the weights while tuning, and beyond the window
    model_args: str = ""  # of the evaluation
    methods: dict[str, str] = field(default_factory=dict)  # row → its model_args


def tuned(plan: Plan, out: Path, task: str, name: str, **own: Any) -> dict[str, Any]:
    """The adapter's card, made now unless it is there."""
    folder = out / "adapters" / f"{name}-{task}".replace(",", "+")
    if not folder.is_dir():
        tune(plan.model, TuneSpec(task=task, length=plan.tuned_at, dtype=plan.dtype, **own), folder)
    return {"folder": folder, **json.loads((folder / "seal_eval.json").read_text())}


def evaluated(plan: Plan, out: Path, label: str, model_args: str, task: str, length: int, n: int) -> dict[Any, Any]:
    """This row's replies on one task, asked now unless they are there."""
    results = out / "results" / safe(label)
    metadata = json.dumps({"lengths": [length], "num_samples": n, "seed": 0})
    done = load_runs(results) if any(results.rglob("results_*.json")) else []
    if (task, length) not in {(r.task, r.length) for one in done for r in one.records}:
        everything = ",".join(filter(None, (f"pretrained={plan.model}", model_args, plan.model_args)))
        run(["--model_args", everything, "--tasks", task, "--metadata", metadata, "--output_path", str(results)])
        done = load_runs(results)
    (table,) = by_method(done, safe(plan.model)).values()
    return {key: r for key, r in table.items() if (r.task, r.length) == (task, length)}


def within(plan: Plan, out: Path) -> list[str]:
    """Every method tuned on each task, and one adapter on all of them, asked each task."""
    lines = [
        "| asked | tokens | method | correct (95 %) | against plain, points | p | parameters | tuning s | peak GB | prose | short |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    kinds = {
        "SEAL-H": {"granularity": "head"}, "SEAL-C": {}, "LoRA r=4": {"method": "lora"}, "DoRA r=4": {"method": "dora"},
    }  # fmt: skip
    for task in dict.fromkeys(task for task, _, _ in plan.tasks):
        rows: dict[str, tuple[str, dict[str, Any]]] = {"plain": ("method=plain", {})}
        heads = out / "heads" / task
        if not heads.is_dir():
            head_map(plan.model, HeadsSpec(task, plan.tuned_at, 2), heads)
        rows["rule ×1.1/×0.9"] = (f"method=rule,heads={heads}", {})
        for name, own in kinds.items():
            card = tuned(plan, out, task, safe(name), **own)
            rows[name] = (f"method={card['method']},adapter={card['folder']}", card)
        both = tuned(plan, out, ",".join(dict.fromkeys(t for t, _, _ in plan.tasks)), "mixture")
        rows["SEAL-C, mixture"] = (f"method=seal,adapter={both['folder']}", both)
        for _, length, n in (t for t in plan.tasks if t[0] == task):
            plain = evaluated(plan, out, "plain", "method=plain", task, length, n)
            for name, (model_args, card) in rows.items():
                found = evaluated(
                    plan, out, f"{name} {task}" if name not in ("plain", "SEAL-C, mixture") else name, model_args, task, length, n
                )
                lines.append(row(f"{task} | {length} | {name}", plain, found, card if name != "plain" else None))
    return lines


def row(head: str, plain: dict[Any, Any], found: dict[Any, Any], card: dict[str, Any] | None) -> str:
    pairs = pair(plain, found, ("plain", "other"))
    cells = [head, percent(accuracy_of_records([m for _, m in pairs]))]
    if card is None:
        return "| " + " | ".join([*cells, *["–"] * 7]) + " |"
    gain = difference_of_records(pairs)
    cells += [percent(gain, sign=True), p_text(gain.p_value)]
    if not card:
        return "| " + " | ".join([*cells, *["–"] * 5]) + " |"
    cells += [
        f"{card['trained_parameters']:,}", f"{card['tuning_seconds']:.0f}", f"{card['peak_memory_bytes'] / 1e9:.1f}",
        f"{100 * (card['prose_perplexity_ratio'] - 1):+.1f} %", short_right(card),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def beyond(plan: Plan, out: Path) -> list[str]:
    """Each method alone and with SEAL's scales, tuned far below the window; many questions of a record share its tokens.

    An answer counts when each of its tokens is the model's likeliest, which is when greedy decoding gives it.
    """
    card = tuned(plan, out, plan.tasks[0][0], "SEAL-C")
    lines = ["| asked | tokens | method | alone | with SEAL | SEAL's gain, points | p |", "|---|---|---|---|---|---|---|"]
    for task, length, n in plan.tasks:
        for name, settings in plan.methods.items():
            both = f"{name}+seal{settings}" if name != "plain" else "seal"
            alone = verdicts(plan, out, name + settings, task, length, n)
            scaled = verdicts(plan, out, f"{both},adapter={card['folder']}", task, length, n)
            gain = tango(*(sum((b, a) == pair for a, b in zip(alone, scaled, strict=True)) for pair in PAIRS))
            cells = [task, f"{length:,}", name + settings, *(percent(wilson(sum(v), len(v))) for v in (alone, scaled))]
            lines.append("| " + " | ".join([*cells, percent(gain, sign=True), p_text(gain.p_value)]) + " |")
    return lines


PAIRS = ((True, True), (True, False), (False, True), (False, False))  # (with SEAL, alone)


def verdicts(plan: Plan, out: Path, method: str, task: str, length: int, n: int) -> list[bool]:
    """Which of n questions are answered, asked now unless a line of OUT/beyond.jsonl tells."""
    file = out / "beyond.jsonl"
    asked = {"method": method, "task": task, "length": length, "n": n}
    for line in file.read_text().splitlines() if file.is_file() else []:
        if (done := json.loads(line)) | asked == done:
            return list(done["right"])
    model, prompt_format = loaded(plan.model, plan.dtype)
    samples = replace(get_task(task), questions_per_record=QUESTIONS).build(prompt_format, length, n, 0)
    began = time.perf_counter()
    with method_of(method).apply(model):
        right = answered_in_turn(model, prompt_format, samples)
    with file.open("a") as f:
        f.write(json.dumps(asked | {"right": right, "seconds": round(time.perf_counter() - began, 1)}) + "\n")
    print(f"{method} {task} {length}: {sum(right)}/{n}", flush=True)
    return right


@cache
def loaded(name: str, dtype: str) -> tuple[Any, PromptFormat]:
    model, tokenizer = load_model(name, dtype)
    return model, PromptFormat(tokenizer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("within", "beyond"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--tasks", nargs="+", help="TASK:TOKENS:SAMPLES")
    parser.add_argument("--tuned-at", type=int, default=600, help="tokens of a training sample")
    parser.add_argument("--tune-dtype", default="auto", help="of the frozen weights")
    parser.add_argument("--model-args", default="", help="more model_args of the evaluation")
    parser.add_argument("--methods", nargs="+", default=["plain", "ntk,factor=2", "yarn,factor=2", "self_extend,group=4"])
    asked = parser.parse_args()
    default = ["seal_lines:600:64", "seal_needle_multikey:600:64"] if asked.which == "within" else ["seal_lines:9216:40"]
    tasks = tuple((t, int(size), int(n)) for t, size, n in (text.split(":") for text in asked.tasks or default))
    methods = {name: comma + rest for name, comma, rest in (text.partition(",") for text in asked.methods)}
    methods = {name: settings if name != "plain" else "" for name, settings in methods.items()}
    plan = Plan(asked.model, tasks, asked.tuned_at, asked.tune_dtype, asked.model_args, methods)
    asked.out.mkdir(parents=True, exist_ok=True)
    lines = within(plan, asked.out) if asked.which == "within" else beyond(plan, asked.out)
    text = "\n".join(lines) + "\n"
    (asked.out / f"{asked.which}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
