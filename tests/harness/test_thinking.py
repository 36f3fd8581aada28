"""Models that think before they answer, with templates in the form of Qwen3's, Qwen3.5's and DeepSeek-R1's; budgets; bad input."""

# ruff: noqa: E501  (templates and replies)

import json
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest
from test_replier import replier_model, sampled, scripted

from seal_eval.harness.budget import refuse_contradictions
from seal_eval.harness.task_config import read_spec
from seal_eval.models.loading import load_tokenizer
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.prompts.stops import contradicts
from seal_eval.prompts.thinking import closing_mark, opens_thinking, without_thinking
from seal_eval.results.records import load_runs

from conftest import program, seal_eval

HEAD = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
OFF = "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}"
TEMPLATES = {
    "qwen3": HEAD + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}" + OFF + "{% endif %}{% endif %}",
    "qwen3.5": HEAD + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}" + OFF + "{% else %}{{ '<think>\n' }}{% endif %}{% endif %}",
    "r1": "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}{{ '<|Assistant|>' + m['content'].split('</think>')[-1] }}"
    "{% else %}{{ '<|User|>' + m['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|Assistant|><think>\n' }}{% endif %}",
}  # fmt: skip
THOUGHT = "Okay, is it TARGET?\n\nNo. " + "Let me look once more. " * 25
TASKS = "seal_lines,seal_needle_multivalue,seal_common_words"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """form → a model's folder; made once for each."""
    made = {}

    def get(form):
        if form not in made:
            made[form] = replier_model(tmp_path_factory.mktemp("models") / form, TEMPLATES[form], ["<think>", "</think>"])
        return made[form]

    return get


def asked(folder, out, *more, tokens=400, n=4, tasks=TASKS):
    metadata = json.dumps({"lengths": [1500], "num_samples": n, "thinking_tokens": tokens})
    return ("--model_args", f"pretrained={folder}", "--tasks", tasks, "--apply_chat_template", "--metadata", metadata, "--output_path", out,
            "--device", "cpu", *more)  # fmt: skip


@pytest.mark.parametrize(("form", "engine"), [("qwen3", "hf"), ("qwen3.5", "seal"), ("r1", "hf")])
def test_a_right_answer_after_thinking(tmp_path, folder, form, engine):
    """The answer after the thinking counts: right ones score 1, wrong ones 0, although the thinking names the right value."""
    first = f"{'<think>' * (form == 'qwen3')}{THOUGHT}</think>\n\n"
    program = (
        ["seal-eval", "run"] if engine == "seal" else ["lm_eval", "--model", "hf", "--log_samples", "--gen_kwargs", "max_gen_toks=660"]
    )
    scripted(*program, *asked(folder(form), tmp_path / "out"), first=first)
    rows = sampled(tmp_path / "out")
    assert len(rows) == 12 and [row["acc"] for row in rows] == [float(row["doc_id"] % 2 == 0) for row in rows]
    assert all(row["doc"]["n_tokens"] + row["doc"]["answer_tokens"] <= 1500 for row in rows)
    assert all(row["doc"]["answer_tokens"] > 400 and not row["doc"]["prefix"] for row in rows)


def test_cut_off_while_thinking(tmp_path, folder):
    """From the run to the site: a reply that ends inside its thinking is no answer, and the tables say so."""
    for form in ("qwen3", "r1"):
        scripted(
            "seal-eval", "run", *asked(folder(form), tmp_path / form, tasks="seal_lines"), first="<think>" * (form == "qwen3") + THOUGHT * 9
        )
        (run,) = load_runs(tmp_path / form)
        assert {record.reason for record in run.records} == {"cut off while thinking"}
        done = seal_eval("compare", tmp_path / form)
        assert "cut off while thinking 100 %" in " ".join(done.stdout.split())
        assert "the score measures their form, not retrieval" in " ".join(done.stdout.split())
        assert seal_eval("replies", tmp_path / form, "-n", 2).stdout.count("expected:") == 2
        seal_eval("site", tmp_path / form, "--out", tmp_path / f"{form}-site")
        assert "cut off while thinking 100 %" in (tmp_path / f"{form}-site" / "runs" / f"{run.run_id}.html").read_text(encoding="utf-8")


