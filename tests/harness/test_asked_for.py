"""Nothing that a user asked for is dropped: a flag is obeyed or refused, under our engine and under lm-eval's own."""

import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.budget import user_budget
from seal_eval.harness.resume import spec_id
from seal_eval.harness.run import _check_tasks, run, spec_of
from seal_eval.harness.seal_lm import _batch_size

from conftest import program, seal_eval

LINES = ("--tasks", "seal_lines", "--metadata", '{"lengths": [500], "num_samples": 2}', "--device", "cpu")
UUIDS = ("--tasks", "seal_needle", "--metadata", '{"lengths": [700], "num_samples": 2, "value": "uuid"}', "--device", "cpu")


def asked(folder):
    """The generation settings of every sample."""
    rows = [json.loads(line) for file in folder.rglob("samples_*.jsonl") for line in file.read_text().splitlines()]
    return [row["arguments"]["gen_args_0"]["arg_1"] for row in rows]


def stock(*args, code=0):
    done = subprocess.run([program("lm_eval"), "--model", "hf", *map(str, args)], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (code == 0), done.stderr[-2000:]
    return done


@pytest.mark.parametrize(("given", "budget"), [("max_gen_toks=9", 9), ("max_new_tokens=7", 7), ("temperature=0.0", 80)])
def test_the_users_budget_wins(tmp_path, tiny_folder, given, budget):
    seal_eval("run", "--model_args", f"pretrained={tiny_folder}", *LINES, "--gen_kwargs", given, "--output_path", tmp_path)
    assert [options["max_gen_toks"] for options in asked(tmp_path)] == [budget, budget]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_gen_toks": 5, "max_new_tokens": 6}, "max_gen_toks=5 and max_new_tokens=6 differ"),
        ({"max_tokens": 0}, "max_tokens is 0, must be a whole number of at least 1"),
        ({"max_gen_toks": "many"}, "max_gen_toks is 'many', must be"),
        ({"max_gen_toks": True}, "max_gen_toks is True, must be"),
    ],
)
def test_budgets_that_are_wrong(given, message):
    with pytest.raises(SealError, match=message):
        user_budget(given)


def test_budgets_that_are_right():
    assert user_budget(None) == {} and user_budget({"until": ["."]}) == {"until": ["."]}
    assert user_budget({"max_tokens": 8, "max_gen_toks": 8}) == {"max_gen_toks": 8}


@pytest.mark.parametrize("flags", [("--num_fewshot", "2"), ("--cache_requests", "true")])
def test_flags_that_cannot_be_obeyed(tmp_path, tiny_folder, flags):
    args = ("--model_args", f"pretrained={tiny_folder}", *LINES, *flags, "--output_path", tmp_path)
    assert f"seal-eval: {flags[0]}" in seal_eval("run", *args, code=1).stderr
    assert flags[0] in stock(*args, code=1).stderr.splitlines()[-1]
    assert not list(tmp_path.rglob("results_*.json"))


def test_a_budget_that_cannot_hold_the_answer(tmp_path, tiny_folder):
    """lm-eval's own engines take the budget from the task's file: enough for its own settings, too little for codes."""
    args = ("--model_args", f"pretrained={tiny_folder}", *UUIDS, "--output_path", tmp_path)
    message = (
        "seal_needle: answers with these settings need 112 tokens, lm-eval's own engines generate 80; pass --gen_kwargs max_gen_toks=112"
    )
    assert message in seal_eval("run", "--model", "hf", *args, code=1).stderr
    assert message in stock(*args, code=1).stderr.splitlines()[-1]
    stock(*args, "--gen_kwargs", "max_gen_toks=112", "--log_samples")
    seal_eval("run", *args)
    assert [options["max_gen_toks"] for options in asked(tmp_path)] == [112] * 4


def test_a_served_model_without_a_tokenizer(tmp_path):
    done = seal_eval(
        "run", "--model", "local-completions", "--model_args", "model=gpt-like,base_url=http://127.0.0.1:9", *LINES,
        "--output_path", tmp_path,
        code=1,
    )  # fmt: skip
    assert "the served model 'gpt-like' has none here: pass --metadata tokenizer=FOLDER_OR_HUB_ID" in done.stderr


