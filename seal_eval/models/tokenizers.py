"""Tokenizers as transformers itself makes them, with the end token that a checkpoint names elsewhere."""

from contextlib import suppress
from typing import Any


def own_tokenizer(place: str, **options: Any) -> Any:
    """Return AutoTokenizer.from_pretrained(place, **options), of transformers' own kind also where mistral-common is installed.

    The other kind has neither offsets nor a backend, and takes few options.
    """
    from transformers import AutoTokenizer
    from transformers.models.auto import tokenization_auto

    if hasattr(tokenization_auto, "_use_mistral_format"):
        options["mistral_format"] = False
    return AutoTokenizer.from_pretrained(place, **options)


def of_mistral_common(place: str, revision: str | None = None) -> bool:
    """Return whether transformers would leave a checkpoint's tokenizer to mistral-common."""
    from transformers.models.auto import tokenization_auto

    probe = getattr(tokenization_auto, "_use_mistral_format", None)
    return bool(probe and probe(place, **({"revision": revision} if revision else {})))


def give_end(tokenizer: Any, place: str, trust_remote_code: bool = False, revision: str | None = None) -> bool:
    """Give a tokenizer without an end token that of the checkpoint's generation_config or config; return whether it has one now."""
    if tokenizer.eos_token_id is not None:
        return True
    for found in _ends(place, trust_remote_code, revision):
        token = tokenizer.convert_ids_to_tokens(found)
        if token is not None:
            tokenizer.eos_token = token
            return True
    return False


def _ends(place: str, trust_remote_code: bool, revision: str | None) -> list[int]:
    from transformers import AutoConfig, GenerationConfig

    sources: list[Any] = []
    with suppress(OSError, ValueError):
        sources.append(GenerationConfig.from_pretrained(place, revision=revision or "main"))
    with suppress(OSError, ValueError):
        sources.append(AutoConfig.from_pretrained(place, revision=revision or "main", trust_remote_code=trust_remote_code))
    if sources and hasattr(sources[-1], "get_text_config"):
        sources.append(sources[-1].get_text_config())
    named = [getattr(source, "eos_token_id", None) for source in sources]
    return [i for ids in named for i in (ids if isinstance(ids, list | tuple) else [ids]) if isinstance(i, int) and i >= 0]