def test_a_random_model_from_run_to_site(tmp_path, folder):
    """No line of script: the engine itself on the template that opens the thinking, and with thinking switched off."""
    seal_eval("run", *asked(folder("r1"), tmp_path / "out", tokens=40, n=2, tasks="seal_lines"))
    (run,) = load_runs(tmp_path / "out")
    assert {record.reason for record in run.records} == {"cut off while thinking"}  # a random model does not close it
    args = list(asked(folder("qwen3.5"), tmp_path / "off", n=2, tasks="seal_lines"))
    args[1], args[args.index("--metadata") + 1] = (
        f"{args[1]},enable_thinking=False",
        '{"lengths": [900], "num_samples": 2, "answer_prefix": false}',
    )
    seal_eval("run", *args)
    rows = sampled(tmp_path / "off")
    assert all("<think>\n\n</think>\n\n" in row["arguments"]["gen_args_0"]["arg_0"] for row in rows)
    assert all("think_open" not in row["doc"] for row in rows)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"thinking_tokens": -1}, "thinking_tokens is -1, must be a whole number of at least 0"),
        ({"thinking_tokens": "many"}, "thinking_tokens is 'many', must be"),
        ({"answer_tokens": 0}, "answer_tokens is 0, must be a whole number of at least 1"),
        ({"thinking_tokens": 99, "answer_prefix": True}, "a begun answer leaves no room to think"),
        ({"thinking_tokens": 1500}, "length 1500 cannot be filled with this tokenizer; the smallest that can is about"),
        ({"think_start_token": "<GO>"}, "think_start_token=<GO> needs think_end_token"),
        ({"thinking_tokens": 100, "think_end_token": " "}, "think_end_token is ' ', must be the text that begins or ends"),
    ],
)
def test_bad_settings(tmp_path, folder, metadata, message):
    given = json.dumps({"lengths": [1500], "num_samples": 1, **metadata})
    for start, *command in (("seal-eval", "run"), *[("lm_eval", "--model", "hf")] * (metadata.get("thinking_tokens") == 99)):
        done = subprocess.run(
            [program(start), *command, "--model_args", f"pretrained={folder('qwen3')}", "--tasks", "seal_lines", "--apply_chat_template", "--metadata",
             given, "--output_path", tmp_path],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1 and message in done.stderr, done.stderr[-1500:]
        assert not list(tmp_path.rglob("results_*.json"))


def test_thinking_that_nothing_ends(tiny_folder):
    """A tokenizer without a known mark needs think_end_token."""
    args = ("--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--device", "cpu")
    metadata = {"lengths": [900], "num_samples": 1, "thinking_tokens": 50}
    done = seal_eval("run", *args, "--metadata", json.dumps(metadata), code=1)
    assert "neither the tokenizer nor its chat template has a token that ends the thinking" in done.stderr


def test_stop_strings_that_cannot_be(tiny_folder):
    spec = read_spec("seal_needle_multivalue", {"pretrained": str(tiny_folder), "lengths": [900]})
    docs = [{"answer": " 1234567 and 7654321.", "answer_tokens": 80, "n_tokens": 800}]
    for until, problem in (([""], "is empty"), ("and", "occurs in the right answer"), ([7], "must be a text"), (7, "until is 7, must be")):
        with pytest.raises(Exception, match=problem):
            refuse_contradictions("seal_needle_multivalue", {"until": until}, docs, spec)
    with pytest.raises(Exception, match="would end the reply with the thinking"):
        thinking = replace(spec, prompt=replace(spec.prompt, thinking_tokens=9))
        refuse_contradictions("seal_needle_multivalue", {"until": ["</think>"]}, docs, thinking)
    with pytest.raises(Exception, match=r"a prompt of 800 tokens \+ max_gen_toks=4000 do not fit the window of 2048; choose lengths up to"):
        refuse_contradictions("seal_needle_multivalue", {"max_gen_toks": 4000}, docs, spec)
    refuse_contradictions("seal_needle_multivalue", {"until": ["\n\n", "<|im_end|>"], "max_gen_toks": 90}, docs, spec)
    assert contradicts(".", [" 1234567."], False) == ""


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("<think>a</think>b", "b"), ("<think>a", None), ("a</think>b", "b"), ("b", "b"), ("<think></think>b", "b"), ("b <think>a", "b "),
        ("[THINK]a[/THINK]b", "b"), ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b", "b"),
        ("<|channel|>analysis<|message|>a", None), ("analysisWe need a.assistantfinalb", "b"), ("analysis of the text: b", "analysis of the text: b"),
        ("<|channel>thought\na<channel|>b", "b"), ("<|channel>thought\na", None), ("<|inner_prefix|>a<|inner_suffix|>b", "b"),
        ("<|think|>a<|end|><|begin|>assistant<|content|>b", "b"), ("<|think|>a<|end|>", None),
        ("<|channel|>commentary<|message|>x<|call|><|channel|>final<|message|>b", "b"), ("<think>a</think>b<think>c</think>d", "d"),
    ],
)  # fmt: skip
def test_what_follows_the_thinking(reply, answer):
    assert without_thinking(reply) == ((answer, False) if answer is not None else ("", True))


