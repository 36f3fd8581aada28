"""The lm-eval model class `served`: a model behind an OpenAI-compatible server, asked with the prompts of the other engines."""

import json
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from threading import Event, Lock
from typing import Any, NamedTuple

from lm_eval.models.api_models import JsonChatStr
from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI

from seal_eval.core.errors import SealError
from seal_eval.core.progress import progress
from seal_eval.harness.answers import chat_reply, chat_text, cut_after, prompt_tokens, whole_characters
from seal_eval.harness.cached import KeptApart
from seal_eval.harness.reply_log import ACTIVE, lookup
from seal_eval.harness.served_args import REMEDY, asks_chat, header_with_key
from seal_eval.harness.server import Refused, Server
from seal_eval.harness.server_facts import served_model, window_told
from seal_eval.models.hub import TOKENIZER, resolve
from seal_eval.models.loading import load_tokenizer
from seal_eval.models.window import window_of
from seal_eval.prompts.beginning import begun_already
from seal_eval.prompts.special_marks import special_marks
from seal_eval.prompts.template_args import given_args, read_by

# Two texts whose counts show which tokenizer a server has: digits, names, spaces, other scripts. No white space at the ends, which many
# chat templates strip
SHORT_TEXT = "1"
LONG_TEXT = "1 The number in line 4096 of unhurried-walrus is 83,017.\n\n  Straße, 東京, naïve café: f(x) = x**2 + 0.5\tEND"
EDGES = 8  # tokens by which a server's count of a turn may be below ours: joined at its ends, or white space that its template strips


class Expected(NamedTuple):
    """What belongs to a payload: how many tokens the server may read, and the prompt's document."""

    tokens: range
    doc: Mapping[str, Any]


