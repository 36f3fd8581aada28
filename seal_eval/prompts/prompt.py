"""How a question reaches the model: rendered and tokenised exactly as lm-eval does, so that its tokens can be counted."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from seal_eval.core.errors import SealError


@dataclass(frozen=True, eq=False)
class PromptFormat:
    """A (fast) tokenizer and what surrounds a prompt: chat template, system prompt, begun answer, special tokens."""

    tokenizer: Any
    chat: bool | str = False  # through the tokenizer's chat template; a string names one of several
    system: str = ""
    begin_answer: bool = True  # the reply is begun for the model (lm-eval's gen_prefix)
    add_bos: bool | None = None  # lm-eval's add_bos_token; None leaves it to the tokenizer
    template_args: dict[str, Any] = field(default_factory=dict)

    def answer_prefix(self, prefix: str) -> str:
        """The prefix of a sample: as given, or empty when answers are not begun."""
        return prefix if self.begin_answer else ""

    def render(self, text: str, prefix: str = "") -> str:
        """The prompt as a string. Raises SealError when the tokenizer has no such chat template."""
        if not self.chat:
            gap = " " if prefix and text and not (text[-1].isspace() or prefix[0].isspace()) else ""
            return self.system + text + gap + prefix
        turns = [{"role": "system", "content": self.system}] * bool(self.system) + [{"role": "user", "content": text}]
        turns += [{"role": "assistant", "content": prefix}] * bool(prefix)
        from jinja2 import TemplateError

        try:
            return self._template(turns, bool(prefix))
        except TemplateError:  # some templates refuse a system turn; lm-eval drops it then
            return self._template([t for t in turns if t["role"] != "system"], bool(prefix))

    def _template(self, turns: list[dict[str, str]], answer_begun: bool) -> str:
        named = {"chat_template": self._named_template} if isinstance(self.chat, str) else {}
        try:
            return self.tokenizer.apply_chat_template(
                turns,
                tokenize=False,
                add_generation_prompt=not answer_begun,
                continue_final_message=answer_begun,
                **named,
                **self.template_args,
            )
        except ValueError as error:
            raise SealError(f"the chat template cannot render the prompt: {str(error).splitlines()[0]}") from error

    @property
    def _named_template(self) -> str:
        known = self.tokenizer.chat_template
        if not isinstance(known, dict) or self.chat not in known:
            raise SealError(f"the tokenizer has no chat template named '{self.chat}'; it has {sorted(known) if known else 'none'}")
        return str(known[self.chat])

    def encode(self, text: str, prefix: str = "") -> tuple[str, Any]:
        """(rendered prompt, its encoding): special tokens are added unless the string has them already, as in lm-eval."""
        prompt = self.render(text, prefix)
        return prompt, self._tokens(prompt, return_offsets_mapping=True)

    def continued(self, text: str, prefix: str, answer: str) -> tuple[list[int], int]:
        """(token ids of prompt and answer, how many of them come before the answer's first)."""
        prompt = self.render(text, prefix)
        before, whole = self._tokens(prompt)["input_ids"], self._tokens(prompt + answer)["input_ids"]
        if whole[-1] == self.tokenizer.eos_token_id != before[-1]:
            whole = whole[:-1]
        same = 0  # a tokenizer may join the prompt's last characters with the answer's first
        while same < min(len(before), len(whole) - 1) and before[same] == whole[same]:
            same += 1
        return whole, same

    def _tokens(self, prompt: str, **options: Any) -> Any:
        bos = self.tokenizer.bos_token
        special = False if bos and prompt.startswith(bos) else self.add_bos
        return self.tokenizer(prompt, **options, **({} if special is None else {"add_special_tokens": special}))

    def count(self, text: str, prefix: str = "") -> int:
        """Tokens the model sees."""
        return len(self.encode(text, prefix)[1]["input_ids"])

    def locate(self, text: str, prefix: str, facts: Sequence[str]) -> tuple[int, list[int]]:
        """(tokens of the prompt, for each fact how many of them start before it); the facts stand in this order."""
        prompt, encoding = self.encode(text, prefix)
        starts, at = [], 0
        for fact in facts:
            at = prompt.index(fact, at)
            starts.append(at)
            at += len(fact)
        before = [sum(1 for first, _ in encoding["offset_mapping"] if first < start) for start in starts]
        return len(encoding["input_ids"]), before

    def costs(self, pieces: Sequence[str], gap: str) -> list[int]:
        """Tokens that each piece adds to a text of such pieces: sentences with gap " ", or whole lines with gap ""."""
        if not pieces:
            return []
        left, right = ("text.", " The") if gap else ("text\n", "line")
        texts = [left + gap + piece + right for piece in pieces]
        fast = self.tokenizer.backend_tokenizer
        fast.no_truncation()
        counts = [len(encoding) for encoding in fast.encode_batch_fast([left + right, *texts], add_special_tokens=False)]
        return [count - counts[0] for count in counts[1:]]

    def apart(self, gap: str) -> bool:
        """True when no token of the vocabulary spans the place where two pieces meet.

        Then each piece is tokenised on its own wherever it stands (byte-pair merges and unigram pieces cannot cross such a
        place), and token counts add up.
        """
        return self._words_apart if gap else self._lines_apart

    @cached_property
    def _words_apart(self) -> bool:
        return not any(re.search(r"\S ", token) for token in self._vocabulary)

    @cached_property
    def _lines_apart(self) -> bool:
        return not any("\nl" in token for token in self._vocabulary)  # lines begin with "line"

    @cached_property
    def _vocabulary(self) -> list[str]:
        spaces = str.maketrans({"Ġ": " ", "▁": " ", "Ċ": "\n", "ĉ": "\t"})  # as byte-level BPE and SentencePiece write them
        return [token.translate(spaces) for token in self.tokenizer.get_vocab()]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of everything the counting depends on."""
        rules = self.tokenizer.backend_tokenizer.to_str()
        rest = [self.tokenizer.chat_template, self.tokenizer.bos_token, self.chat, self.system, self.begin_answer, self.add_bos]
        return hashlib.sha256((rules + json.dumps([*rest, self.template_args], sort_keys=True, default=str)).encode()).hexdigest()

    def check_writes(self, values: Sequence[str]) -> None:
        """Raise SealError when a value does not come back from the tokenizer as it went in."""
        for value in values:
            back = self.tokenizer.decode(self.tokenizer(value, add_special_tokens=False)["input_ids"])
            if "".join(back.split()) != "".join(value.split()):
                name = getattr(self.tokenizer, "name_or_path", "") or type(self.tokenizer).__name__
                raise SealError(f"tokenizer {name} cannot write the value {value!r} (it reads back as {back!r}); choose another tokenizer")
