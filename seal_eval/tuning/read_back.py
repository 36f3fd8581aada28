"""Read back what was written: load it as a user would, and compare a forward pass and every weight with what was meant."""

import copy
import hashlib
import warnings
from pathlib import Path
from typing import Any

import torch

from seal_eval.core.errors import SealError, first_line
from seal_eval.models.adapters import load_scales, scaled
from seal_eval.models.loading import release_memory
from seal_eval.models.lora import restored
from seal_eval.models.modules import device_of, offloaded_weight

PROBE = 48  # tokens of the forward pass
# largest difference from the same weights, in parts of the largest logit; HALF for other dtypes
SAME = {torch.float32: 1e-3, torch.float64: 1e-3}
HALF = 1e-2
ROUNDED = 5  # times as much where an adapter was folded into the weights, which rounds them


def probe_ids(config: Any, n_tokens: int) -> torch.Tensor:
    """Return PROBE token ids [1, PROBE] spread over a vocabulary, without those that a configuration gives a meaning (images, ends)."""
    settings = (vars(config), vars(config.get_text_config()))
    special = {value for named in settings for key, value in named.items() if key.endswith(("_token_id", "_token_index"))
               if isinstance(value, int)}  # fmt: skip
    return torch.tensor([[i for i in ((1 + 7919 * k) % n_tokens for k in range(4 * PROBE)) if i not in special][:PROBE]])


def vocabulary(model: Any) -> int:
    """Return the number of token ids that the model can read."""
    return int(model.get_input_embeddings().weight.shape[0])


@torch.no_grad()
def logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """Return the model's logits [PROBE, vocabulary], fp32 on the CPU, for token ids [1, PROBE]."""
    found = model(input_ids=ids.to(device_of(model)), use_cache=False).logits[0]
    return found.float().cpu()


def difference(meant: torch.Tensor, got: torch.Tensor) -> float:
    """Return how far logits are apart: the largest difference at a token, median over tokens, in parts of the largest logit meant.

    The median, because a router of experts may choose others for one token after rounding. Infinite where either is not finite.
    """
    if meant.shape != got.shape or not (meant.isfinite().all() and got.isfinite().all()):
        return float("inf")
    return float((got - meant).abs().amax(-1).median() / meant.abs().max().clamp_min(1e-30))


def tolerance(dtype: torch.dtype, rounded: bool = False) -> float:
    """Return the largest `difference` that a model of this dtype may show; `rounded` when its weights were rounded after folding."""
    return SAME.get(dtype, HALF) * (ROUNDED if rounded and dtype not in SAME else 1)


def weight_hashes(model: Any) -> dict[str, str]:
    """Return a hash of each weight's values, by name."""
    return {key: _hash(weight) for key, weight in model.state_dict().items()}


def _hash(weight: torch.Tensor) -> str:
    flat = weight.detach().cpu().contiguous().flatten()
    data: Any = flat.view(torch.uint8).numpy() if flat.numel() else b""
    return f"{weight.dtype} {list(weight.shape)} {hashlib.blake2b(data, digest_size=16).hexdigest()}"


def refuse_other(what: str, meant: torch.Tensor, got: torch.Tensor, limit: float, remedy: str) -> None:
    """Raise SealError with the difference when two forward passes differ by more than `limit`."""
    found = difference(meant, got)
    if not found <= limit:
        size = f"differ by {100 * found:.2g} % of the largest" if found < float("inf") else "are not finite, or of another shape"
        raise SealError(f"{what}: its logits {size} from what was meant ({100 * limit:.2g} % allowed); nothing is kept, {remedy}")


