"""Write a tuned or extended model as an ordinary checkpoint: adapter folded into the weights, rotary settings in the configuration."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from seal_eval.baselines import extended, method_of
from seal_eval.core.applied import method_applied
from seal_eval.core.errors import SealError, first_line
from seal_eval.core.files import CARD, read_object, write_json
from seal_eval.core.folders import new_folder
from seal_eval.core.plugins import Method
from seal_eval.core.streams import warn
from seal_eval.models.adapters import about, adapter_tensors, fold, load_scales, scaled
from seal_eval.models.base_weights import base_difference, peft_name
from seal_eval.models.composed import parts_of
from seal_eval.models.hub import resolve
from seal_eval.models.loading import load_model
from seal_eval.models.modules import text_config
from seal_eval.models.placement import check_in_memory
from seal_eval.models.quantised import quantisation
from seal_eval.models.rope import ORIGINAL, one_width, rotary_modules
from seal_eval.models.selftest import check_method
from seal_eval.models.tuned_on import on_difference, warning
from seal_eval.models.whole import whole_model
from seal_eval.models.window import lengths_in, window_in, window_of
from seal_eval.tuning.left_behind import left_behind, narrowed
from seal_eval.tuning.model_card import README, checkpoint_readme
from seal_eval.tuning.older_readers import write_old_rope
from seal_eval.tuning.read_back import check_checkpoint, logits, probe_ids, refuse_without_effect, tolerance, vocabulary, weight_hashes
from seal_eval.tuning.side_files import copy_side_files


def export(model_name: str, out: Path, adapter: str = "", on: str = "", trust_remote_code: bool = False, device_map: str = "") -> None:
    """Write a checkpoint that transformers, vLLM and llama.cpp's converter can load into the new folder `out`.

    adapter: folder with SEAL scales, LoRA or DoRA. Scales are multiplied into the weights in fp32 and rounded once; peft merges the others.
    on: method whose rotary frequencies do not depend on the prompt, such as 'yarn,factor=4'; written to the configuration as
    `rope_parameters`, and under the names of transformers 4. A quantised checkpoint is written in bf16. A multimodal one keeps its class
    and all its weights. Files besides weights and configuration are copied, and stderr tells of weights that are not. Before `out` appears,
    the checkpoint is loaded again, and its weights and a forward pass are compared. Raises SealError when neither is given, when the method
    fails its self-test, when a configuration cannot express it, when a device map leaves weights out of memory, when what was written
    differs from what was meant, and when `out` exists.
    """
    from transformers import AutoConfig

    if not adapter and not on:
        raise SealError("nothing to merge: name an --adapter, a method to run --on, or both")
    method, place = method_of(on), resolve(model_name)
    card = Path(adapter) / CARD
    with new_folder(out) as scratch:
        model, tokenizer = load_model(model_name, trust_remote_code=trust_remote_code, dequantised=True, device_map=device_map)
        check_in_memory(model, model_name)
        source = AutoConfig.from_pretrained(place, trust_remote_code=trust_remote_code)
        ids = probe_ids(source, vocabulary(model))
        differs = base_difference(adapter, model) | said_of_method(adapter, method, on, model) if adapter else {}
        check_method(on, method, model)
        rope = rope_settings(model, method, on) if on else {}
        window = extended(method, window_in(model.config) or 1)
        with method_applied(on, method, model):
            with adapted(model, adapter):
                by_adapter = logits(model, ids)
            plain = logits(model, ids)
            if adapter:
                model = folded(model, adapter)
            by_weights = logits(model, ids)
        refuse_without_effect("the folded model", plain, by_adapter, by_weights, "keep the adapter apart, with method=")
        model = whole_model(model_name, model)
        set_config(model, rope, on)
        model.save_pretrained(scratch)
        if on and (read := window_of(str(scratch), trust_remote_code)) != window:
            raise refused(text_config(model), on, f"its window is {read} when it is read again, and {window} was meant")
        write_old_rope(scratch)
        copy_side_files(place, tokenizer, scratch)
        cls, dtype, hashes = type(model), model.dtype, weight_hashes(model)
        del model  # its memory is needed to load the written one
        meant = [(by_weights, tolerance(dtype)), (by_adapter, tolerance(dtype, rounded=True))]
        check_checkpoint(scratch, cls, hashes, ids, meant, trust_remote_code)
        folded_card = read_object(card) if adapter and card.is_file() else {"adapter": adapter or None}
        made = {"folded": folded_card, "on": on, "base_model": peft_name(model_name), **differs}
        if adapter:
            made["adapter_sha256"] = about(adapter)["adapter_sha256"]
        write_json(scratch / CARD, made)
        compared = Path(place).is_dir() and not quantisation(source)
        lost, rounded = (look(Path(place), scratch) if compared else [] for look in (left_behind, narrowed))
        (scratch / README).write_text(checkpoint_readme(made, made["base_model"]), encoding="utf-8")
    if lost:
        warn(
            f"{out}: {len(lost)} weights of {model_name} are not carried over, because transformers does not load them: {lost[0]} and so on"
        )
    if rounded:
        warn(f"{out}: {len(rounded)} weights of {model_name} have fewer bits here, as when transformers loads it: {rounded[0]} and so on")
    if kind := quantisation(source):
        warn(f"{out}: the weights of {model_name} are quantised ({kind}); here they are bf16, without quantization_config")


def said_of_method(adapter: str, method: Method, on: str, model: Any) -> dict[str, Any]:
    """Return what the card records when the adapter was tuned on another method than `on`, after a warning on stderr."""
    parts = parts_of(on.partition(",")[0], method) if on else ()
    differs = on_difference(adapter, parts, model)
    if differs:
        warn(warning(adapter, differs))
    return differs


def adapted(model: Any, adapter: str) -> Any:
    """Context manager: inside it the model runs with an adapter folder, without a change to its weights; with '' as it is."""
    if not adapter:
        return nullcontext()
    config, _ = adapter_tensors(adapter)
    if config.get("peft_type") == "IA3":
        return scaled(model, load_scales(adapter, model))
    from seal_eval.models.lora import applied

    return applied(model, adapter, bool(config.get("use_dora")))


def folded(model: Any, adapter: str) -> Any:
    """Return the model with an adapter folded into its weights; the model passed in is changed."""
    config, _ = adapter_tensors(adapter)
    if config.get("peft_type") == "IA3":
        fold(model, load_scales(adapter, model))
        return model
    from seal_eval.models.lora import merged

    return merged(model, adapter, bool(config.get("use_dora")))


def rope_settings(model: Any, method: Method, on: str) -> dict[str, Any]:
    """Return the fields of the text configuration that make a rotary method permanent: rotary parameters and the extended window.

    Raises SealError for a method that changes more than rotary frequencies, or whose frequencies follow the prompt's length. `on`: the
    method as the user wrote it, for the message.
    """
    config = text_config(model)
    with method_applied(on, method, model):
        modules = [module for _, _, module in rotary_modules(model)]
        fixed = all(part.changes == "rope" for _, part in parts_of("", method))
        if not fixed or any(module._forward_pre_hooks for module in modules):
            why = "its frequencies follow the prompt's length" if fixed else "it changes more than rotary frequencies"
            raise SealError(f"--on {on}: no configuration can hold this method, {why}; use linear, ntk or yarn, or keep it with method=")
        used = modules[0].config
    trained = window_in(model.config)
    if trained is None:
        raise refused(config, on, "it names no window to extend")
    found: dict[str, Any] = dict.fromkeys(lengths_in(config), extended(method, trained)) | {"rope_parameters": used.rope_parameters}
    if "model_max_length" in found and "max_position_embeddings" in found:
        found["model_max_length"] = None  # vLLM takes it times the factor, before all others (Command-R)
    if hasattr(config, ORIGINAL) and ORIGINAL in used.rope_parameters:
        found[ORIGINAL] = used.rope_parameters[ORIGINAL]  # when it is read again, it counts before the one in the parameters
    if one_width(config) and getattr(config, "head_dim", 0) is None:
        found["head_dim"] = used.head_dim  # transformers' YaRN reads it (Mixtral)
    if "linear" in rope_types(used.rope_parameters) and "gemma3" not in config.model_type:
        # vLLM and SGLang take the smallest length in a configuration times the factor; transformers ignores this field
        found["max_seq_len"] = trained
    return found


def rope_types(parameters: dict[str, Any]) -> set[str]:
    """Return the types in rope_parameters, which may be given per layer type."""
    inner = [value for value in parameters.values() if isinstance(value, dict)]
    return {str(value.get("rope_type")) for value in (parameters, *inner)}


def set_config(model: Any, fields: dict[str, Any], on: str) -> None:
    """Write fields into the model's text configuration. Raises SealError when the model's configuration does not accept or keep them."""
    config = text_config(model)
    for key, value in fields.items():
        try:
            setattr(config, key, value)
            config.validate_rope() if key == "rope_parameters" else None
        except Exception as error:  # each model has checks of its own
            raise refused(config, on, first_line(error.__cause__ or error)) from error  # type: ignore[arg-type]
    if fields and rope_types(config.rope_parameters) != rope_types(fields["rope_parameters"]):
        raise refused(config, on, f"it turns rope_parameters into type {', '.join(sorted(rope_types(config.rope_parameters)))}")


def refused(config: Any, on: str, why: str) -> SealError:
    """Return the error for a method that the configuration of this kind of model does not express."""
    return SealError(f"--on {on}: the configuration of {config.model_type} cannot hold this method ({why}); keep it with method=")
