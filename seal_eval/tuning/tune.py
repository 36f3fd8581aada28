"""`seal-eval tune`: train, measure forgetting, save a PEFT adapter with its card. A killed run continues when it is repeated."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from seal_eval import __version__
from seal_eval.baselines import extended, installed_code
from seal_eval.core.applied import method_applied
from seal_eval.core.content import named_files
from seal_eval.core.errors import SealError
from seal_eval.core.files import read_object, write_json
from seal_eval.core.folders import new_folder
from seal_eval.core.settings import key_values
from seal_eval.core.streams import warn
from seal_eval.models.base_weights import FINGERPRINT, peft_name, weights_fingerprint
from seal_eval.models.hub import content, resolve, source
from seal_eval.models.layer_windows import check_reach
from seal_eval.models.loading import forget_peak, load_model, peak_memory
from seal_eval.models.modules import device_of
from seal_eval.models.placement import LOW_BITS
from seal_eval.models.selftest import check_method
from seal_eval.models.window import window_of
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tuning.checkpoint import load_state, save_state, unfinished_run
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.forgetting import perplexity, short_questions_right
from seal_eval.tuning.loop import Learned, course, learn
from seal_eval.tuning.model_card import README, adapter_readme
from seal_eval.tuning.parameters import trainable
from seal_eval.tuning.processes import processes
from seal_eval.tuning.read_back import check_adapter, logits, probe_ids, vocabulary
from seal_eval.tuning.records import check_spec, longest_of, records_within


def tune(
    model_name: str, spec: TuneSpec, out: Path, progress: bool = True, trust_remote_code: bool = False, device_map: str = ""
) -> dict[str, Any]:
    """Train on a frozen model, measure forgetting, save a PEFT adapter with its card in the new folder `out`. Return the card.

    Before `out` appears, stock peft loads the adapter, and a forward pass is compared. trust_remote_code: run the checkpoint's own code.
    device_map: how one process spreads the model over devices (`placement.spread`). The same call continues a run that was killed.
    Processes that torchrun or accelerate started share each batch; the first one writes, and the others return {}.

    Raises SealError before training for an unknown task or method, for an `out` that exists, for other settings or weights than those of
    the unfinished run, and for a method that fails its self-test; and when what was saved differs from what was tuned. A run that diverges
    raises SealError after `out` is written with the candidate that was kept, or without it if there was none.
    """
    on = check_spec(spec)
    settings = key_values("--on", f"method={spec.on}") if spec.on else {}
    files = named_files(settings) | installed_code(str(settings.get("method", "")))
    run_settings = {"model": model_name, "content": content(model_name), "settings": asdict(spec), "files": files, "seal_eval": __version__}
    with ExitStack() as stack:
        group = stack.enter_context(processes())
        if device_map and group.n > 1:
            raise SealError(f"a device map spreads one process over devices, and {group.n} were started; choose one of the two")
        if group.first:
            file, folder = stack.enter_context(unfinished_run(out)), stack.enter_context(new_folder(out))
        done = group.from_first(load_state(file, run_settings) if group.first else None)
        model, tokenizer = load_model(model_name, spec.dtype, trust_remote_code, device_map=device_map)
        trained_window = window_of(model_name, trust_remote_code)
        window = extended(on, trained_window) if trained_window else None
        prompt_format = PromptFormat(tokenizer, PromptSettings(chat_template=spec.chat, system_instruction=spec.system))
        ids = probe_ids(model.config, vocabulary(model))
        check_method(spec.on, on, model, 0)
        with ExitStack() as applied:
            applied.enter_context(method_applied(spec.on, on, model))
            tuned = applied.enter_context(ExitStack())
            trained = tuned.enter_context(trainable(model, spec))
            records = records_within(prompt_format, spec, window)  # a length that does not fit is found before anything is measured
            check_reach(spec.on, on, model, longest_of(records))
            before = measure_forgetting(model, tokenizer, "before", progress) if group.first else {}
            forget_peak()
            save = (lambda run_state: save_state(file, run_state, run_settings)) if group.first else lambda _: None
            learned = learn(model, prompt_format, spec, trained, done, save, window, progress and group.first, group, records)
            if not group.first:
                return {}
            peak = peak_memory()
            with trained.on():
                after = measure_forgetting(model, tokenizer, "after", progress)
            no_better = learned.kept.loss >= learned.plain.loss
            card = (
                make_card(model_name, spec, learned, before, after)
                | ({"no_better_than_plain": True} if no_better else {})
                | {
                    "trained_parameters": sum(p.numel() for p in trained.parameters()),
                    "tuning_seconds": round(learned.seconds, 1),
                    "peak_memory_bytes": peak,
                    "weights_dtype": spec.dtype if spec.dtype in LOW_BITS else str(model.dtype).removeprefix("torch."),
                    "device": str(device_of(model)),
                    "processes": group.n,
                }
            )
            card = trained.save(folder, card)
            name_base_model(folder, model_name)
            (folder / README).write_text(adapter_readme(card, peft_name(model_name)), encoding="utf-8")
            with trained.on():
                meant = logits(model, ids)
            tuned.close()
            check_adapter(folder, model, ids, meant)
    if no_better:
        warn(f"warning: {out} is no better than the model without it: {validation_line(card)}; tune with other settings")
    if learned.diverged:
        raise SealError(f"{learned.diverged}; the setting of step {learned.kept.step} is kept in {out}")
    return card


def name_base_model(folder: Path, model_name: str) -> None:
    """Write into a PEFT folder which model stock peft loads with it, from whatever folder it is started."""
    file = folder / "adapter_config.json"
    write_json(file, read_object(file) | {"base_model_name_or_path": peft_name(model_name)})


def measure_forgetting(model: Any, tokenizer: Any, when: str, progress: bool) -> dict[str, Any]:
    """Return the forgetting checks: perplexity of unseen prose, number of right answers to short questions, number of questions.

    when: 'before' or 'after', for the name of the progress bar.
    """
    right = short_questions_right(model, tokenizer)
    return {
        "prose_perplexity": perplexity(model, tokenizer, progress=f"perplexity of prose {when}" if progress else ""),
        "short_right": sum(right), "short_n": len(right),
    }  # fmt: skip


def make_card(model_name: str, spec: TuneSpec, learned: Learned, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return an adapter's card: versions and settings that reproduce the run, its candidates and log, forgetting before and after."""
    import peft
    import transformers

    return {
        "method": spec.method, "seal_eval": __version__, "torch": torch.__version__,
        "transformers": transformers.__version__, "peft": peft.__version__,
        "model": model_name, "model_source": source(resolve(model_name)), FINGERPRINT: weights_fingerprint(resolve(model_name)),
        **asdict(spec), "lr": spec.rate(), "lr_by_rule": spec.lr is None,
        "optimizer": f"AdamW, no weight decay, linear decay to 0, gradient clip 1.0, batch {spec.batch}",
        "steps": len(learned.log), "stopped_early": learned.stopped_early, "diverged": learned.diverged,
        "prose_perplexity_before": before["prose_perplexity"], "prose_perplexity_after": after["prose_perplexity"],
        "prose_perplexity_ratio": after["prose_perplexity"] / before["prose_perplexity"],
        "short_accuracy_before": before["short_right"] / before["short_n"], "short_accuracy_after": after["short_right"] / after["short_n"],
        "short_questions": before["short_n"], **course(learned),
    }  # fmt: skip


