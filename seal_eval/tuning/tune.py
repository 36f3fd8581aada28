"""`seal-eval tune`: learn, measure the cost elsewhere, save a PEFT adapter with a card that says everything. A killed run goes on."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from seal_eval import __version__
from seal_eval.baselines import extended, method_of
from seal_eval.core.errors import SealError
from seal_eval.core.files import new_folder
from seal_eval.models.hub import resolve, source
from seal_eval.models.loading import forget_peak, load_model, peak_memory, window_of
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tuning.checkpoint import load_state, save_state, unfinished_run
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.forgetting import perplexity, short_questions_right
from seal_eval.tuning.loop import Learned, course, learn
from seal_eval.tuning.parameters import trainable


def tune(model_name: str, spec: TuneSpec, out: Path, progress: bool = True) -> dict[str, Any]:
    """Learn, measure the cost elsewhere, save a PEFT adapter with its card in the new folder `out`. Returns the card.

    A run that was killed continues when it is asked for again. One that diverges raises SealError after its last good setting is saved.
    """
    for task, _ in spec.mixture():
        get_task(task)
    on = method_of(spec.on)
    wanted = {"model": model_name, "settings": asdict(spec), "seal_eval": __version__}
    with unfinished_run(out) as state, new_folder(out) as folder:
        done = load_state(state, wanted)
        model, tokenizer = load_model(model_name, spec.dtype)
        trained_window = window_of(model_name)
        window = extended(on, trained_window) if trained_window else None
        prompt_format = PromptFormat(tokenizer, chat=spec.chat, system=spec.system)
        with on.apply(model), trainable(model, spec) as trained:
            before = measure_forgetting(model, tokenizer, "before", progress)
            forget_peak()
            learned = learn(model, prompt_format, spec, trained, done, lambda p: save_state(state, p, wanted), window, progress)
            peak = peak_memory()
            with trained.on():
                after = measure_forgetting(model, tokenizer, "after", progress)
            card = make_card(model_name, spec, learned, before, after) | {
                "trained_parameters": sum(p.numel() for p in trained.parameters()),
                "tuning_seconds": round(learned.seconds, 1),
                "peak_memory_bytes": peak,
                "weights_dtype": str(model.dtype).removeprefix("torch."),
                "device": str(model.device),
            }
            card = trained.save(folder, card)
    if learned.diverged:
        raise SealError(f"{learned.diverged}; the setting of step {learned.kept.step} is kept in {out}")
    return card


def measure_forgetting(model: Any, tokenizer: Any, when: str, progress: bool) -> dict[str, Any]:
    """The two measures of what a change costs: perplexity of unseen prose, right answers to short questions."""
    right = short_questions_right(model, tokenizer)
    return {
        "prose_perplexity": perplexity(model, tokenizer, progress=f"perplexity of prose {when}" if progress else ""),
        "short_right": sum(right), "short_n": len(right),
    }  # fmt: skip


def make_card(model_name: str, spec: TuneSpec, learned: Learned, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Everything that repeats the run, and what it gave and cost."""
    import peft
    import transformers

    return {
        "method": spec.method, "seal_eval": __version__, "torch": torch.__version__,
        "transformers": transformers.__version__, "peft": peft.__version__,
        "model": model_name, "model_source": source(resolve(model_name)), **asdict(spec), "lr": spec.rate(), "lr_by_rule": spec.lr is None,
        "optimizer": "AdamW, no weight decay, linear decay to 0, gradient clip 1.0, batch 1",
        "steps": len(learned.log), "stopped_early": learned.stopped_early, "diverged": learned.diverged,
        "prose_perplexity_before": before["prose_perplexity"], "prose_perplexity_after": after["prose_perplexity"],
        "prose_perplexity_ratio": after["prose_perplexity"] / before["prose_perplexity"],
        "short_accuracy_before": before["short_right"] / before["short_n"], "short_accuracy_after": after["short_right"] / after["short_n"],
        "short_questions": before["short_n"], **course(learned),
    }  # fmt: skip


def cost_line(card: dict[str, Any]) -> str:
    """A tuning run's price in one line, from its card."""
    before, after, ratio = (card[f"prose_perplexity_{what}"] for what in ("before", "after", "ratio"))
    what = "scales" if card["method"] == "seal" else "weights"
    return (
        f"{card['trained_parameters']:,} {what} tuned in {card['tuning_seconds']:.0f} s; "
        f"perplexity of prose {before:.2f} → {after:.2f} ({100 * (ratio - 1):+.1f} %), "
        f"short questions right {short_right(card)} of {card['short_questions']}"
    )


def short_right(card: dict[str, Any]) -> str:
    """How many short questions were answered before and after, from a tuning run's card."""
    return " → ".join(f"{card[f'short_accuracy_{when}'] * card['short_questions']:.0f}" for when in ("before", "after"))
