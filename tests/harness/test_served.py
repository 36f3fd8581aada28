"""`--model served`: replies of a real server are those of lm-eval's own engine; what goes wrong on the way is repeated or refused."""

import gzip
import json
import shutil
import socket
import subprocess
import time

import pytest
import torch
from openai_server import ModelServer

from seal_eval.harness.resume import logged_replies
from seal_eval.prompts.thinking import without_thinking
from seal_eval.results.records import load_runs

from conftest import program, seal_eval, terse, tiny_model
from tokenizers_made import TRIMMED

METADATA = '{"lengths": [420, 500], "num_samples": 3}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer):
    folder = tmp_path_factory.mktemp("served") / "tiny"
    terse(tiny_model()).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def server(folder, tokenizer):
    from transformers import AutoModelForCausalLM

    with ModelServer(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), tokenizer) as running:
        yield running


def ask(out, *model_args, engine="served", flags=(), code=0, metadata=METADATA, env=None):
    args = ",".join(model_args)
    return seal_eval(
        "run", "--model", engine, "--model_args", args, "--tasks", "seal_lines", "--metadata", metadata, "--output_path", out, *flags,
        code=code, env=env,
    )  # fmt: skip


def replies(out):
    (run,) = load_runs(out)
    return {record.sample_id: record.reply for record in run.records}


def of(server, folder, *more):
    return (f"base_url={server.url}", f"model={server.name}", f"tokenizer={folder}", *more)


@pytest.mark.parametrize("way", ["ids", "text", "template", "chat"])
def test_replies_are_those_of_lm_eval_on_the_same_weights(way, folder, server, tmp_path):
    flags = ("--apply_chat_template",) if way in ("template", "chat") else ()
    more = {"text": ["tokenized_requests=False"], "chat": ["chat=True"]}.get(way, [])
    ask(tmp_path / "served", *of(server, folder, "num_concurrent=3", *more), flags=flags)
    ask(tmp_path / "hf", f"pretrained={folder}", engine="hf", flags=(*flags, "--device", "cpu"))
    found, expected = replies(tmp_path / "served"), replies(tmp_path / "hf")

    assert found == expected and len(found) == 6 and len(set(found.values())) > 1
    assert 1 < server.most <= 3
    (run,) = load_runs(tmp_path / "served")
    assert run.model == "tiny" and run.method == "plain" and (tmp_path / "served" / "tiny__plain").is_dir()
    kinds = {type(payload.get("prompt", [])[0] if way != "chat" else payload["messages"]).__name__ for payload in server.seen[2:]}
    assert kinds == {"ids": {"int"}, "text": {"str"}, "template": {"int"}, "chat": {"list"}}[way]


