"""Servers that refuse parameters in their own words, send requests on, or answer with what no file can hold; and keys in no message."""

# ruff: noqa: E501  (answers of servers)

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
import requests
from test_served_kinds import engine, error, reply, request, said, serving

from seal_eval.core.errors import SealError
from seal_eval.harness.answers import whole_characters
from seal_eval.harness.refusals import refused_parameter
from seal_eval.harness.reply_log import Journal
from seal_eval.harness.served_args import header_with_key, served_args
from seal_eval.harness.server import Server, _short, _told_to_wait

SENT = {"model": "m", "temperature": 0, "seed": 1, "stop": ["."], "max_tokens": 9}
ECHO = {"model": "m", "seed": 1, "temperature": 0, "messages": [{"content": "unknown: not supported"}]}


def answered(status, body):
    response = requests.Response()
    response.status_code, response._content = status, body if isinstance(body, bytes) else json.dumps(body).encode()
    return response


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (error("Unknown parameter: 'seed'.", param="seed", code="unknown_parameter"), "seed"),  # Azure
        (error("Unrecognized request argument supplied: seed", param=None, code=None), "seed"),  # OpenAI, earlier
        (error("property 'seed' is unsupported"), "seed"),  # Groq
        ([error('Invalid JSON payload received. Unknown name "seed": Cannot find field.', code=400)], "seed"),  # Google
        ({"code": "invalid argument", "error": "Argument not supported on this model: stop"}, "stop"),  # xAI
        (error("`temperature` is deprecated for this model."), "temperature"),  # Anthropic
        (error("seed: Extra inputs are not permitted"), "seed"),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 1}]}, "seed"),  # Mistral
        ({"message": {"detail": [{"type": "extra_forbidden", "loc": ["seed"], "msg": "Extra inputs are not permitted"}]}}, "seed"),
        ({"detail": [{"type": "missing", "loc": ["body", "prompt"], "msg": "Field required", "input": ECHO}]}, ""),
        ({"detail": [{"type": "int_parsing", "loc": ["body", "seed"], "msg": "Input should be a valid integer"}]}, ""),
        (error("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"), ""),
        (error("Invalid 'stop': array too long. Expected an array with maximum length 4, but got 5", param="stop", code="array_above_max_length"), ""),
        (error("non-stop traffic is not allowed"), ""), (error("the random_seed is not supported"), ""),
        (b"<html>unsupported seed</html>", ""), (7, ""), ([], ""), ({"detail": "Not Found"}, ""), ({"error": None}, ""),
    ],
)  # fmt: skip
def test_the_parameter_that_is_refused(body, name):
    assert refused_parameter(answered(400, body), SENT) == name
    assert refused_parameter(answered(400, body), {"model": "m"}) == ""


def test_a_server_that_forbids_unknown_fields_is_asked_without_them(tiny_folder):
    """Mistral's interface knows no `seed`, and says so with status 422."""

    def answer(payload):
        if "seed" in payload:
            return 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}
        return said("8")

    with serving(answer) as (url, seen):
        assert reply(engine(url, tiny_folder)) == "8"
    assert "seed" not in seen[-1][1] and "temperature" in seen[-1][1]


def test_every_stop_string_of_the_user_is_sent(tiny_folder):
    """lm-eval sends a chat the first four and says nothing."""
    stops = ["a", "b", "c", "d", "e"]
    with serving(lambda _: said("8")) as (url, seen):
        served = engine(url, tiny_folder)
        asked = request()
        asked.args = (asked.args[0], {"max_gen_toks": 9, "until": stops})
        served.generate_until([asked], disable_tqdm=True)
    assert seen[-1][1]["stop"] == stops == asked.args[1]["until"]


@pytest.mark.parametrize(
    ("given", "temperature"),
    [({}, 0), ({"do_sample": False}, 0), ({"do_sample": True}, 1.0), ({"do_sample": True, "temperature": 0.3}, 0.3), ({"temperature": 0.3}, 0.3)],
)  # fmt: skip
def test_sampling_is_asked_for(tiny_folder, given, temperature):
    """As with the other engines, do_sample=True alone samples at 1."""
    with serving(lambda _: said("8")) as (url, seen):
        asked = request()
        asked.args = (asked.args[0], {**asked.args[1], **given})
        engine(url, tiny_folder).generate_until([asked], disable_tqdm=True)
    assert seen[-1][1]["temperature"] == temperature and "do_sample" not in seen[-1][1]


@pytest.mark.parametrize("status", [520, 524, 529, 507])
def test_errors_of_a_server_or_of_what_stands_before_it_are_repeated(tiny_folder, status, monkeypatch):
    """Cloudflare's 520 to 530, too."""
    monkeypatch.setattr("seal_eval.harness.server._wait", lambda _: 0)
    left = [(status, b"<html>a timeout occurred</html>")] * 2
    with serving(lambda _: left.pop() if left else said("8")) as (url, _):
        assert reply(engine(url, tiny_folder, max_retries=2)) == "8"


