"""Prompts that give answers away, and what a run's page says of how the model was asked."""

import copy
import json
import shlex
from dataclasses import replace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.dataset import build_rows, load_prompt_format
from seal_eval.harness.task_config import read_spec
from seal_eval.leaderboard.asked import how_asked
from seal_eval.leaderboard.verify_command import check_command
from seal_eval.leaderboard.verify_samples import refuse_secrets
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.results.records import load_runs
from seal_eval.results.stock_command import stock_command
from seal_eval.tasks import VERSION


@pytest.fixture(scope="module")
def asked(tiny_folder):
    def asked(**metadata):
        spec = read_spec("seal_lines", {"pretrained": str(tiny_folder), "lengths": [500], "num_samples": 3, **metadata})
        return build_rows(spec, load_prompt_format(spec)), load_prompt_format(spec)

    return asked


def test_a_system_prompt_with_an_answer(asked, tmp_path):
    docs, _ = asked()
    for text, refused in ((f"Lines end with {docs[1]['targets'][0]}.", True), ("Be brief. Answer with 5 digits.", False)):
        docs, prompt_format = asked(system_instruction=text)
        docs[1]["targets"] = [text.split()[-1].strip(".")]
        if refused:
            with pytest.raises(SealError, match="the system prompt holds the answer"):
                refuse_secrets(tmp_path / "r.json", "seal_lines", docs, prompt_format)
        else:
            docs[1]["targets"] = ["90210"]
            refuse_secrets(tmp_path / "r.json", "seal_lines", docs, prompt_format)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ messages[0].content }}{{ messages[-1].content }}", ""),
        ("{{ messages[0].content }} {{ messages[0].content | length }}{{ messages[-1].content }}", "writes another text around"),
        ("{{ messages[0].content }} ANSWERS{{ messages[-1].content }}", "the chat template holds the answers"),
    ],
)
def test_a_chat_template_that_knows(asked, tmp_path, template, message):
    docs, prompt_format = asked(chat_template=True)
    tokenizer = copy.deepcopy(prompt_format.tokenizer)
    tokenizer.chat_template = template.replace("ANSWERS", " ".join(doc["targets"][0] for doc in docs))
    knowing = PromptFormat(tokenizer, prompt_format.settings)
    for doc, more in zip(docs, ("", " ", "  "), strict=True):  # of different lengths
        doc["input"] += more + "x"
    if not message:
        return refuse_secrets(tmp_path / "r.json", "seal_lines", docs, knowing)
    with pytest.raises(SealError, match=message):
        refuse_secrets(tmp_path / "r.json", "seal_lines", docs, knowing)


def test_the_command_of_a_stock_run_says_all(tmp_path):
    """It repeats the run, and `check` finds it to agree with the results file it was made from."""
    args = {"pretrained": "org/m", "dtype": "auto"}
    metadata = {"lengths": [500], "num_samples": 2, "version": VERSION, "config_source": "seal_lines.yaml"}
    config = {"model": "hf", "model_args": args, "limit": 3.0, "gen_kwargs": {"max_gen_toks": 80}}
    data = {"config": config, "results": {"seal_lines": {}}, "configs": {"seal_lines": {"metadata": args | metadata}}}
    data |= {"chat_template": "{{ x }}", "system_instruction": "It's $5; be brief."}
    said = stock_command(config, args, data)
    assert shlex.split(said)[:3] == ["lm_eval", "--model", "hf"] and "config_source" not in said
    file = tmp_path / "command.txt"
    file.write_text(said + "\n")
    check_command(file, data)
    for change in ({"limit": 4.0}, {"model_args": args | {"pretrained": "org/n"}}, {"gen_kwargs": {}}):
        with pytest.raises(SealError, match=rf"--{next(iter(change))} says"):
            check_command(file, data | {"config": config | change})
    with pytest.raises(SealError, match="--system_instruction says"):
        check_command(file, data | {"system_instruction": "Be brief."})


def test_a_page_says_how_the_model_was_asked(results, tmp_path):
    run = load_runs(results)[0]
    assert how_asked(run).system == [] and how_asked(run).facts == [("chat template", "none")]
    file = run.folder / f"results_{run.date}.json"
    data = json.loads(file.read_text())
    data["configs"]["seal_lines"]["metadata"] |= {"chat_template": True, "system_instruction": "Be <b>brief</b>.", "thinking_tokens": 9}
    (tmp_path / file.name).write_text(json.dumps(data))
    asked = how_asked(replace(run, folder=tmp_path))
    assert asked.system == [("seal_lines", "Be <b>brief</b>.")] and ("thinking tokens (seal_lines)", "9") in asked.facts