def test_a_template_that_trims_and_a_budget_of_another_name(folder, tokenizer, tmp_path):
    """Llama 3's template strips what a turn begins and ends with; OpenAI's newer models take max_completion_tokens alone."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place, metadata = tmp_path / "tiny", METADATA.replace("420", "460")
    shutil.copytree(folder, place)
    (place / "chat_template.jinja").write_text(TRIMMED)
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32).eval()
    with ModelServer(model, AutoTokenizer.from_pretrained(place), newer=True) as server:
        ask(tmp_path / "served", *of(server, place, "chat=True"), flags=("--apply_chat_template",), metadata=metadata)
        assert len(server.seen) == 2 + 6 and all("max_completion_tokens" in payload for payload in server.seen)
    ask(tmp_path / "hf", f"pretrained={place}", engine="hf", flags=("--apply_chat_template", "--device", "cpu"), metadata=metadata)
    assert replies(tmp_path / "served") == replies(tmp_path / "hf")


def test_a_chat_run_is_published(folder, server, tmp_path):
    """The check builds the turns again; changed ones are named, and the site shows them."""
    ask(tmp_path / "out", *of(server, folder, "chat=True"), flags=("--apply_chat_template", "--system_instruction", "Be brief."))
    seal_eval("submit", tmp_path / "out", "--out", tmp_path / "mine")
    assert "6 samples built again" in seal_eval("check", tmp_path / "mine", "--tokenizer", folder).stdout
    seal_eval("site", tmp_path / "mine", "--out", tmp_path / "site")
    shown = [file for file in (tmp_path / "site").rglob("*") if file.is_file() and b"Be brief." in file.read_bytes()]
    assert shown
    (file,) = (tmp_path / "mine").rglob("samples_*.jsonl.gz")
    text = gzip.decompress(file.read_bytes()).decode().replace("Be brief.", "Be right.")
    (tmp_path / "again").mkdir()
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            (tmp_path / "again" / path.name).write_bytes(text.encode() if path.name.startswith("samples_") else path.read_bytes())
    refused = seal_eval("submit", tmp_path / "again", "--out", tmp_path / "theirs", code=None)
    refused = refused if refused.returncode else seal_eval("check", tmp_path / "theirs", "--tokenizer", folder, code=1)
    assert "is not rendered from its input" in refused.stderr or "prompt_hash" in refused.stderr


def test_faults_are_repeated_and_nothing_is_lost(folder, server, tmp_path):
    ask(tmp_path / "smooth", *of(server, folder))
    server.faults[:] = ["503", "", "", "429", "cut", "html", "", "choices", "hang", "500", "abort", "error", ""]
    ask(tmp_path / "rough", *of(server, folder, "num_concurrent=2", "timeout=2"))
    assert replies(tmp_path / "rough") == replies(tmp_path / "smooth") and not server.faults


def test_a_server_that_fails_for_good_ends_the_run_and_the_next_goes_on(folder, server, tmp_path):
    server.faults[:] = ["", "", "", ""] + ["500"] * 3
    failed = ask(tmp_path / "out", *of(server, folder, "max_retries=2"), code=1)
    assert "status 500: fault 500, 3 times in a row; repeat the command" in failed.stderr
    assert "Traceback" not in failed.stderr and failed.stderr.strip().count("\n") <= 2
    asked = len(server.seen)
    again = ask(tmp_path / "out", *of(server, folder))
    assert "2 replies of an earlier attempt were found and reused" in again.stderr and len(server.seen) - asked == 2 + 4
    ask(tmp_path / "smooth", *of(server, folder))
    assert replies(tmp_path / "out") == replies(tmp_path / "smooth")


def test_a_killed_run_goes_on(folder, server, tmp_path):
    """SIGKILL while the server hangs: what was answered is not asked again."""
    server.faults[:] = ["", "", "", "", "", "hang"]
    argv = ["run", "--model", "served", "--model_args", ",".join(of(server, folder)), "--tasks", "seal_lines", "--metadata", METADATA]
    process = subprocess.Popen(
        [program("seal-eval"), *argv, "--output_path", tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    log = tmp_path / "out" / "tiny__plain"
    wait_until(lambda: logged_replies(log) == 3)
    process.kill()
    process.communicate()  # its output ends when nothing of it runs any more
    assert process.returncode == -9
    asked = len(server.seen)
    ask(tmp_path / "out", *of(server, folder))
    assert len(server.seen) - asked <= 2 + 3 + 1 and len(replies(tmp_path / "out")) == 6  # two counts, three replies, the one that hung
    ask(tmp_path / "smooth", *of(server, folder))
    assert replies(tmp_path / "out") == replies(tmp_path / "smooth")


def wait_until(true, seconds=600):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "took too long"
        time.sleep(0.02)


def test_what_does_not_fit_together_is_refused_before_the_first_sample(folder, server, tmp_path, tokenizer):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

        def refused(*args, flags=(), metadata=METADATA):
            failed = ask(tmp_path / "out", *args, flags=flags, code=1, metadata=metadata)
            assert "Traceback" not in failed.stderr and not list(tmp_path.glob("out/*/results*"))
            return failed.stderr.strip().splitlines()[-1]

        server.name = "tiny-chat"
        base, own = f"base_url={server.url}", (f"base_url={server.url}", "model=tiny-chat")
        assert f"no server at {nowhere}: no connection" in refused(f"base_url={nowhere}", "model=tiny", f"tokenizer={folder}")
        assert "status 404: The model `tiny` does not exist." in refused(base, "model=tiny", f"tokenizer={folder}")
        assert "no tokenizer: pass --model_args tokenizer=" in refused(*own)
        assert "no base_url" in refused("model=tiny-chat", f"tokenizer={folder}")
        assert "num_concurrents" in refused(*own, f"tokenizer={folder}", "num_concurrents=2") and "num_concurrent'" in refused(
            *own, f"tokenizer={folder}", "num_concurrents=2"
        )
        for wrong in ("max_retries=many", "chat=maybe", "timeout=0", "num_concurrent=2.5"):
            assert f"{wrong.partition('=')[0]} is" in refused(*own, f"tokenizer={folder}", wrong)
        assert "OPENAI_API_KEY" in refused(*own, f"tokenizer={folder}", "auth_token=secret")
        assert "must hold no key" in refused(base.replace("http://", "http://me:secret@"), "model=tiny-chat", f"tokenizer={folder}")
        assert "num_concurrent" in refused(*own, f"tokenizer={folder}", flags=("--batch_size", "4"))
        assert "needs --apply_chat_template" in refused(*own, f"tokenizer={folder}", "chat=True")
        assert "max_length 9000 is above the server's window of 2048" in refused(*own, f"tokenizer={folder}", "max_length=9000")
        server.window = 450
        assert "window of 450" in refused(*own, f"tokenizer={folder}")
        server.window = 2048
        asked = len(server.seen)
        other = tmp_path / "other"
        from transformers import GPT2TokenizerFast

        made = GPT2TokenizerFast(vocab={"a": 0, "Ġ": 1, "b": 2, "<|endoftext|>": 3}, merges=[])
        made.add_tokens([chr(i) for i in range(33, 127)])
        made.save_pretrained(other)
        assert "tokens where tokenizer=" in refused(*own, f"tokenizer={other}", metadata='{"lengths": [2000], "num_samples": 1}')
        assert len(server.seen) - asked <= 2  # the two texts that are counted
    server.limit = 200
    assert "has read 200 tokens of a prompt of" in refused(*own, f"tokenizer={folder}")


def test_the_key_is_sent_and_written_nowhere(folder, server, tmp_path, monkeypatch):
    server.key = "sk-very-secret"
    failed = ask(tmp_path / "out", *of(server, folder), code=1)
    assert "status 401: no such key; is the key in OPENAI_API_KEY right?" in failed.stderr
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    ask(tmp_path / "out", *of(server, folder))
    assert len(replies(tmp_path / "out")) == 6
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"very-secret" in file.read_bytes()]


def test_a_server_without_a_list_or_counts_is_asked_all_the_same(folder, server, tmp_path, monkeypatch):
    ask(tmp_path / "smooth", *of(server, folder))
    server.listed = False
    complete = server.complete
    monkeypatch.setattr(server, "complete", lambda *args, **more: (200, {"choices": complete(*args, **more)[1]["choices"]}))
    told = ask(tmp_path / "out", *of(server, folder))
    assert "its tokenizer could not be checked" in told.stderr and replies(tmp_path / "out") == replies(tmp_path / "smooth")


def test_thinking_that_a_server_takes_out_stands_before_the_answer_again():
    from seal_eval.harness.answers import chat_text

    assert chat_text({"content": "7"}) == "7" and chat_text({"content": None}) == ""
    assert chat_text({"content": "7", "reasoning_content": "so"}) == "<think>so</think>7"
    assert chat_text({"content": None, "reasoning": "so"}) == "<think>so"  # cut off while thinking


def test_a_message_in_parts():
    """Mistral's and Anthropic-like servers send a list of parts; only the text ones are the answer."""
    from seal_eval.harness.answers import chat_text

    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "It could be 7."}]}
    assert chat_text({"content": [thinking, {"type": "text", "text": "I do not know."}]}) == "<think>It could be 7.</think>I do not know."
    assert chat_text({"content": [{"type": "text", "text": "7, "}, {"type": "text", "text": "8"}]}) == "7, 8"
    assert chat_text({"content": [thinking]}) == "<think>It could be 7."
    assert chat_text({"content": None, "refusal": "I cannot help with that."}) == "I cannot help with that."


