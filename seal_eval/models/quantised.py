"""Load quantised checkpoints with their weights in bf16, so that a changed model can be saved without scales."""

from typing import Any

from seal_eval.core.errors import SealError

UNDONE_AT_LOAD = ("fp8", "mxfp4", "compressed-tensors")  # kinds that transformers can dequantise while it loads them


def quantisation(config: Any) -> str:
    """Return the kind of a configuration's quantisation ('fp8', 'gptq', …), '' when the weights are not quantised."""
    found = getattr(config, "quantization_config", None) or getattr(config.get_text_config(), "quantization_config", None)
    settings = found if isinstance(found, dict) else vars(found) if found else {}
    kind = settings.get("quant_method", "an unnamed kind") if found else ""
    return str(getattr(kind, "value", kind))


def set_dequantised(config: Any, name: str) -> None:
    """Change a configuration so that transformers dequantises the weights. Raises SealError for a kind that it cannot undo."""
    kind = quantisation(config)
    if kind and (kind not in UNDONE_AT_LOAD or not isinstance(getattr(config, "quantization_config", None), dict)):
        raise SealError(
            f"model '{name}' is quantised with {kind}, and its weights cannot be written back in bf16; "
            "name the checkpoint that it was quantised from, or run the adapter unmerged (seal-eval run)"
        )
    if kind:
        config.quantization_config = {**config.quantization_config, "dequantize": True}


def forget_quantisation(model: Any, name: str) -> None:
    """Let `save_pretrained` write a dequantised model as it is in memory. Raises SealError if quantised weights are left."""
    scales = ("weight_scale", "weight_scale_inv", "weight_packed")
    for key, weight in model.state_dict().items():
        if (weight.is_floating_point() and weight.element_size() < 2) or key.endswith(scales):
            raise SealError(f"model '{name}': {key} is still quantised ({weight.dtype}); name the checkpoint that it was quantised from")
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    # saving applies the conversions of loading backwards; those of a quantised checkpoint would quantise again
    if any("equanti" in type(operation).__name__ for operation in _operations(model)):
        model._weight_conversions = None


def _operations(model: Any) -> list[Any]:
    conversions = getattr(model, "_weight_conversions", None) or []
    return [operation for conversion in conversions for operation in getattr(conversion, "operations", None) or []]