class Served(KeptApart, LocalCompletionsAPI):
    """`--model served --model_args base_url=http://host:8000/v1,model=NAME,tokenizer=FOLDER_OR_HUB_ID`.

    chat: ask for chat completions; with base_url=…/chat/completions that is the default. num_concurrent: prompts under way at a time.
    max_retries: how often a request is repeated when the server is busy. timeout: seconds. max_length: tokens, at most the server's.
    tokenized_requests: send completions as token ids, so that the server adds nothing; False sends text. chat_template_args,
    enable_thinking: arguments of the chat template; a chat server gets them as chat_template_kwargs.

    Raises SealError, before the first sample is asked, for a server that is not there, does not serve the model, has a shorter window or
    counts tokens otherwise than `tokenizer`.
    """

    def __init__(
        self, base_url: str, model: str, tokenizer: str, chat: bool | None = None, num_concurrent: int = 1, max_retries: int = 6,
        timeout: int = 600, max_length: int | None = None, tokenized_requests: bool = True, batch_size: int | str | None = 1,
        chat_template_args: dict[str, Any] | None = None, enable_thinking: bool | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if str(batch_size or 1) not in ("1", "auto"):
            raise SealError(f"--batch_size {batch_size}: with --model served, {REMEDY['batch_size']}")
        self.chat = asks_chat(base_url) if chat is None else chat
        place = resolve(tokenizer, any_of=TOKENIZER)
        self.server = Server(base_url, self.chat, header_with_key(base_url), int(max_retries), float(timeout))
        self.told = served_model(self.server, model)
        window = window_told(self.server, self.told)
        if max_length and window and int(max_length) > window:
            raise SealError(f"--model served: max_length {max_length} is above the server's window of {window} tokens")
        self.window = int(max_length) if max_length else window or window_of(place)  # the last is the tokenizer's checkpoint's
        super().__init__(
            base_url=self.server.address, tokenizer_backend="huggingface", model=model, tokenizer=place, max_length=(self.window or 0) + 1,
            tokenized_requests=bool(tokenized_requests) and not self.chat, batch_size=1, **kwargs,
        )  # fmt: skip
        self.tokenizer = load_tokenizer(place)
        self.template_args = given_args(chat_template_args, enable_thinking)
        self.concurrent, self.cut = int(num_concurrent), False
        self._journal = ACTIVE.get()
        self._check_tokenizer()

    def _check_tokenizer(self) -> None:
        """Raise SealError when the server counts tokens otherwise than the tokenizer. Says so when the server does not tell."""
        told = [self._count(text) for text in (SHORT_TEXT, LONG_TEXT)]
        self.counts = None in told or told[0] != told[1]  # some servers write the same number under every answer
        if told[0] is None or told[1] is None or not self.counts:
            print(f"{self.server.root} does not say how many tokens a prompt has, so its tokenizer could not be checked", file=sys.stderr)
            return
        ours = [len(self.tokenizer(text, add_special_tokens=False).input_ids) for text in (SHORT_TEXT, LONG_TEXT)]
        if told[1] - told[0] != ours[1] - ours[0]:
            raise SealError(
                f"{self.server.root} counts {told[1] - told[0]} tokens where tokenizer={self.tokenizer.name_or_path} counts "
                f"{ours[1] - ours[0]}: name the tokenizer of '{self.model}', or start the server with this one"
            )

    def _count(self, text: str) -> int | None:
        message: dict[str, Any] = {"messages": [{"role": "user", "content": text}]} if self.chat else {"prompt": text}
        try:
            return prompt_tokens(self.server.ask({"model": self.model, "max_tokens": 1, **message}))
        except Refused as error:
            if error.over_budget:  # a model that thinks first cannot end after one token
                return None
            raise

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Return the replies to `requests`, in their order; overrides lm-eval's method.

        Each reply is in the journal before the next prompt takes its place; replies found there are not asked for again. Prompts are sent
        in sorted order, in which they share most. Raises SealError, before the first is sent, for a prompt that does not fit the window.
        """
        payloads, expected = zip(*(self._payload(request) for request in requests), strict=True) if requests else ((), ())
        keys, replies, left = lookup(self._journal, requests)
        left.sort(key=lambda i: str(requests[i].args[0]))
        pool, writing, failed = ThreadPoolExecutor(self.concurrent), Lock(), Event()

        def one(i: int) -> str:
            """Also when another prompt fails meanwhile, the reply is on disk before this thread takes the next prompt."""
            if failed.is_set():
                return ""
            try:
                reply = self._reply(payloads[i], expected[i])
            except BaseException:
                failed.set()  # no further prompt is asked
                raise
            if self._journal:
                with writing:
                    self._journal.add([(keys[i], reply)])
            return reply

        with progress("replies", len(requests), done=len(requests) - len(left), quiet=disable_tqdm) as bar:
            under_way: dict[Future[str], int] = {pool.submit(one, i): i for i in left}
            try:
                for future in as_completed(under_way):
                    replies[under_way[future]] = future.result()
                    bar.update(1)
            finally:
                pool.shutdown(cancel_futures=True)
        return [reply or "" for reply in replies]

    def _payload(self, request: Any) -> tuple[dict[str, Any], Expected]:
        """Return (what is sent, what may come back). Raises SealError for a prompt that does not fit the window.

        A prompt sent as tokens is read as it is. To text and to turns a server adds its own marks; it may join or drop some tokens where
        they begin and end, but no more.
        """
        prompt, options = request.args
        messages: Any
        if self.chat:
            if not isinstance(prompt, JsonChatStr):
                raise SealError("--model served with chat completions needs --apply_chat_template; or name the server's /completions")
            messages = json.loads(prompt.prompt)
            least = sum(len(self.tokenizer(turn["content"], add_special_tokens=False).input_ids) for turn in messages)
        else:
            ids = self.tok_encode(prompt)
            messages, least = ids if self.tokenized_requests else prompt, len(ids)
        budget = int(options.get("max_gen_toks") or self._max_gen_toks)
        if self.window and least + budget > self.window:
            raise SealError(
                f"{request.task_name} document {request.doc_id}: prompt of {least} tokens + {budget} for the answer do not fit the "
                f"server's window of {self.window}; choose shorter lengths in --metadata"
            )
        given = dict(options)
        if given.get("do_sample"):
            given.setdefault("temperature", 1.0)  # as transformers samples; lm-eval would ask for 0
        payload = self._create_payload(messages, generate=True, gen_kwargs=given, seed=self._seed, eos=None)
        stops = options.get("until") or []
        payload["stop"] = [stops] if isinstance(stops, str) else [*stops]  # all of them; for a chat, lm-eval takes four and says nothing
        if self.chat and messages[-1]["role"] == "assistant" and self.told.get("owned_by") in ("vllm", "sglang"):
            payload |= {"continue_final_message": True, "add_generation_prompt": False}
        if self.chat and self.template_args:
            payload["chat_template_kwargs"] = self.template_args
        if self.told.get("owned_by") in ("vllm", "sglang") and special_marks(self.tokenizer, [request.doc]):
            payload["skip_special_tokens"] = False  # the marks of the thinking are among them
        turns = len(messages) if self.chat else 1
        exactly = self.tokenized_requests and not self.chat
        may_read = range(least, least + 1) if exactly else range(max(0, least - EDGES * turns), sys.maxsize)
        return {key: value for key, value in payload.items() if value is not None and value != []}, Expected(may_read, request.doc or {})

    def _create_payload(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        kind: Any = LocalChatCompletion if self.chat else LocalCompletionsAPI
        return dict(kind._create_payload(self, *args, **kwargs))

    def _reply(self, payload: dict[str, Any], expected: Expected) -> str:
        """Return the server's reply. Raises SealError when the number of tokens that it has read is not one of those expected."""
        try:
            answer = self.server.ask(payload)
        except Refused as error:
            if error.over_budget and self.chat:
                return chat_text({}, cut=True)
            raise
        read = prompt_tokens(answer) if self.counts else None
        if read is not None and read not in expected.tokens:
            raise SealError(
                f"{self.server.address} has read {read} tokens of a prompt of {expected.tokens.start}; its window may be too short"
            )
        choice = answer["choices"][0]
        if choice.get("finish_reason") == "content_filter":
            print(f"{self.server.root}: the server's content filter stopped a reply; it is scored as it is", file=sys.stderr)
        if (n := cut_after(answer, payload["max_tokens"])) and not self.cut:
            self.cut = True  # said once
            print(
                f"{self.server.root} has cut a reply after {n} of {payload['max_tokens']} tokens: its own limit is lower, such as "
                "max_new_tokens in the checkpoint's generation_config; such replies are scored as they are; raise that limit",
                file=sys.stderr,
            )
        off = any("think" in name and value is False for name, value in self.template_args.items())
        reply = chat_reply(answer, expected.doc, thinks=not off) if self.chat else str(choice.get("text") or "")
        return whole_characters(reply)

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> Any:
        """Return the messages for a chat server; else the text that the tokenizer's template makes of them."""
        if self.chat:
            return JsonChatStr(json.dumps(chat_history, ensure_ascii=False))
        return self.tokenizer.apply_chat_template(
            chat_history, tokenize=False, add_generation_prompt=add_generation_prompt, continue_final_message=not add_generation_prompt,
            **read_by(self.tokenizer.chat_template, self.template_args),
        )  # fmt: skip

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return the chat template, as lm-eval records it. Raises SealError for the name of one of several."""
        if isinstance(chat_template, str):
            raise SealError(f"--apply_chat_template {chat_template}: a server renders its own template; leave the name out")
        return super().chat_template(chat_template)

    def tok_encode(self, string: str, *_: Any, **__: Any) -> list[int]:
        """Return the token ids of a prompt, with the tokenizer's special tokens unless the prompt (a chat template's) has them."""
        return list(self.tokenizer(string, add_special_tokens=not begun_already(self.tokenizer, string)).input_ids)
