"""Servers of other kinds: lists that are not there or have another form, models that think first, errors under status 200, odd counts."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from lm_eval.models.api_models import JsonChatStr

from seal_eval.core.errors import SealError
from seal_eval.harness.answers import cut_after, prompt_tokens
from seal_eval.harness.served import Served
from seal_eval.harness.served_args import asks_chat, header_with_key, split_url
from seal_eval.harness.server import Server
from seal_eval.prompts.thinking import without_thinking

FIRST = "Could not finish the message because max_tokens or model output limit was reached. Please try again with higher max_tokens."


def error(message, **more):
    return {"error": {"message": message, **more}}


def said(text, finish="stop", tokens=None, **message):
    usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens}}
    return 200, {"choices": [{"message": {"content": text, **message}, "text": text, "finish_reason": finish}], **usage}


@contextlib.contextmanager
def serving(answer, models=(404, {}), props=(404, {})):
    """A server: `answer` takes a payload and returns (status, body); without a status it is slower than the client waits.

    Yields its root, and the paths and payloads that it got.
    """
    seen, over = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def send(self, status, body):
            if status is None:
                over.wait()
                return
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self):
            seen.append((self.path, None))
            self.send(*(props if self.path.startswith("/props") else models))

        def do_POST(self):
            payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, payload))
            self.send(*answer(payload))

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}/v1", seen
    finally:
        over.set()
        http.shutdown()
        http.server_close()


IMPATIENT = {"timeout": 1, "max_retries": 30}  # for servers that do not answer everything; what takes longer on a busy machine is repeated


def engine(url, folder, **more):
    return Served(url, "m", str(folder), **{"max_retries": 0, "chat": True, **more})


def request(doc=None, budget=9):
    prompt = JsonChatStr(json.dumps([{"role": "user", "content": "What is 7?"}]))
    return SimpleNamespace(args=(prompt, {"max_gen_toks": budget, "until": []}), doc=doc or {}, task_name="t", doc_id=0)


def reply(served, doc=None):
    return served.generate_until([request(doc)], disable_tqdm=True)[0]


@pytest.mark.parametrize(
    "models",
    [
        (401, error("no")), (403, error("no")), (None, {}), (200, b"<html>"), (200, [{"id": "m", "context_length": 500}]), (200, {"x": 1}),
        (200, {"data": [{"id": "m", "context_length": 500}, {"no": "id"}]}), (200, ["m"]), (200, {"models": [{"name": "m"}]}), (200, 7),
    ],
)  # fmt: skip
def test_lists_are_optional(tiny_folder, models):
    with serving(lambda _: said("8"), models) as (url, _):
        served = engine(url, tiny_folder, **(IMPATIENT if models[0] is None else {}))
        assert served.window == (500 if "context_length" in str(models) else 2048) and reply(served) == "8"


@pytest.mark.parametrize("props", [(403, error("no")), (None, {}), (200, {"default_generation_settings": 3}), (200, [])])
def test_properties_are_optional(tiny_folder, props):
    with serving(lambda _: said("8"), props=props) as (url, _):
        assert reply(engine(url, tiny_folder, **(IMPATIENT if props[0] is None else {}))) == "8"


@pytest.mark.parametrize(
    ("address", "keys", "sent"),
    [
        ("https://h.openai.azure.com/openai/v1", {"AZURE_OPENAI_API_KEY": "a", "OPENAI_API_KEY": "b"}, {"api-key": "a"}),
        ("https://h.openai.azure.us/openai/v1/chat/completions", {"OPENAI_API_KEY": " b\n"}, {"api-key": "b"}),
        ("https://gateway/v1?api-version=2024-10-21", {"OPENAI_API_KEY": "b"}, {"api-key": "b"}),
        ("https://h.openai.azure.com/openai/v1", {"OPENAI_API_KEY": "eyJ0.e30.x"}, {"Authorization": "Bearer eyJ0.e30.x"}),
        ("https://h.inference.ml.azure.com/v1", {"OPENAI_API_KEY": "b"}, {"Authorization": "Bearer b"}),
        ("http://h/v1", {"AZURE_OPENAI_API_KEY": "a", "OPENAI_API_KEY": "b"}, {"Authorization": "Bearer b"}),
        ("http://openai.azure.com.evil.example/v1", {"AZURE_OPENAI_API_KEY": "a"}, {}),
    ],
)  # fmt: skip
def test_the_header_of_the_key(monkeypatch, address, keys, sent):
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    server = Server(address, False, header_with_key(address), 0, 1.0)
    assert server.header == sent and server.follows == ("api-key" not in sent)


def test_a_model_that_is_not_listed_is_asked_for(tiny_folder, capsys):
    with serving(lambda _: said("8"), (200, {"data": [{"id": "other"}]})) as (url, _):
        assert reply(engine(url, tiny_folder)) == "8"
    assert "does not list 'm', and is asked all the same; it lists: other" in capsys.readouterr().err


def test_an_address_with_a_version(tiny_folder):
    with serving(lambda _: said("8")) as (url, seen):
        assert reply(engine(f"{url}/chat/completions?api-version=2024-10-21", tiny_folder, chat=None)) == "8"
    assert {path for path, _ in seen} == {f"{path}?api-version=2024-10-21" for path in ("/v1/models", "/props", "/v1/chat/completions")}
    assert asks_chat("http://h/v1/chat/completions/?a=b") and not asks_chat("http://h/v1?a=/chat/completions")
    for query in ("api-key=1", "token=1", "sig=1", "subscription_key=", "access_token=x", "code=1"):
        with pytest.raises(SealError, match=r"base_url must hold no key, .* looks like one; put the key into OPENAI_API_KEY"):
            split_url(f"https://h/v1?{query}")
    assert split_url("https://h/v1/?design=1") == ("https://h/v1", "?design=1")
    for address in ("http://[::1", "http://h:port/v1", "http://h:99999/v1", "ftp://h/v1", "h/v1"):
        with pytest.raises(SealError, match="must be an address such as"):
            split_url(address)
    assert split_url("http://[::1]:8000/v1") == ("http://[::1]:8000/v1", "")


@pytest.mark.parametrize("chat", [True, False])
def test_a_model_that_thinks_first(tiny_folder, chat, capsys):
    """It cannot end after one token, and takes neither temperature nor stop strings; the budget has another name."""

    def answer(payload):
        if "max_tokens" in payload:
            return 400, error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", code="unsupported_parameter")
        if payload["max_completion_tokens"] == 1:
            return 400, error(FIRST)
        for name in ("temperature", "seed"):
            if name in payload:
                return 400, error(f"Unsupported value: '{name}'", param=name, code="unsupported_value")
        return said("8", tokens=21)

    with serving(answer) as (url, seen):
        served = engine(url, tiny_folder, chat=chat)
        assert served._check_tokenizer() is None
        if chat:
            assert reply(served) == "8" and reply(served) == "8" and set(seen[-1][1]) == {"messages", "model", "max_completion_tokens"}
    told = capsys.readouterr().err
    assert "does not say how many tokens" in told and told.count("takes no temperature=0: replies are sampled") == chat


def test_a_budget_that_thinking_used_up(tiny_folder):
    with serving(lambda payload: said("8") if payload["max_tokens"] == 1 else (400, error(FIRST))) as (url, _):
        assert without_thinking(reply(engine(url, tiny_folder))) == ("", True)


def test_a_limit_of_the_server_that_is_below_the_budget(tiny_folder, capsys):
    def answer(payload):
        status, body = said("8 and", finish="length")
        return status, body | {"usage": {"completion_tokens": min(payload["max_tokens"], 3)}}

    with serving(answer) as (url, _):
        served = engine(url, tiny_folder)
        assert reply(served) == reply(served) == "8 and"
    told = capsys.readouterr().err
    assert told.count("has cut a reply after 3 of 9 tokens: ") == 1 and "its own limit is lower" in told
    cut = {"choices": [{"finish_reason": "length"}], "usage": {"completion_tokens": 8}}
    assert (cut_after(cut, 9), cut_after(cut, 8)) == (8, None) and cut_after(cut | {"choices": [{"finish_reason": "stop"}]}, 9) is None
    assert all(cut_after(cut | {"usage": usage}, 9) is None for usage in (None, {}, {"completion_tokens": 0}, {"completion_tokens": "3"}))


@pytest.mark.parametrize(
    ("body", "message", "asked"),
    [
        (error("too long a prompt", code=400), "status 400: too long a prompt", 1),
        (error("no credit", code="402"), "status 402: no credit", 1),
        (error("upstream is busy", code=429), "status 429: upstream is busy, 2 times in a row", 2),
        (error("something broke"), "an error in place of an answer: something broke, 2 times in a row", 2),
        ({"choices": [{"error": {"code": 403, "message": "flagged"}, "finish_reason": "error"}]}, "status 403: flagged", 1),
        ({"choices": [{"error": {"message": "lost"}, "finish_reason": "error"}]}, "an error in place of an answer: lost", 2),
        ({"choices": [{"message": {}, "finish_reason": "abort"}]}, "a reply that was broken off ('abort')", 2),
    ],
)
def test_errors_under_status_200(tiny_folder, body, message, asked, monkeypatch):
    monkeypatch.setattr("seal_eval.harness.server._wait", lambda _: 0)
    with serving(lambda _: (200, body)) as (url, seen), pytest.raises(SealError) as raised:
        engine(url, tiny_folder, max_retries=1)
    assert message in str(raised.value) and len([payload for _, payload in seen if payload]) == asked


def test_a_window_that_only_the_users_checkpoint_names(tiny_folder):
    """The server does not say: the user knows better than the tokenizer's configuration. What the server says holds."""
    with serving(lambda _: said("8")) as (url, _):
        assert engine(url, tiny_folder).window == 2048 and engine(url, tiny_folder, max_length=9000).window == 9000
    with serving(lambda _: said("8"), (200, {"data": [{"id": "m", "max_model_len": 4000}]})) as (url, _):
        assert engine(url, tiny_folder, max_length=3000).window == 3000
        with pytest.raises(SealError, match="max_length 9000 is above the server's window of 4000 tokens"):
            engine(url, tiny_folder, max_length=9000)


