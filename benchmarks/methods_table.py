"""Compare SEAL with other methods, within the model's window and beyond it: tune, evaluate, write a table. Finished work is not repeated.

    python benchmarks/methods_table.py within OUT     # plain, rule, SEAL-H, SEAL-C, LoRA, DoRA, tuned on each task at 600 tokens
    python benchmarks/methods_table.py beyond OUT     # plain, ntk, yarn, self_extend, each with and without SEAL, beyond the window

Results, adapters and maps of heads are written below OUT. The table is printed and written to OUT/WHICH.md.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch

from seal_eval.baselines import method_of
from seal_eval.core.applied import method_applied
from seal_eval.core.errors import SealError
from seal_eval.core.names import safe
from seal_eval.core.types import Estimate, Record, Sample
from seal_eval.harness.run import run
from seal_eval.models.loading import load_model
from seal_eval.models.rope import following_length
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.results.depths import accuracy_of_records
from seal_eval.results.numbers import p_text, percent
from seal_eval.results.records import by_method, load_runs, pair
from seal_eval.stats import choose_test, tango, wilson
from seal_eval.tasks import get_task
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.head_importance import HeadsSpec, head_map
from seal_eval.tuning.losses import answered
from seal_eval.tuning.tune import short_right, tune

QUESTIONS = 20  # per record, beyond the window


@dataclass
class Plan:
    """The model, the tasks, and how methods are tuned and run."""

    model: str
    tasks: tuple[tuple[str, int, int], ...]  # (task, length, samples)
    tuned_at: int = 600  # tokens of a training sample
    dtype: str = "auto"  # of the weights while tuning, and in all of `beyond`
    model_args: str = ""  # more model_args of the evaluation, in `within`
    methods: dict[str, str] = field(default_factory=dict)  # for `beyond`: method → its settings, ",KEY=VALUE…" or ""


def tuned(plan: Plan, out: Path, task: str, name: str, **settings: Any) -> dict[str, Any]:
    """Return the adapter's card, with its folder; tune the adapter first unless the folder exists. `settings` are fields of TuneSpec."""
    folder = out / "adapters" / f"{name}-{task}".replace(",", "+")
    if not folder.is_dir():
        tune(plan.model, TuneSpec(recipe="fixed", task=task, length=plan.tuned_at, dtype=plan.dtype, **settings), folder)
    return {"folder": folder, **json.loads((folder / "seal_eval.json").read_text())}


def evaluated(plan: Plan, out: Path, label: str, model_args: str, task: str, length: int, n: int) -> dict[Any, Any]:
    """Return {sample id: record} of one row on one task and length; run it first unless its results exist."""
    results = out / "results" / safe(label)
    metadata = json.dumps({"lengths": [length], "num_samples": n, "seed": 0})
    done = load_runs(results) if any(results.rglob("results_*.json")) else []
    if (task, length) not in {(r.task, r.length) for finished in done for r in finished.records}:
        all_args = ",".join(filter(None, (f"pretrained={plan.model}", model_args, plan.model_args)))
        run(["--model_args", all_args, "--tasks", task, "--metadata", metadata, "--output_path", str(results)])
        done = load_runs(results)
    (table,) = by_method(done, safe(plan.model)).values()
    return {key: r for key, r in table.items() if (r.task, r.length) == (task, length)}


def within(plan: Plan, out: Path) -> list[str]:
    """Return the table's lines: the methods tuned on each task, and one adapter tuned on all tasks, evaluated on each task."""
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
        for name, settings in kinds.items():
            card = tuned(plan, out, task, safe(name), **settings)
            rows[name] = (f"method={card['method']},adapter={card['folder']}", card)
        mixture = tuned(plan, out, ",".join(dict.fromkeys(t for t, _, _ in plan.tasks)), "mixture")
        rows["SEAL-C, mixture"] = (f"method=seal,adapter={mixture['folder']}", mixture)
        for _, length, n in (t for t in plan.tasks if t[0] == task):
            plain = evaluated(plan, out, "plain", "method=plain", task, length, n)
            for name, (model_args, card) in rows.items():
                records = evaluated(
                    plan, out, f"{name} {task}" if name not in ("plain", "SEAL-C, mixture") else name, model_args, task, length, n
                )
                lines.append(row(f"{task} | {length} | {name}", plain, records, card if name != "plain" else None))
    return lines