def test_the_date_of_a_template_is_fixed_in_every_engine(tmp_path, tiny_folder, tokenizer):
    """Prompts hold the fixed day, and have the length that was counted with it."""
    import shutil

    folder = tmp_path / "dated"
    shutil.copytree(tiny_folder, folder)
    (folder / "chat_template.jinja").write_text("{{ strftime_now('%d %b %Y') }}\n" + tokenizer.chat_template)
    args = ("--model_args", f"pretrained={folder}", *LINES, "--apply_chat_template", "--output_path", tmp_path / "r")
    seal_eval("run", *args)
    stock(*args, "--log_samples")
    rows = [json.loads(line) for file in tmp_path.rglob("samples_*.jsonl") for line in file.read_text().splitlines()]
    prompts = [row["arguments"]["gen_args_0"]["arg_0"] for row in rows]
    assert len(prompts) == 4 and all(prompt.startswith("26 Jul 2024\n") for prompt in prompts) and len(set(prompts)) == 2
    for row, prompt in zip(rows, prompts, strict=True):
        assert len(tokenizer(prompt, add_special_tokens=not prompt.startswith("<s>"))["input_ids"]) == row["doc"]["n_tokens"]


def test_an_edited_haystack_is_another_run(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.txt").write_text("One. Two.")
    args = SimpleNamespace(
        model="seal", model_args={"pretrained": "m"}, metadata={"haystack": str(tmp_path / "own")}, include_path=None, tasks=["seal_needle"]
    )
    before = spec_id(spec_of(args))
    assert spec_id(spec_of(args)) == before
    (tmp_path / "own" / "a.txt").write_text("One. Three.")
    assert spec_id(spec_of(args)) != before


def test_a_short_name_is_known_by_its_files(tmp_path, tiny_folder, monkeypatch):
    """Another model in the cache under the same short name is another run; so is another one as tokenizer."""
    monkeypatch.setenv("SEAL_EVAL_CACHE", str(tmp_path))
    folder = shutil.copytree(tiny_folder, tmp_path / "models" / "smollm2-135m-instruct")

    def ident():
        args = {"model": "seal", "metadata": {"tokenizer": "smollm2-135m-instruct"}, "include_path": None, "tasks": ["seal_needle"]}
        return spec_of(SimpleNamespace(**args, model_args={"pretrained": "smollm2-135m-instruct"}))

    before = ident()
    assert ident() == before
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    after = ident()
    assert spec_id(after) != spec_id(before)
    assert {key for key in after["files"] if after["files"][key] != before["files"][key]} == {"pretrained", "metadata/tokenizer"}


@pytest.mark.parametrize(
    "given", [{"enable_thinking": False}, {"chat_template_args": {"x": 1}}, {"add_bos_token": True}, {"max_length": 99}]
)
def test_what_only_the_engine_can_obey_is_no_metadata(tiny_folder, given):
    """Counted in the prompt's length, it would never reach the prompt."""
    (key,) = given
    asked = ("--tasks", "seal_lines", "--metadata", json.dumps({"lengths": [500], **given}))
    done = seal_eval("run", "--model_args", f"pretrained={tiny_folder}", *asked, code=1)
    assert done.stderr.splitlines()[-1].endswith(f"--metadata {key}: the engine would not know of it; pass it in --model_args")


@pytest.mark.parametrize("tasks", [("niah_single_1",), ("seal_lines", "niah_single_1")])
def test_lm_evals_ruler_gets_the_folder_of_a_short_name(tmp_path, tiny_folder, monkeypatch, tasks):
    """RULER's own tasks look their tokenizer up on the hub; also in one run with a task of ours, which knows short names."""
    monkeypatch.setenv("SEAL_EVAL_CACHE", str(tmp_path))
    folder = shutil.copytree(tiny_folder, tmp_path / "models" / "smollm2-135m-instruct")
    model_args = {"pretrained": "smollm2-135m-instruct"}
    sizes = {"lengths": [500], "max_seq_lengths": [500], "num_samples": 1}
    args = SimpleNamespace(
        model="seal", model_args=model_args, metadata=sizes, include_path=None, tasks=list(tasks), gen_kwargs={}, num_fewshot=None,
        cache_requests=None,
    )  # fmt: skip
    _check_tasks(args, model_args)
    assert args.metadata == {**sizes, "tokenizer": str(folder)}


@pytest.mark.parametrize(("value", "size"), [(None, 1), ("auto", 8), ("auto:4", 8), (3, 3), ("3", 3)])
def test_batch_sizes(value, size):
    assert _batch_size(value) == size


def test_the_largest_batch_of_auto():
    assert [_batch_size(value, most) for value, most in (("auto", 2), ("auto:4", 64), ("auto", None), (16, 4))] == [2, 8, 8, 16]
    with pytest.raises(SealError, match="max_batch_size is 0, must be a whole number of at least 1"):
        _batch_size("auto", 0)


def test_the_flag_for_a_checkpoints_own_code_reaches_what_reads_its_window(tiny_folder, monkeypatch):
    seen = []

    def stop(args, model_args, chosen):
        seen.append((args.model_args["trust_remote_code"], model_args["trust_remote_code"]))
        raise SealError("far enough")

    monkeypatch.setattr("seal_eval.harness.run._check_tasks", stop)
    with pytest.raises(SealError, match="far enough"):
        run(["--model_args", f"pretrained={tiny_folder}", "--trust_remote_code", *LINES])
    assert seen == [(True, True)]


@pytest.mark.parametrize("value", [0, "0", -1, "many"])
def test_batch_sizes_that_are_wrong(value):
    with pytest.raises(SealError, match=r"batch_size is .*, must be a whole number of at least 1"):
        _batch_size(value)


def test_control_tokens_in_a_haystack(tmp_path, tiny_folder):
    """A chat log as haystack would be read as turns: refused, naming file and token."""
    (tmp_path / "hay").mkdir()
    (tmp_path / "hay" / "log.txt").write_text(
        "A sentence of prose stands here. " * 900 + "The end.</s> Another one. " * 20, encoding="utf-8"
    )
    metadata = json.dumps({"lengths": [1200], "num_samples": 1, "haystack": str(tmp_path / "hay")})
    args = (
        "--model_args",
        f"pretrained={tiny_folder}",
        "--tasks",
        "seal_needle",
        "--metadata",
        metadata,
        "--output_path",
        tmp_path / "out",
    )
    done = seal_eval("run", *args, code=1)
    assert "log.txt: the text holds '</s>', which the tokenizer reads as a control token" in done.stderr


def test_what_has_no_effect_is_said(tmp_path, tiny_folder, tokenizer):
    """One line on stderr for an end token behind every prompt and for a template argument that nothing reads; the end token is recorded."""
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path / "m"
    shutil.copytree(tiny_folder, folder)
    ends = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), bos_token="<s>", eos_token="</s>", pad_token="</s>")
    ends.backend_tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    ends.save_pretrained(folder)
    done = seal_eval(
        "run", "--model_args", json.dumps({"pretrained": str(folder), "chat_template_args": {"colour": "red"}}), *LINES,
        "--output_path", tmp_path / "out", "--device", "cpu",
    )  # fmt: skip
    assert done.stderr.count("puts its end token '</s>' behind every prompt") == 1
    assert done.stderr.count("the template argument colour has no effect: no chat template is applied") == 1
    recorded = json.loads(next((tmp_path / "out").rglob("results_*.json")).read_text(encoding="utf-8"))["config"]["seal_eval"]
    assert recorded["ends_prompts_with"] == "</s>"


def test_another_version_of_the_tasks_is_another_run(monkeypatch):
    """A command repeated after an update asks other prompts: it must not find its old run finished."""
    args = SimpleNamespace(model_args={"pretrained": "m"}, metadata={}, tasks=["seal_lines"], include_path=None)
    before = spec_id(spec_of(args))
    monkeypatch.setattr("seal_eval.harness.run.VERSION", 99.0)
    assert spec_id(spec_of(args)) != before