@pytest.mark.parametrize("counted", [0, -1, 7, True])
def test_counts_that_are_none(tiny_folder, counted, capsys):
    with serving(lambda _: said("8", tokens=counted)) as (url, _):
        assert reply(engine(url, tiny_folder)) == "8"
    assert "does not say how many tokens a prompt has" in capsys.readouterr().err


MISFILED = {"text": None, "reasoning_content": "The number is 5179940."}


@pytest.mark.parametrize(
    ("given", "more", "doc", "answer"),
    [
        (MISFILED, {"enable_thinking": False}, {}, "The number is 5179940."),
        (MISFILED, {"chat_template_args": {"thinking": False}}, {}, "The number is 5179940."),
        (MISFILED, {}, {}, None),
        (MISFILED, {"enable_thinking": True}, {}, None),
        ({**MISFILED, "finish": "length"}, {"enable_thinking": False}, {}, None),
        ({**MISFILED, "text": "8"}, {"enable_thinking": False}, {}, "8"),
        ({"text": "8"}, {}, {"think_open": True}, "8"),
        ({"text": "8", "finish": "eos_token"}, {}, {"think_open": True}, "8"),
        ({"text": "8", "finish": "length"}, {}, {"think_open": True}, None),
        ({"text": "so</think>8"}, {}, {"think_open": True}, "8"),
        ({"text": "so</muse>8"}, {}, {"think_open": True, "think_start": "<muse>", "think_end": "</muse>"}, "8"),
        ({"text": "<think>so"}, {}, {"think_open": True}, None),
        ({"text": "8", "reasoning_content": "so"}, {}, {"think_open": True}, "8"),
    ],
)
def test_thinking_that_a_parser_misfiles(tiny_folder, given, more, doc, answer):
    with serving(lambda _: said(**given)) as (url, _):
        found = reply(engine(url, tiny_folder, **more), doc)
    own = doc.get("think_start", ""), doc.get("think_end", "")
    assert without_thinking(found, own, bool(doc.get("think_open"))) == ((answer, False) if answer else ("", True))


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 0}, {"prompt_tokens": -1}, {"prompt_tokens": None}, {"prompt_tokens": True}])
def test_a_reply_that_does_not_say_how_much_was_read(usage):
    """Also after two probes that did: a server may count some of its replies only."""
    assert prompt_tokens({"usage": usage}) is None
    assert prompt_tokens({"usage": {"prompt_tokens": 7}}) == 7