def test_marks():
    assert without_thinking("a", opened=True) == ("", True) and without_thinking("a<END>b", ("", "<END>")) == ("b", False)
    assert without_thinking("<GO>a", ("<GO>", "<END>")) == ("", True) and without_thinking("<GO>a<END>b", ("<GO>", "<END>")) == ("b", False)
    assert opens_thinking("<|Assistant|><think>\n") and not opens_thinking("<think>\n\n</think>\n\n") and not opens_thinking("x</think>")
    assert closing_mark({"</think>": 1}, "") == "</think>" and closing_mark({}, "… [/THINK]") == "[/THINK]" and closing_mark({}, "") is None


@pytest.mark.parametrize("system", ["Answer at once, without <think>.", "First think between <think> and </think>.", ""])
@pytest.mark.parametrize("form", ["qwen3", "r1"])
def test_marks_in_a_system_prompt_are_words(folder, form, system):
    """Only what the template writes behind the question can begin the thinking."""
    prompt = PromptFormat(load_tokenizer(str(folder(form))), PromptSettings(chat_template=True, system_instruction=system))
    assert ("think_open" in prompt.think_fields("")) is (form == "r1")


def test_marks_that_the_user_names_are_kept(tmp_path):
    """They may be special tokens of the model's own, which lm-eval's decoding drops."""
    from seal_eval.harness.seal_lm import SealLM

    replier_model(tmp_path / "m", TEMPLATES["qwen3"], ["<muse>", "</muse>"], special=True)
    engine = SealLM(pretrained=str(tmp_path / "m"), device="cpu")
    ids = engine.tokenizer("<muse>7</muse>8</s>", add_special_tokens=False)["input_ids"]
    assert engine.tok_decode(ids) == "78"
    engine._keep_marks([SimpleNamespace(doc={"think_start": "<muse>", "think_end": "</muse>"}), SimpleNamespace(doc=None)])
    assert engine.tok_decode(ids) == "<muse>7</muse>8"


def test_special_tokens_that_mark_thinking_are_kept(tmp_path):
    """In lm-eval's decoding special tokens vanish, and the thinking would be read as the answer."""
    from seal_eval.harness.seal_lm import SealLM

    replier_model(tmp_path / "m", TEMPLATES["qwen3"], ["<think>", "</think>"], special=True)
    engine = SealLM(pretrained=str(tmp_path / "m"), device="cpu")
    ids = engine.tokenizer("<think>7</think>8<|im_end|></s>", add_special_tokens=False)["input_ids"]
    assert engine.tokenizer.decode(ids, skip_special_tokens=True) == "78" and engine.tok_decode(ids) == "<think>7</think>8"
