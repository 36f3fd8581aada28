"""What the engine obeys of a checkpoint's generation_config: token ids and penalties, but no budget, stop strings, beams or sampling."""

import sys
from typing import Any

IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
# what changes which token greedy decoding takes → the value that changes nothing
PENALTIES: dict[str, Any] = {
    "repetition_penalty": 1, "no_repeat_ngram_size": 0, "encoder_repetition_penalty": 1, "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None, "suppress_tokens": None, "begin_suppress_tokens": None, "sequence_bias": None,
}  # fmt: skip


def keep_penalties(model: Any) -> dict[str, Any]:
    """Replace a model's generation_config by one with its token ids and penalties alone; return the penalties that are not neutral.

    transformers lets the checkpoint's max_new_tokens win over the budget of a call, and takes from it whatever a call leaves open.
    """
    from transformers import GenerationConfig

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    old = getattr(inner, "generation_config", None)
    # an encoder-decoder may have been trained to begin with this token
    ids = (*IDS, "forced_bos_token_id") if getattr(inner.config, "is_encoder_decoder", False) else IDS
    kept = {name: getattr(old, name, None) for name in ids}
    penalties = {name: value for name, neutral in PENALTIES.items() if (value := getattr(old, name, None)) not in (None, neutral, [], {})}
    inner.generation_config = GenerationConfig(**kept, **penalties)
    return penalties


def say_penalties(name: str, penalties: dict[str, Any]) -> None:
    """Print one line about what a checkpoint's generation_config changes in greedy replies. name: of the model."""
    if penalties:
        shown = ", ".join(f"{key}={value!r:.60}" for key, value in penalties.items())
        print(
            f"{name}: the checkpoint's generation_config sets {shown}, which changes replies; "
            "--gen_kwargs with a neutral value (repetition_penalty=1.0) turns it off",
            file=sys.stderr,
        )
