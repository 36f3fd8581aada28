"""A tuned or extended model as an ordinary checkpoint: adapter folded into the weights, rotary settings in the configuration."""

from pathlib import Path
from typing import Any

from seal_eval.baselines import Composed, extended, method_of
from seal_eval.core.errors import SealError
from seal_eval.core.files import CARD, new_folder, read_json, write_json
from seal_eval.core.types import Method
from seal_eval.models.adapters import adapter_tensors, fold, load_scales
from seal_eval.models.loading import load_model
from seal_eval.models.modules import text_config
from seal_eval.models.rope import rotary_modules


def export(model_name: str, out: Path, adapter: str = "", on: str = "") -> None:
    """Write a checkpoint that transformers, vLLM and llama.cpp's converter load, into the new folder `out`.

    adapter: a folder of SEAL scales, LoRA or DoRA; its product with the weights is taken in fp32 and rounded once.
    on: a method that changes rotary frequencies once and for all, 'yarn,factor=4'; it becomes the configuration's `rope_parameters`.
    Raises SealError for a method that no configuration can hold.
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
        said = read_json(card) if adapter and card.is_file() else {"adapter": adapter or None}
        write_json(scratch / CARD, {"folded": said, "on": on})


def folded(model: Any, adapter: str) -> Any:
    """The model with an adapter in its weights."""
    config, _ = adapter_tensors(adapter)
    if config.get("peft_type") == "IA3":
        fold(model, load_scales(adapter, model))
        return model
    from seal_eval.models.lora import merged

    return merged(model, adapter, bool(config.get("use_dora")))


def set_rope(model: Any, method: Method, on: str) -> None:
    """Put what the method does to the rotary embedding into the model's configuration, and the window it gives."""
    parts = method.parts if isinstance(method, Composed) else (("", method),)
    config = text_config(model)
    with method.apply(model):
        modules = [module for _, _, module in rotary_modules(model)]
        fixed = all(getattr(part, "changes", "") == "rope" for _, part in parts)
        if not fixed or any(module._forward_pre_hooks for module in modules):
            why = "its frequencies follow the prompt's length" if fixed else "it changes more than rotary frequencies"
            raise SealError(f"--on {on}: no configuration can hold this method, {why}; use linear, ntk or yarn, or keep it with method=")
        parameters = modules[0].config.rope_parameters
    config.max_position_embeddings = extended(method, config.max_position_embeddings)
    config.rope_parameters = parameters