def test_a_budget_spent_on_hidden_thinking():
    from seal_eval.harness.answers import chat_text, hidden_thinking

    spent = {"usage": {"completion_tokens_details": {"reasoning_tokens": 80}}, "choices": [{"finish_reason": "length"}]}
    assert hidden_thinking(spent) and without_thinking(chat_text({"content": ""}, True)) == ("", True)
    assert chat_text({"content": "7"}, True) == "7"  # the answer was begun
    assert not hidden_thinking({**spent, "choices": [{"finish_reason": "stop"}]}) and not hidden_thinking({**spent, "usage": None})


@pytest.mark.parametrize("more", [["chat=True"], ["tokenized_requests=False"]])
def test_a_server_that_cuts_a_chat_or_a_text_is_noticed(folder, server, tmp_path, more):
    server.limit = 256
    flags = ("--apply_chat_template",) if "chat=True" in more else ()
    failed = ask(tmp_path / "out", *of(server, folder, *more), flags=flags, code=1)
    assert "has read 256 tokens of a prompt of" in failed.stderr


@pytest.mark.parametrize("chat", [False, True])
def test_arguments_of_the_template_reach_the_prompt(folder, server, tmp_path, tokenizer, chat):
    """As with the other engines; a chat server renders the template itself and is told."""
    thinking = shutil.copytree(folder, tmp_path / "model")
    off = "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>{% endif %}"
    (thinking / "chat_template.jinja").write_text(tokenizer.chat_template + off)
    more = ["enable_thinking=False", *["chat=True"] * chat]
    metadata = '{"lengths": [420, 500], "num_samples": 3, "answer_prefix": false}'
    ask(tmp_path / "out", *of(server, thinking, *more), flags=("--apply_chat_template",), metadata=metadata)
    asked = [payload for payload in server.seen if payload["max_tokens"] > 1]
    assert len(asked) == 6
    if chat:
        assert all(payload["chat_template_kwargs"] == {"enable_thinking": False} for payload in asked)
        return
    assert all("<think>" in tokenizer.decode(payload["prompt"]) for payload in asked)
    (run,) = load_runs(tmp_path / "out")
    rows = [json.loads(line) for file in (tmp_path / "out").rglob("samples_*") for line in file.read_text().splitlines()]
    assert sorted(row["doc"]["n_tokens"] for row in rows) == sorted(len(payload["prompt"]) for payload in asked) and len(run.records) == 6


