"""A tokenizer with several chat templates: the one that is named is counted and sent, or the name is refused."""

import copy
import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.command_line import refuse_for_ours
from seal_eval.harness.dataset import documents
from seal_eval.models.loading import load_tokenizer
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings

from conftest import program, seal_eval
from tokenizers_made import CHATML, made

LOUD = CHATML.replace("'<|' +", "'<|LOUD and clear|>' + '<|' +")
TASK = ("--tasks", "seal_needle", "--metadata", '{"lengths": [500], "num_samples": 2}', "--device", "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_folder):
    """A model whose tokenizer has a default template and a loud one."""
    place = shutil.copytree(tiny_folder, tmp_path_factory.mktemp("models") / "several")
    tokenizer = copy.deepcopy(load_tokenizer(str(tiny_folder)))
    tokenizer.chat_template = {"default": CHATML, "loud": LOUD}
    tokenizer.save_pretrained(place)
    return place


@pytest.mark.parametrize(("flag", "loud"), [(["--apply_chat_template"], False), (["--apply_chat_template", "loud"], True)])
def test_the_named_template_is_counted_and_sent(tmp_path, folder, flag, loud):
    seal_eval("run", "--model_args", f"pretrained={folder}", *TASK, *flag, "--output_path", tmp_path)
    tokenizer = load_tokenizer(str(folder))
    rows = [json.loads(line) for file in tmp_path.rglob("samples_*.jsonl") for line in file.read_text().splitlines()]
    assert len(rows) == 2
    for row in rows:
        prompt = row["arguments"]["gen_args_0"]["arg_0"]
        assert ("LOUD" in prompt) == loud
        assert len(tokenizer(prompt)["input_ids"]) == row["doc"]["n_tokens"] > 0.99 * 500 - row["doc"]["answer_tokens"]


@pytest.mark.parametrize("start", [("lm_eval", "--model", "hf"), ("seal-eval", "run", "--model", "hf")])
def test_engines_that_render_the_default(tmp_path, folder, start):
    """lm-eval's own engines would send another prompt than the one that was counted."""
    name, *first = start
    command = [program(name), *first, "--model_args", f"pretrained={folder}", *TASK, "--output_path", tmp_path / "out"]
    done = subprocess.run([*map(str, command), "--apply_chat_template", "loud"], capture_output=True, text=True, check=False)
    assert done.returncode and "--apply_chat_template loud: lm-eval's own engines render the default one" in done.stderr
    assert not (tmp_path / "out").exists()
    refuse_for_ours(SimpleNamespace(num_fewshot=None, cache_requests=None, model="hf", apply_chat_template="default"))


@pytest.mark.parametrize(("templates", "name", "message"), [
    ({"default": CHATML, "loud": LOUD}, "quiet", "no chat template named 'quiet'; it has default, loud"),
    (CHATML, "loud", "the tokenizer has one chat template, without a name; ask for it without the name 'loud'"),
    (None, "loud", "the tokenizer has no chat template: do not apply one"), (None, True, "has no chat template: do not apply one"),
    ({"loud": LOUD, "rag": CHATML}, True, "the tokenizer has several chat templates and no default; name one of loud, rag"),
])  # fmt: skip
def test_names_that_are_wrong(templates, name, message):
    tokenizer = copy.deepcopy(made("bpe-digits"))
    tokenizer.chat_template = templates
    for system in ("", "Be brief."):
        with pytest.raises(SealError, match=message):
            PromptFormat(tokenizer, PromptSettings(chat_template=name, system_instruction=system)).count("Question")


def test_what_a_template_cannot_render():
    """The system prompt is blamed where the rest could be rendered without it, and not where nothing can."""
    tokenizer = copy.deepcopy(made("bytes"))
    settings = PromptSettings(chat_template=True, system_instruction="Be brief.")
    with pytest.raises(SealError, match="cannot render a system prompt: no system turn; leave it out"):
        PromptFormat(tokenizer, settings).count("Question")
    tokenizer.chat_template = "{{ raise_exception('needs tools') }}"
    with pytest.raises(SealError, match="the chat template cannot render the prompt: needs tools"):
        PromptFormat(tokenizer, settings).count("Question")


def test_another_end_token_is_another_prompt(tmp_path, tiny_folder, monkeypatch):
    """Templates may print it: samples that were built for another one are not taken from the cache."""
    monkeypatch.setenv("SEAL_EVAL_CACHE", str(tmp_path / "cache"))
    prompts = []
    for end in ("</s>", "<s>"):
        tokenizer = copy.deepcopy(load_tokenizer(str(tiny_folder)))
        tokenizer.eos_token, tokenizer.bos_token = end, None
        tokenizer.chat_template = CHATML.replace("{{ bos_token }}", "").replace("'</s>\n'", "eos_token + '\n'")
        tokenizer.save_pretrained(tmp_path / f"tokenizer{end[1] == '/'}")
        asked = {"lengths": [700], "num_samples": 1, "chat_template": True, "tokenizer": str(tmp_path / f"tokenizer{end[1] == '/'}")}
        prompts.append(documents("seal_coreference", **asked)["test"][0]["input"])
    assert "</s>" in prompts[0] and "</s>" not in prompts[1]


def test_numbers_beyond_what_files_hold(tiny_folder):
    for key, value in (("seed", 2**63), ("num_samples", 10**30), ("num_samples", 0)):
        with pytest.raises(SealError, match=rf"seal_needle: {key} is {value}, must be a whole number from [01] to \d+$"):
            documents("seal_needle", tokenizer=str(tiny_folder), lengths=[500], **{key: value})


@pytest.mark.parametrize(("given", "message"), [
    ({"max_length": "long"}, "--model_args: max_length is 'long', must be a whole number of at least 1"),
    ({"max_length": -1}, "max_length is -1, must be"),
    ({"add_bos_token": "x"}, "seal_needle: add_bos_token is 'x', must be true or false"),
])  # fmt: skip
def test_arguments_of_the_engine_that_are_wrong(tiny_folder, given, message):
    with pytest.raises(SealError, match=message):
        documents("seal_needle", pretrained=str(tiny_folder), lengths=[500], **given)


def test_a_group_is_no_task(tiny_folder):
    with pytest.raises(SealError, match=r"^sealruler is a group of tasks; name one of them: sealruler_niah_single_1, "):
        documents("sealruler", pretrained=str(tiny_folder), lengths=[500])


def test_settings_of_other_tasks(tmp_path, tiny_folder):
    """A run says which settings none of its tasks takes, and how its sizes are called."""
    metadata = '{"lengths": [500], "documents": [2], "num_samples": 1, "haystack": "noise"}'
    command = (
        "run",
        "--model_args",
        f"pretrained={tiny_folder}",
        "--tasks",
        "seal_documents",
        "--output_path",
        tmp_path,
        "--device",
        "cpu",
    )
    said = seal_eval(*command, "--metadata", metadata).stderr
    assert "--metadata lengths has no effect: it is no setting of seal_documents; its sizes are documents=[…]\n" in said
    assert "--metadata haystack has no effect: it is no setting of seal_documents; leave it out\n" in said
    assert "documents has no effect" not in said and "num_samples has no effect" not in said