def forgetting_line(card: dict[str, Any]) -> str:
    """Return one line about a tuning run from its card: parameters, time, and the forgetting checks before and after."""
    before, after, ratio = (card[f"prose_perplexity_{key}"] for key in ("before", "after", "ratio"))
    kind = "scales" if card["method"] == "seal" else "weights"
    return (
        f"{card['trained_parameters']:,} {kind} tuned in {card['tuning_seconds']:.0f} s; "
        f"perplexity of prose {before:.2f} → {after:.2f} ({100 * (ratio - 1):+.1f} %), "
        f"short questions right {short_right(card)} of {card['short_questions']}"
    )


def validation_line(card: dict[str, Any]) -> str:
    """Return one line from a tuning run's card: right answers and loss on the validation samples, before and after."""
    plain, kept = card["plain"], card["kept"]
    right, loss = (f"{100 * plain['accuracy']:.0f} % → {100 * kept['accuracy']:.0f} %", f"{plain['loss']:.3g} → {kept['loss']:.3g}")
    return f"right answers to validation samples {right}, loss {loss}"


def short_right(card: dict[str, Any]) -> str:
    """Return 'BEFORE → AFTER': the numbers of short questions answered correctly, from a tuning run's card."""
    return " → ".join(f"{card[f'short_accuracy_{when}'] * card['short_questions']:.0f}" for when in ("before", "after"))
