"""Renders and tokenises a question exactly as lm-eval does, so that the tokens the model sees can be counted."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from seal_eval.core.errors import SealError, first_line
from seal_eval.prompts.beginning import added_before, begun_already
from seal_eval.prompts.dates import fixed_date
from seal_eval.prompts.named_templates import named_template
from seal_eval.prompts.no_effect import no_effect
from seal_eval.prompts.settings import DEFAULT_SETTINGS, PromptSettings
from seal_eval.prompts.special_marks import special_tokens
from seal_eval.prompts.template_args import read_by, without_switches
from seal_eval.prompts.thinking import SENTENCES, closing_mark, opens_thinking
from seal_eval.prompts.unknown_marks import unknown_marks

PROBE = "Question"  # stands for a question where only what the template writes around it matters


@dataclass(frozen=True, eq=False)
class PromptFormat:
    """A fast tokenizer with the settings of the prompt: chat template, system prompt, answer prefix, special tokens."""

    tokenizer: Any
    settings: PromptSettings = DEFAULT_SETTINGS

    def answer_prefix(self, prefix: str) -> str:
        """The sample's answer prefix, or an empty string when the settings switch answer prefixes off."""
        return prefix if self.settings.answer_prefix else ""

    def budget(self, answer_tokens: int) -> int:
        """Tokens of a reply whose answer takes `answer_tokens` by default. Raises SealError for thinking that nothing would end."""
        if self.settings.thinking_tokens and not self.think_end:
            raise SealError(
                f"thinking_tokens={self.settings.thinking_tokens}: neither the tokenizer nor its chat template has a token that ends the "
                "thinking, such as </think>; name it with --metadata think_end_token=…, or leave thinking_tokens out"
            )
        return self.settings.budget(answer_tokens)

    @cached_property
    def think_end(self) -> str:
        """What ends the model's thinking: the setting, else the mark that tokenizer or chat template know; '' for neither."""
        template = json.dumps(self.tokenizer.chat_template or "", ensure_ascii=False)
        return self.settings.think_end or closing_mark(self.tokenizer.get_vocab(), template) or ""

    def think_fields(self, prefix: str) -> dict[str, Any]:
        """Fields of a document for the scorer: `think_start`, `think_end`, and `think_open` if the prompt ends inside the thinking."""
        pair = {"think_start": self.settings.think_start, "think_end": self.settings.think_end}
        fields: dict[str, Any] = {key: mark for key, mark in pair.items() if mark}
        own = [(pair["think_start"], pair["think_end"])] if pair["think_start"] else []
        if self.settings.chat_template and not prefix and not self.settings.think_stripped:
            before, _, end = self.render(PROBE).rpartition(PROBE)
            if opens_thinking(end, own):
                fields["think_open"] = True
            if not pair["think_end"] and all(sentence in before for sentence in SENTENCES):
                fields |= {"think_start": SENTENCES[0], "think_end": SENTENCES[1]}
        return fields

    def render(self, text: str, prefix: str = "") -> str:
        """The prompt as a string.

        Raises SealError when the tokenizer lacks the chat template, when it cannot render the prompt, and when it leaves something out:
        the system prompt, the question or the begun answer.
        """
        if not self.settings.chat_template:
            gap = " " if prefix and text and not (text[-1].isspace() or prefix[0].isspace()) else ""
            return self.settings.system_instruction + text + gap + prefix
        system = without_switches(self.tokenizer.chat_template, self.settings.system_instruction)
        prompt = self.template(self.turns(text, prefix), bool(prefix))
        for name, part in (("system prompt", system), ("question", text), ("begun answer", prefix)):
            if part.strip() not in prompt:
                remedy = "leave it out, or put it into the user's turn" if part is system else "use another template"
                raise SealError(f"the chat template drops the {name}: it is not in the rendered prompt; {remedy}")
        return prompt

    def turns(self, text: str, prefix: str = "") -> list[dict[str, str]]:
        """The turns of a chat: the system prompt if there is one, the user's question, the begun answer if there is one."""
        system = self.settings.system_instruction
        turns = [{"role": "system", "content": system}] * bool(system) + [{"role": "user", "content": text}]
        return turns + [{"role": "assistant", "content": prefix}] * bool(prefix)

    def template(self, turns: list[dict[str, str]], has_prefix: bool = False) -> str:
        """The turns as the chat template renders them. has_prefix: the last is a begun answer. Raises SealError when it cannot."""
        from jinja2 import TemplateError

        named = {"chat_template": text} if (text := named_template(self.tokenizer.chat_template, self.settings.chat_template)) else {}
        try:
            with fixed_date(self.settings.date):
                return self.tokenizer.apply_chat_template(
                    turns,
                    tokenize=False,
                    add_generation_prompt=not has_prefix,
                    continue_final_message=has_prefix,
                    **named,
                    **read_by(self.tokenizer.chat_template, json.loads(self.settings.template_args)),
                )
        except (ValueError, TypeError, TemplateError) as error:
            if turns[0]["role"] == "system" and self._renders(turns[1:], has_prefix):
                raise SealError(
                    f"the chat template cannot render a system prompt: {first_line(error)}; leave it out, or put it into the user's turn"
                ) from error
            raise SealError(f"the chat template cannot render the prompt: {first_line(error)}") from error

    def _renders(self, turns: list[dict[str, str]], has_prefix: bool) -> bool:
        try:
            return bool(self.template(turns, has_prefix))
        except SealError:
            return False

    def encode(self, text: str, prefix: str = "") -> tuple[str, Any]:
        """(rendered prompt, its encoding with offsets). No special tokens are added to a prompt that begins with them."""
        prompt = self.render(text, prefix)
        return prompt, self.tokens(prompt, return_offsets_mapping=True)

    def continued(self, text: str, prefix: str, answer: str) -> tuple[list[int], int]:
        """(token ids of prompt + answer, index of the answer's first token).

        A final EOS token is removed if the prompt alone does not end with one.
        """
        prompt = self.render(text, prefix)
        prompt_ids, ids = self.tokens(prompt)["input_ids"], self.tokens(prompt + answer)["input_ids"]
        if ids[-1] == self.tokenizer.eos_token_id != prompt_ids[-1]:
            ids = ids[:-1]
        first = 0  # a tokenizer may join the prompt's last characters with the answer's first ones: count tokens that are equal
        while first < min(len(prompt_ids), len(ids) - 1) and prompt_ids[first] == ids[first]:
            first += 1
        return ids, first

    def tokens(self, prompt: str, **options: Any) -> Any:
        """The encoding of a rendered prompt; `options` are the tokenizer's. Special tokens as in `encode`."""
        special = False if begun_already(self.tokenizer, prompt, self._before) else self.settings.add_bos_token
        return self.tokenizer(prompt, **options, **({} if special is None else {"add_special_tokens": special}))

    @cached_property
    def _before(self) -> list[int]:
        return added_before(self.tokenizer)

    def count(self, text: str, prefix: str = "") -> int:
        """Number of tokens that the model sees."""
        return len(self.encode(text, prefix)[1]["input_ids"])

    def locate(self, text: str, prefix: str, facts: Sequence[str]) -> tuple[int, list[int]]:
        """(tokens of the prompt, for each fact the number of tokens that start before it); facts are in the order of the prompt."""
        prompt, encoding = self.encode(text, prefix)
        starts, at = [], 0
        for fact in facts:
            at = prompt.index(fact, at)
            starts.append(at)
            at += len(fact)
        offsets = encoding["offset_mapping"]  # that of an end token behind the prompt is (0, 0): it stands before no fact
        before, n = [], 0
        for start in starts:
            while n < len(offsets) and offsets[n][0] < start:
                n += 1
            before.append(n)
        return len(encoding["input_ids"]), before

    def costs(self, pieces: Sequence[str], gap: str) -> list[int]:
        """Tokens that each piece adds to a text of similar pieces: sentences with gap " ", whole lines with gap ""."""
        if not pieces:
            return []
        left, right = ("text.", " The") if gap else ("text\n", "line")
        texts = [left + gap + piece + right for piece in pieces]
        fast = self.tokenizer.backend_tokenizer
        fast.no_truncation()
        counts = [len(encoding) for encoding in fast.encode_batch_fast([left + right, *texts], add_special_tokens=False)]
        return [count - counts[0] for count in counts[1:]]

    def apart(self, gap: str, first: str = "l") -> bool:
        """True when no token of the vocabulary spans the boundary between two pieces.

        Pieces without a gap are lines: each ends with a line break and begins with one of the characters `first`.

        Byte-pair merges and unigram pieces then cannot cross the boundary either: a piece has the same tokens anywhere in the prompt, and
        token counts add up.
        """
        if gap:
            return self._words_apart
        begun = re.compile(f"\n[{re.escape(first)}]")
        return not any(begun.search(token) for token in self._vocabulary)

    @cached_property
    def _words_apart(self) -> bool:
        return not any(re.search(r"\S ", token) for token in self._vocabulary)

    @cached_property
    def _vocabulary(self) -> list[str]:
        spaces = str.maketrans({"Ġ": " ", "▁": " ", "Ċ": "\n", "ĉ": "\t"})  # how byte-level BPE and SentencePiece write whitespace
        return [token.translate(spaces) for token in self.tokenizer.get_vocab()]

    @cached_property
    def rules(self) -> str:
        """SHA-256 of the tokenizer's rules, on which alone the costs of pieces depend."""
        return hashlib.sha256(self.tokenizer.backend_tokenizer.to_str().encode()).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that token counts depend on."""
        rules = self.tokenizer.backend_tokenizer.to_str()
        rest = [self.tokenizer.chat_template, self.tokenizer.special_tokens_map, asdict(self.settings)]
        return hashlib.sha256((rules + json.dumps(rest, sort_keys=True, default=str)).encode()).hexdigest()

    @cached_property
    def control_tokens(self) -> frozenset[str]:
        """Texts that the tokenizer reads as control tokens, such as the marks of turns."""
        return frozenset(token for token in special_tokens(self.tokenizer).values() if token.strip())

    def remarks(self) -> list[str]:
        """What a user should know about tokenizer and template: an end token behind every prompt, and settings that have no effect."""
        found = []
        ids = self.tokens(self.render(PROBE, self.answer_prefix("Answer")))["input_ids"]
        if end := end_token(self.tokenizer, ids):
            found.append(
                f"the tokenizer puts its end token {end!r} behind every prompt, so the model is asked to go on after its own end; "
                "--model_args add_bos_token=False leaves out special tokens"
            )
        if marks := [mark for mark in unknown_marks(self.tokenizer) if mark not in (self.settings.think_start, self.settings.think_end)]:
            found.append(
                f"{', '.join(marks[:4])} in tokenizer or chat template may mark thinking, but is not known: if replies hold it, "
                "name the marks with --metadata think_start_token=…,think_end_token=…"
            )
        found += no_effect(self.settings, self.tokenizer.chat_template, self.render(PROBE).rpartition(PROBE)[2])
        return found

    def check_writes(self, values: Sequence[str]) -> None:
        """Raise SealError when encoding and decoding changes a value, apart from its whitespace."""
        for value in values:
            back = self.tokenizer.decode(self.tokenizer(value, add_special_tokens=False)["input_ids"])
            if "".join(back.split()) != "".join(value.split()):
                name = getattr(self.tokenizer, "name_or_path", "") or type(self.tokenizer).__name__
                raise SealError(f"tokenizer {name} cannot write the value {value!r} (it reads back as {back!r}); choose another tokenizer")


def end_token(tokenizer: Any, ids: Sequence[int]) -> str | None:
    """The end token with which a tokenizer closes the ids of a prompt; None for almost all tokenizers."""
    ends = (tokenizer.eos_token_id, tokenizer.sep_token_id)
    return str(tokenizer.convert_ids_to_tokens(ids[-1])) if ids and ids[-1] in ends else None
