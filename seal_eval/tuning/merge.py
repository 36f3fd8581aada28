"""Write a tuned or extended model as an ordinary checkpoint: adapter folded into the weights, rotary settings in the configuration."""

from pathlib import Path
from typing import Any

from seal_eval.baselines import Composed, extended, method_of
from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, new_folder, read_object, write_json
from seal_eval.core.plugins import Method
from seal_eval.models.adapters import adapter_tensors, fold, load_scales
from seal_eval.models.loading import load_model
from seal_eval.models.modules import text_config
from seal_eval.models.rope import rotary_modules


def export(model_name: str, out: Path, adapter: str = "", on: str = "") -> None:
    """Write a checkpoint that transformers, vLLM and llama.cpp's converter can load into the new folder `out`.

    adapter: folder with SEAL scales, LoRA or DoRA. Scales are multiplied into the weights in fp32 and rounded once; peft merges the others.
    on: method whose rotary frequencies do not depend on the prompt, such as 'yarn,factor=4'; written to the configuration as
    `rope_parameters`. Raises SealError when neither is given, when a configuration cannot express the method, and when `out` exists.
    """
    if not adapter and not on:
        raise SealError("nothing to merge: name an --adapter, a method to run --on, or both")
    method = method_of(on)
    card = Path(adapter) / CARD
    with new_folder(out) as scratch:
        model, tokenizer = load_model(model_name)
        if adapter:
            model = folded(model, adapter)
        if on:
            set_rope(model, method, on)
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        folded_card = read_object(card) if adapter and card.is_file() else {"adapter": adapter or None}
        write_json(scratch / CARD, {"folded": folded_card, "on": on})


def folded(model: Any, adapter: str) -> Any:
    """Return the model with an adapter folded into its weights; the model passed in is changed."""
    config, _ = adapter_tensors(adapter)
    if config.get("peft_type") == "IA3":
        fold(model, load_scales(adapter, model))
        return model
    from seal_eval.models.lora import merged

    return merged(model, adapter, bool(config.get("use_dora")))


def set_rope(model: Any, method: Method, on: str) -> None:
    """Write the method's rotary parameters and its extended window into the model's configuration.

    Raises SealError for a method that changes more than rotary frequencies, or whose frequencies follow the prompt's length. `on`: the
    method as the user wrote it, for the message.
    """
    parts = method.parts if isinstance(method, Composed) else (("", method),)
    config = text_config(model)
    with method.apply(model):
        modules = [module for _, _, module in rotary_modules(model)]
        fixed = all(part.changes == "rope" for _, part in parts)
        if not fixed or any(module._forward_pre_hooks for module in modules):
            why = "its frequencies follow the prompt's length" if fixed else "it changes more than rotary frequencies"
            raise SealError(f"--on {on}: no configuration can hold this method, {why}; use linear, ntk or yarn, or keep it with method=")
        parameters = modules[0].config.rope_parameters
    config.max_position_embeddings = extended(method, config.max_position_embeddings)
    config.rope_parameters = parameters
