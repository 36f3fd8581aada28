"""Why one scale per head gains less than one per channel on a small model: the limits, the rate, or the number of scales.

    python benchmarks/head_scales.py docs/head-scales.jsonl          # runs what OUT lacks, prints the table
    python benchmarks/head_scales.py docs/head-scales.jsonl --table  # the table of what OUT holds
    python benchmarks/head_scales.py docs/head-scales.jsonl --model gemma-3-270m --arms "1 per head, lr 0.1, limited"  # one of the runs

Between SEAL-H (one scale per head) and SEAL-C (one per channel) lie models whose scales are shared by 4 or 16 neighbouring channels of a
head. Each is tuned on the same samples, with and without what limits forgetting (the KL term, and the limit on perplexity). Accuracy is
that of records which share nothing with the training samples; an answer counts when each of its tokens is the model's likeliest, as in
greedy decoding. Perplexity is that of 16 addresses that tuning has not seen. Each run is a line of OUT, never repeated.
"""

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from run_log import log, logged, markdown
from torch import nn

from seal_eval.models.loading import faster_dtype, load_model
from seal_eval.models.modules import head_projections, in_features, n_heads
from seal_eval.models.window import window_of
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.forgetting import perplexity
from seal_eval.tuning.loop import learn
from seal_eval.tuning.losses import record_answered
from seal_eval.tuning.parameters import Gains, frozen
from seal_eval.tuning.records import in_groups

LENGTHS = (600, 2048)
QUESTIONS, RECORDS = 5, 12  # at each length


@dataclass(frozen=True)
class Arm:
    """One way to tune. per_head: scales of each head; limited: the KL term and the limit on perplexity are on."""

    per_head: int
    lr: float  # of 24 steps; the rule for defaults gives .104 for one scale per head and .042 for one per channel
    limited: bool

    @property
    def name(self) -> str:
        return f"{self.per_head} per head, lr {self.lr:g}, {'limited' if self.limited else 'not limited'}"


def arms(width: int) -> list[Arm]:
    """Return all arms for a model whose heads have `width` channels."""
    return [
        Arm(1, 0.1, True), Arm(1, 0.1, False), Arm(1, 0.4, False), Arm(4, 0.1, False), Arm(16, 0.06, False), Arm(width, 0.04, False),
        Arm(width, 0.04, True),
    ]  # fmt: skip


class Shared(Gains):
    """SEAL's scales, each shared by head_dim / `per_head` neighbouring channels of a head."""

    def __init__(self, model: Any, per_head: int) -> None:
        super().__init__(model, per_head=True)
        self.repeats = [width // per_head for width in self.repeats]
        self.delta = [nn.Parameter(torch.zeros(len(one) * per_head, device=one.device)) for one in self.delta]


def measured(model: Any, tokenizer: Any) -> dict[str, Any]:
    """Return right answers at each length and the perplexity of the model as it is now."""
    prompt_format, right = PromptFormat(tokenizer), {}
    for length in LENGTHS:
        task = replace(get_task("seal_lines"), questions_per_record=QUESTIONS)  # type: ignore[call-arg]
        records = in_groups(task.build(prompt_format, length, RECORDS * QUESTIONS, 0), QUESTIONS)
        answers = [ok for record in records for _, ok in record_answered(model, prompt_format, record)]
        right[str(length)] = f"{sum(answers)}/{len(answers)}"
    return right | {"perplexity": perplexity(model, tokenizer, 16)}


def run(model: Any, tokenizer: Any, name: str, arm: Arm, dtype: str) -> dict[str, Any]:
    """Tune one arm and return its line of OUT."""
    limits = {} if arm.limited else {"kl": 0.0, "cost_limit": 1000.0}
    spec = TuneSpec(recipe="fixed", length=600, samples=24, questions=6, validation=2, lr=arm.lr, dtype=dtype, **limits)  # type: ignore[arg-type]
    settings = asdict(spec)
    del settings["granularity"]  # an arm has its own
    with frozen(model):
        trained = Shared(model, arm.per_head)
        learned = learn(model, PromptFormat(tokenizer), spec, trained, window=window_of(name), progress=True)
        with trained.on():
            test = measured(model, tokenizer)
        spread = torch.cat([s.cpu() for s in trained.scales().values()])
    return {
        "arm": arm.name, "scales": sum(d.numel() for d in trained.delta), "settings": settings, "test": test,
        "kept": learned.kept.as_json(), "loss": [entry["loss"] for entry in learned.log], "seconds": learned.seconds,
        "scale_min": float(spread.min()), "scale_max": float(spread.max()),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Return the runs of one model as a Markdown table; the first is plain."""
    plain = rows[0]["test"]
    accuracy = [f"lines {n:,}" for n in LENGTHS]
    columns = ["tuned", "scales", *accuracy, "perplexity", "loss of the last eight steps", "smallest, largest scale"]
    body = []
    for row in rows:
        test = row["test"]
        cells = [row["arm"], f"{row['scales']:,}" if row["scales"] else "–", *(test[str(n)] for n in LENGTHS)]
        if row["scales"]:
            last = row["loss"][-8:]
            cells += [f"{100 * (test['perplexity'] / plain['perplexity'] - 1):+.1f} %", f"{sum(last) / len(last):.2f}"]
            cells += [f"{row['scale_min']:.2f}, {row['scale_max']:.2f}"]
        else:
            cells += ["–"] * 3
        body.append(cells)
    return markdown(columns, body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the file of runs, JSON Lines")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--arms", nargs="+", help="the arms to run; default: all")
    parser.add_argument("--table", action="store_true", help="print the table of OUT and do nothing else")
    args = parser.parse_args()

    def rows() -> list[dict[str, Any]]:
        return [row for row in logged(args.out) if row["model"] == args.model]

    if not args.table:
        torch.set_num_threads(2)
        dtype = faster_dtype()
        model, tokenizer = load_model(args.model, dtype)
        (_, projection), *_ = head_projections(model)
        named = {arm.name: arm for arm in arms(in_features(projection) // n_heads(model))}
        if unknown := set(args.arms or ()) - set(named):
            parser.error(f"unknown arms: {', '.join(sorted(unknown))}; there are: {'; '.join(named)}")
        done = {row["arm"] for row in rows()}
        for label in ("plain", *(args.arms or named)):
            arm = named.get(label)
            if label in done:
                continue
            line = run(model, tokenizer, args.model, arm, dtype) if arm else {"scales": 0, "test": measured(model, tokenizer)}
            log(args.out, {"model": args.model, "dtype": dtype, "arm": label} | line)
            print(label, line["test"], flush=True)
    print(table(rows()))


if __name__ == "__main__":
    main()
