"""The length at which lm-eval's own classes cut a prompt."""

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.models.loading import load_tokenizer


def stock_window(name: str, trust_remote_code: bool = False) -> int | None:
    """Return the length (tokens) at which lm-eval's `hf` class cuts a prompt of this model from the left; None when it cannot be read.

    That is max_position_embeddings, or what the tokenizer names, or 2,048 where neither names a length, as for state-space models.
    """
    from lm_eval.models.utils import resolve_max_length
    from transformers import AutoConfig

    try:
        place = resolve(name)
        config = AutoConfig.from_pretrained(place, trust_remote_code=trust_remote_code)
        return resolve_max_length(config, default=0) or resolve_max_length(config, load_tokenizer(place, trust_remote_code))
    except (OSError, ValueError, SealError):
        return None