@pytest.mark.parametrize(("headers", "seconds"), [
    ({"retry-after-ms": "250", "Retry-After": "1"}, 0.25), ({"Retry-After": "3"}, 3), ({"retry-after-ms": "soon"}, 0), ({}, 0),
])  # fmt: skip
def test_milliseconds_to_wait(headers, seconds):
    assert _told_to_wait(headers) == seconds


def test_half_a_character_is_written_and_read_again(tiny_folder, tmp_path):
    """Without it, the run would fail when its results are written, and each time that it is repeated."""
    assert whole_characters("\ufeffa\ud83d\ude00 b\ud83d") == "\ufeffa😀 b\ufffd"
    journal = Journal(tmp_path)
    with serving(lambda _: (200, b'{"choices": [{"message": {"content": "8 \\ud83d"}, "finish_reason": "length"}]}')) as (url, _):
        journal.add([("k", reply(engine(url, tiny_folder)))])
    journal.close()
    assert Journal(tmp_path).replies == {"k": "8 \ufffd"}


@contextlib.contextmanager
def answering(handle):
    """A server: `handle` writes the answers itself."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            handle(self)

        do_POST = do_GET

    http = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        http.server_close()


def send(handler, status, body=b"", **headers):
    handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_server_that_sends_requests_on(status):
    """A client turns a redirected POST into a GET, unless the status forbids it."""
    seen = []

    def handle(handler):
        seen.append((handler.command, handler.path))
        if handler.path.startswith("/old"):
            send(handler, status, Location=handler.path.replace("/old", "/new"))
        elif handler.command == "POST":
            send(handler, 200, json.dumps(said("8")[1]).encode())
        else:
            send(handler, 405, b'{"detail": "Method Not Allowed"}')

    with answering(handle) as url:
        server = Server(f"{url}/old", True, {}, 0, 5.0)
        if status == 307:
            assert server.ask({"model": "m"})["choices"][0]["text"] == "8"
        else:
            with pytest.raises(SealError, match=rf"/old/chat/completions sends requests on to {url}/new/chat/completions; name that"):
                server.ask({"model": "m"})
    assert len(seen) == 2


def test_no_login_but_the_key_is_sent(tmp_path, monkeypatch):
    """requests puts the login of a ~/.netrc in place of the key, and shows it to servers that ask for none."""
    (tmp_path / "netrc").write_text("default login me password very-secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen = []

    def handle(handler):
        seen.append(handler.headers.get("Authorization"))
        send(handler, 200, json.dumps(said("8")[1]).encode())

    with answering(handle) as url:
        for header in ({}, {"Authorization": "Bearer k"}):
            server = Server(url, True, header, 0, 5.0)
            server.get("models")
            server.ask({"model": "m"})
    assert seen == [None, None, "Bearer k", "Bearer k"]


def test_a_key_that_a_server_repeats_is_in_no_message():
    body = json.dumps(error("Invalid key. Received API Key = sk-very-secret")).encode()
    with answering(lambda handler: send(handler, 401, body)) as url, pytest.raises(SealError) as raised:
        Server(url, True, {"Authorization": "Bearer sk-very-secret"}, 0, 5.0).ask({"model": "m"})
    assert "Received API Key = …; is the key in OPENAI_API_KEY right?" in str(raised.value) and "very-secret" not in str(raised.value)


@pytest.mark.parametrize("key", ["“sk-1”", "sk 1", "sk-1\nx"])
def test_a_key_that_no_header_holds(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(SealError, match=r"the key in OPENAI_API_KEY holds .*, which no key has; copy it again") as raised:
        header_with_key("http://h/v1")
    assert "sk" not in str(raised.value)


def test_an_answer_that_is_no_completion_names_the_remedy():
    """llama.cpp has an interface of its own below its root."""
    body, message = b'{"content": "8", "tokens_predicted": 1}', r"no list of choices to one prompt; base_url= is the root, .* ends in /v1"
    with answering(lambda handler: send(handler, 200, body)) as url, pytest.raises(SealError, match=message):
        Server(url, False, {}, 0, 5.0).ask({"model": "m"})


def test_connections_that_are_not_trusted_or_not_direct():
    """What is wrong is named: neither is a server that is not there."""
    reason = SimpleNamespace(reason=ValueError("certificate verify failed: self-signed certificate"))
    told = _short(requests.exceptions.SSLError(reason))
    assert told.startswith("no trusted connection (certificate verify failed: self-signed") and "REQUESTS_CA_BUNDLE=FILE" in told
    told = _short(requests.exceptions.ProxyError(SimpleNamespace(reason=OSError("Tunnel connection failed: 503"))))
    assert "through the proxy of the environment (Tunnel connection failed: 503); NO_PROXY=" in told
    assert _short(requests.ConnectionError("x")) == "no connection"


@pytest.mark.parametrize("key", ["seed", "timeout", "max_retries", "num_concurrent", "max_gen_toks"])
def test_a_number_that_is_none(key):
    given = {"base_url": "http://h/v1", "model": "m", "tokenizer": "t"}
    with pytest.raises(SealError, match=f"--model served: {key} is None, must be a whole number"):
        served_args({**given, key: None})
    assert served_args({**given, "chat": None, "max_length": None, "enable_thinking": None})