def refuse_without_effect(what: str, plain: torch.Tensor, meant: torch.Tensor, got: torch.Tensor, remedy: str) -> None:
    """Raise SealError when `got` does not go from the plain logits where `meant` does: within a tolerance, nothing may have happened.

    Rounding is not along the adapter's effect, so this holds for small effects too. An adapter without any effect passes.
    """
    effect, found = meant - plain, got - plain
    size = float(effect.square().sum())
    share = float((effect * found).sum()) / size if size else 1.0
    if not 0.5 < share < 1.5:
        raise SealError(f"{what} has {100 * share:.0f} % of the adapter's effect on the logits; nothing is kept, {remedy}")


def check_checkpoint(
    folder: Path, cls: Any, hashes: dict[str, str], ids: torch.Tensor, meant: list[tuple[torch.Tensor, float]], trust_remote_code: bool
) -> None:
    """Load a checkpoint that was written, and compare it. Raises SealError when it cannot be loaded or differs.

    cls: class of the model. hashes: of the weights that were meant (`weight_hashes`). meant: logits for `ids`, each with the largest
    difference allowed.
    """
    from transformers import AutoModelForCausalLM

    remedy = "run the method with seal-eval run instead"
    own = cls.__module__.startswith("transformers_modules") or cls.__name__.endswith("ForCausalLM")
    loader: Any = AutoModelForCausalLM if own else cls
    release_memory()
    try:
        loaded, report = loader.from_pretrained(
            folder, dtype="auto", use_safetensors=True, trust_remote_code=trust_remote_code, output_loading_info=True
        )
        if torch.cuda.is_available():
            loaded = loaded.to("cuda")
        got = logits(loaded.eval(), ids)
    except Exception as error:  # whatever a user's program would have raised
        why = f"{type(error).__name__}: {first_line(error)}"
        raise SealError(f"the written checkpoint cannot be loaded again ({why}); nothing is kept, {remedy}") from error
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found := sorted(map(str, report.get(kind) or ())):
            what = f"{kind.replace('_', ' ')} ({found[0]}, {len(found)} in all)"
            raise SealError(f"the written checkpoint has {what}; nothing is kept, {remedy}")
    now = weight_hashes(loaded)
    for key in sorted(hashes.keys() | now.keys()):
        if hashes.get(key) != now.get(key):
            is_now, was = (str(values.get(key, "absent")).rpartition(" ")[0] or "absent" for values in (now, hashes))
            raise SealError(f"the written checkpoint has other values of {key} ({is_now}) than meant ({was}); nothing is kept, {remedy}")
    for expected, limit in meant:
        refuse_other("the written checkpoint", expected, got, limit, remedy)


def empty_copy(model: Any) -> Any:
    """Return a model of the same class and configuration whose weights have shapes only."""
    with torch.device("meta"):
        return type(model)(copy.deepcopy(model.config))


def check_adapter(folder: Path, model: Any, ids: torch.Tensor, meant: torch.Tensor) -> None:
    """Load an adapter folder with stock peft onto its model, and compare. The model is as before afterwards.

    meant: logits for `ids`. Where weights are not in memory, peft loads it onto an empty copy of the model, which shows that names and
    shapes fit, and our own scales make the forward pass. Raises SealError when peft cannot load it or the logits differ.
    """
    from peft import PeftModel

    away = offloaded_weight(model)
    try:
        with restored(model, ()), warnings.catch_warnings():
            warnings.filterwarnings("error", "Found missing adapter keys", UserWarning)  # of which peft only warns
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)  # peft asks for it by this name
            if away:
                PeftModel.from_pretrained(empty_copy(model), str(folder), low_cpu_mem_usage=True)
                with scaled(model, load_scales(str(folder), model)):
                    got = logits(model, ids)
            else:
                got = logits(PeftModel.from_pretrained(model, str(folder)).eval(), ids)
    except Exception as error:  # whatever a user's program would have raised
        why = f"{type(error).__name__}: {first_line(error)}"
        raise SealError(f"peft cannot load the written adapter ({why}); nothing is kept, tune with another --method") from error
    refuse_other("the written adapter, loaded with peft", meant, got, tolerance(model.dtype), "tune with another --method")
