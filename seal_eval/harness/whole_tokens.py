"""lm-eval's HFLM with another way from texts to tokens and back: prompts begin once and are not cut, replies keep their marks."""

from functools import cached_property
from typing import Any

from lm_eval.models.huggingface import HFLM

from seal_eval.core.errors import SealError
from seal_eval.models.tokenizers import give_end, of_mistral_common, own_tokenizer
from seal_eval.prompts.beginning import begun_already
from seal_eval.prompts.special_marks import special_marks, special_tokens


class WholeTokens(HFLM):
    """HFLM whose prompts have one beginning and are never cut, and whose replies keep the special tokens that mark thinking."""

    def _create_tokenizer(self, pretrained: Any, tokenizer: Any, **options: Any) -> None:
        """Make the tokenizer as lm-eval does, of transformers' own kind, with an end token. Raises SealError when none is named."""
        place, revision, trusted = (
            str(tokenizer if isinstance(tokenizer, str) else pretrained),
            options.get("revision"),
            bool(options.get("trust_remote_code")),
        )
        if isinstance(tokenizer, str | None) and not options.get("gguf_file") and of_mistral_common(place, revision):
            taken = {key: options[key] for key in ("revision", "add_bos_token", "subfolder") if options.get(key) not in (None, "")}
            tokenizer = own_tokenizer(place, trust_remote_code=trusted, **taken)
        super()._create_tokenizer(pretrained, tokenizer, **options)
        if not give_end(self.tokenizer, place, trusted, revision):
            raise SealError(
                f"the tokenizer of '{place}' has no end token, and neither generation_config.json nor config.json names one; "
                "add eos_token to its tokenizer_config.json"
            )

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return the chat template like lm-eval, and render with it from now on: lm-eval renders with the default one of several."""
        text = super().chat_template(chat_template)
        if isinstance(chat_template, str) and isinstance(self.tokenizer.chat_template, dict):
            self.tokenizer.chat_template = text
        return text

    @cached_property
    def _special_ids(self) -> set[int]:
        return {*special_tokens(self.tokenizer)}

    @cached_property
    def _think_ids(self) -> set[int]:
        """The special tokens that `tok_decode` keeps; `_keep_marks` adds the documents' own."""
        return special_marks(self.tokenizer)

    def _keep_marks(self, requests: list[Any]) -> None:
        """Have `tok_decode` keep the special tokens by which the documents say that thinking begins and ends."""
        self._think_ids |= special_marks(self.tokenizer, [request.doc for request in requests])

    def tok_decode(self, tokens: Any, skip_special_tokens: bool = True) -> str:
        """Decode like lm-eval, but keep special tokens that mark thinking: without them it would look like the answer."""
        if not skip_special_tokens or not self._think_ids:
            return str(super().tok_decode(tokens, skip_special_tokens=skip_special_tokens))
        ids = [tokens] if isinstance(tokens, int) else [int(token) for token in tokens]
        dropped = self._special_ids - self._think_ids
        return str(self.tokenizer.decode([token for token in ids if token not in dropped], skip_special_tokens=False))

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, *args: Any, **kwargs: Any) -> list[int]:
        """Return the ids of a prompt like lm-eval, but with no second beginning, whatever tokens it has (`begun_already`)."""
        if add_special_tokens is None and self.backend == "causal" and begun_already(self.tokenizer, string):
            add_special_tokens = False
        return list(super().tok_encode(string, add_special_tokens, *args, **kwargs))

    def tok_batch_encode(self, strings: list[str], *args: Any, left_truncate_len: int | None = None, **kwargs: Any) -> Any:
        """Tokenize like `tok_encode`, and raise SealError where lm-eval would silently truncate a long prompt on the left."""
        asked: Any = getattr(self, "add_bos_token")  # noqa: B009  lm-eval's attribute has no type
        if self.backend == "causal" and begun_already(self.tokenizer, strings[0]):
            self.add_bos_token = False  # lm-eval reads it for a batch
        try:
            ids, mask = super().tok_batch_encode(strings, *args, left_truncate_len=None, **kwargs)
        finally:
            self.add_bos_token = asked
        if left_truncate_len is not None and ids.shape[1] > left_truncate_len:
            raise SealError(f"a prompt of {ids.shape[1]} tokens does not fit; {left_truncate_len} are left in the window")
        return ids, mask