def row(head: str, plain: dict[Any, Any], records: dict[Any, Any], card: dict[str, Any] | None) -> str:
    """Return one line of the table. `card`: None for the plain model, {} for a method that is not tuned."""
    pairs = pair(plain, records, ("plain", "other"))
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
    """Return the table's lines: each method alone and with SEAL's scales, which are tuned far below the window.

    Questions on one record share its prefill. An answer counts when each of its tokens is the model's likeliest, as in greedy decoding.
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
    """Return for each of n questions whether its answer is right; evaluate now unless OUT/beyond.jsonl has a line for this case."""
    file = out / "beyond.jsonl"
    case = {"method": method, "task": task, "length": length, "n": n}
    for line in file.read_text().splitlines() if file.is_file() else []:
        if (done := json.loads(line)) | case == done:
            return list(done["right"])
    model, prompt_format = loaded(plan.model, plan.dtype)
    samples = replace(get_task(task), questions_per_record=QUESTIONS).build(prompt_format, length, n, 0)
    began = time.perf_counter()
    with method_applied(method, method_of(method), model):
        right = answered_in_turn(model, prompt_format, samples)
    with file.open("a") as f:
        f.write(json.dumps(case | {"right": right, "seconds": round(time.perf_counter() - began, 1)}) + "\n")
    print(f"{method} {task} {length}: {sum(right)}/{n}", flush=True)
    return right


@cache
def loaded(name: str, dtype: str) -> tuple[Any, PromptFormat]:
    model, tokenizer = load_model(name, dtype)
    return model, PromptFormat(tokenizer)


@torch.no_grad()
def answered_in_turn(model: Any, prompt_format: PromptFormat, samples: Sequence[Sample]) -> list[bool]:
    """Return for each sample whether greedy decoding produces its answer, as `answered` does, but reuse the KV cache of the prompt before.

    Meant for samples that ask several questions about one record: the tokens that two successive prompts share are prefilled once. If
    the model's rotary frequencies follow the text's length, the cache is not reused.
    """
    from transformers import DynamicCache

    if following_length(model):
        return [answered(model, prompt_format, sample)[1] for sample in samples]
    right: list[bool] = []
    cache = DynamicCache(config=model.config)
    cached: list[int] = []
    for sample in samples:
        ids, n_prompt = prompt_format.continued(sample.input, sample.prefix, sample.answer)
        same = len([*takewhile(lambda pair: pair[0] == pair[1], zip(cached, ids[: n_prompt - 1], strict=False))])
        if same < len(cached):
            cache.crop(same - len(cached))  # a negative number removes that many tokens from the end
        rest = torch.tensor([ids[same:]], device=model.device)
        logits = model(rest, past_key_values=cache, use_cache=True, logits_to_keep=len(ids) - n_prompt + 1).logits[0, :-1]
        right.append(bool((logits.argmax(-1) == rest[0, n_prompt - same :]).all()))
        cached = ids
    return right


def difference_of_records(pairs: list[tuple[Record, Record]], level: float = 0.95) -> Estimate:
    """Paired difference method − baseline over (baseline, method) records; a pair with an unscored reply is counted in n_missing.

    Raises SealError when no pair has two scores.
    """
    scored = [(b, m) for b, m in pairs if b.score is not None and m.score is not None]
    if not scored:
        raise SealError(f"no pair of scored replies among {len(pairs)}; the run failed")
    estimate = choose_test.difference(
        [m.score or 0.0 for _, m in scored], [b.score or 0.0 for b, _ in scored], [b.cluster for b, _ in scored], [0] * len(scored), level
    )
    return Estimate(**{**vars(estimate), "n_missing": len(pairs) - len(scored)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("within", "beyond"), help="the model's window")
    parser.add_argument("out", type=Path, help="folder for results, adapters, maps and the table")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--tasks", nargs="+", help="what to evaluate, each as TASK:TOKENS:SAMPLES")
    parser.add_argument("--tuned-at", type=int, default=600, help="tokens of a training sample")
    parser.add_argument("--tune-dtype", default="auto", help="dtype of the frozen weights; with `beyond`, of the evaluation too")
    parser.add_argument("--model-args", default="", help="more model_args of the evaluation, for `within`")
    parser.add_argument("--methods", nargs="+", default=["plain", "ntk,factor=2", "yarn,factor=2", "self_extend,group=4"],
                        help="for `beyond`: methods, each as NAME,KEY=VALUE,…")  # fmt: skip
    args = parser.parse_args()
    default = ["seal_lines:600:64", "seal_needle_multikey:600:64"] if args.which == "within" else ["seal_lines:9216:40"]
    tasks = tuple((t, int(size), int(n)) for t, size, n in (text.split(":") for text in args.tasks or default))
    methods = {name: comma + rest for name, comma, rest in (text.partition(",") for text in args.methods)}
    methods = {name: settings if name != "plain" else "" for name, settings in methods.items()}
    plan = Plan(args.model, tasks, args.tuned_at, args.tune_dtype, args.model_args, methods)
    args.out.mkdir(parents=True, exist_ok=True)
    lines = within(plan, args.out) if args.which == "within" else beyond(plan, args.out)
    text = "\n".join(lines) + "\n"
    (args.out / f"{args.which}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
