"""The whole of a multimodal checkpoint, of which `load_model` may load only the text decoder."""

from typing import Any

import torch

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.models.loading import loading
from seal_eval.models.quantised import forget_quantisation, set_dequantised
from seal_eval.models.whole_checkpoint import from_whole


def whole_model(name: str, model: Any) -> Any:
    """Return the checkpoint in the class that its configuration names, with the text decoder's weights replaced by those of `model`.

    Returns `model` itself where that is the class already. Raises SealError when a weight of `model` has no place in it.
    """
    import transformers

    place = resolve(name)
    if type(model).__module__.startswith("transformers_modules"):  # code of the checkpoint's own
        return model
    with loading(name):
        config = transformers.AutoConfig.from_pretrained(place)
    named = (getattr(config, "architectures", None) or [""])[0]
    cls = getattr(transformers, named, None)
    if cls is None or isinstance(model, cls) or not named.endswith("ForConditionalGeneration"):
        return model
    with loading(name):
        set_dequantised(config, name)
        whole = from_whole(cls, place, name, config=config, dtype=model.dtype, use_safetensors=True).eval()
    forget_quantisation(whole, name)
    put_text(whole, model, name)
    return whole


@torch.no_grad()
def put_text(whole: Any, model: Any, name: str) -> None:
    """Copy the weights of the text decoder `model` into the model that holds one, in place."""
    places = {key.replace("language_model.", ""): weight for key, weight in whole.state_dict().items()}
    for key, weight in model.state_dict().items():
        place = places.get(key)
        if place is None or place.shape != weight.shape:
            raise SealError(
                f"{type(whole).__name__} of '{name}' has no place for {key}, {list(weight.shape)}, of its text decoder; "
                "name a checkpoint of the text model alone"
            )
        place.copy_(weight)