def test_a_suite_of_three_engines(folder, server, tmp_path):
    server.name = "tiny-served"
    served = {"pretrained": "tiny-served", "engine": "served", "args": {"base_url": server.url, "tokenizer": str(folder)}}
    stock = tmp_path / "tiny-stock"
    shutil.copytree(folder, stock)
    models = [served, {"pretrained": str(stock), "engine": "hf", "dtype": "float32"}, {"pretrained": str(folder), "dtype": "float32"}]
    for model in models[:2]:
        model["methods"] = ["plain"]
    suite = tmp_path / "suite.yaml"
    written = {
        "name": "engines", "device": "cpu", "methods": ["plain", {"method": "linear", "factor": 2.0}], "models": models,
        "tasks": [{"task": "seal_lines", "sizes": [420], "num_samples": 3}],
    }  # fmt: skip
    suite.write_text(json.dumps(written))
    seal_eval("suite", suite, "--out", tmp_path / "out")
    runs = {(run.config["model"], run.method): run for run in load_runs(tmp_path / "out")}
    assert sorted(runs) == [("hf", "plain"), ("seal", "linear"), ("seal", "plain"), ("served", "plain")]
    assert all(len(run.records) == 3 for run in runs.values())
    asked = len(server.seen)
    seal_eval("suite", suite, "--out", tmp_path / "out")  # complete, so nothing is asked again
    assert len(server.seen) == asked
    seal_eval("site", tmp_path / "out", "--out", tmp_path / "site")
    assert "tiny-served" in (tmp_path / "site" / "index.html").read_text()
    served["methods"] = ["plain", "linear"]
    suite.write_text(json.dumps(written))
    refused = seal_eval("suite", suite, "--out", tmp_path / "other", code=1).stderr
    assert "engine served runs plain models only; merge 'linear' into a checkpoint first, or give the model `methods: [plain]`" in refused
