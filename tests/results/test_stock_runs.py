"""What is said of runs of stock lm-eval: the model's name, the method, the command that repeats a run, and who leads on the page."""

import html
import json
import re

import pytest
from test_metrics import write_run
from test_other_peoples_runs import PLAIN, TUNED, told

from seal_eval.results.paired import paired_scores
from seal_eval.results.records import load_runs


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("/ckpt/a/final", "/ckpt/b/final"), {"a--final", "b--final"}),
        (("/ckpt/a/x/final", "/ckpt/b/x/final"), {"a--x--final", "b--x--final"}),
        (("/ckpt/a/final", "/ckpt/a/final/"), {"final"}),
        (("/ckpt/a/final", "./final"), {"final"}),
        (("org/m", "org/m"), {"org--m"}),
        (("org/m", "org--m"), {"org/m", "org--m"}),
        (("org/m", "/models/org--m"), {"org--m", "models--org--m"}),
    ],
)
@pytest.mark.parametrize("key", ["pretrained", "model"])  # of a checkpoint, and of a served model
def test_models_whose_folders_have_one_name(tmp_path, paths, names, key):
    for number, path in enumerate(paths, 1):
        peft = {"peft": "/l"} if len(names) == 1 and number == 2 else {}
        write_run(tmp_path / str(number), {key: path, **peft}, {"acc": lambda _: 1.0}, number=number)
    assert {run.model for run in load_runs(tmp_path, foreign=True)} == names


def test_full_and_quantised_weights_are_two_methods(tmp_path):
    for number, more in enumerate(({}, {"load_in_4bit": True}), 1):
        write_run(tmp_path / str(number), PLAIN | more, {"acc": lambda i, n=number: float(i % n == 0)}, number=number)
    found = {run.method for run in load_runs(tmp_path, foreign=True)}
    assert len(found) == 2 and any("load_in_4bit" in method for method in found)


def test_a_model_with_one_other_method_has_a_board(tmp_path):
    """Another model of the folder has plain; the page of this one compares with nothing."""
    from seal_eval.leaderboard.build import build

    write_run(tmp_path / "r" / "a", PLAIN, {"acc": lambda i: float(i % 2)})
    write_run(tmp_path / "r" / "b", TUNED, {"acc": lambda _: 1.0}, number=2)
    write_run(tmp_path / "r" / "c", {"pretrained": "org/n", "peft": "org/lora"}, {"acc": lambda _: 1.0}, number=3)
    site = build(tmp_path / "r", tmp_path / "site").parent
    assert "org--n" in (site / "index.html").read_text() and "Only LoRA was run" in (site / "compare.html").read_text()
    (pair,) = set(re.findall(r'data-pair="([^"]+)"', (site / "compare.html").read_text()))
    assert json.loads(html.unescape(pair)) == ["org--m", "plain", "LoRA"]


@pytest.mark.parametrize(("config", "shots", "ends"), [
    ({"gen_kwargs": "temperature=0.5"}, {"ta": 0}, "--tasks ta --gen_kwargs temperature=0.5 --log_samples"),
    ({"gen_kwargs": None}, {"ta": 5}, "--tasks ta --num_fewshot 5 --log_samples"),
    ({"random_seed": 0, "numpy_seed": 1, "torch_seed": 2, "fewshot_seed": 3}, {}, "--tasks ta --seed 0,1,2,3 --log_samples"),
    ({"random_seed": 0, "numpy_seed": 1234, "torch_seed": 1234, "fewshot_seed": 1234}, {}, "--tasks ta --log_samples"),
])  # fmt: skip
def test_the_command_that_repeats_a_stock_run(tmp_path, config, shots, ends):
    """lm-eval writes none; without these flags it would ask other questions, or in another way."""
    write_run(tmp_path / "a", PLAIN, {"acc": lambda i: float(i % 2)})
    told(tmp_path / "a", **{"config": {"model": "hf", "model_args": PLAIN} | config, "n-shot": shots})
    (run,) = load_runs(tmp_path, foreign=True)
    assert run.command.endswith(ends)


def test_other_budgets_in_the_tasks_own_file_are_said(tmp_path):
    """--gen_kwargs are recorded apart; a task's YAML file may have been edited between two runs."""
    for number, (name, args, most) in enumerate((("a", PLAIN, 256), ("b", TUNED, 1024)), 1):
        write_run(tmp_path / name, args, {"acc": lambda i: float(i % 2)}, number=number)
        told(tmp_path / name, configs={"ta": {"task": "ta", "generation_kwargs": {"max_gen_toks": most, "until": ["Q:"]}}})
    (paired,) = paired_scores(load_runs(tmp_path, foreign=True))
    assert "lora was not run as plain was (1,024 tokens for a reply to ta, not 256)" in paired.remarks[0]


@pytest.mark.parametrize(("other", "said"), [
    (lambda i: float(i % 2), "plain and b lead, with the same share right, 50.0 % (29.9–70.1). Not significantly different from plain,"),
    (lambda i: float(i % 2 or i == 0), "<strong>b</strong> leads with 55.0 % (34.2–74.2) right, +5.0 (−11.9 to +23.6) points over plain"),
])  # fmt: skip
def test_the_headline_says_who_leads(tmp_path, other, said):
    """Methods with the same accuracy share the lead; the first by name was said to lead alone."""
    from seal_eval.leaderboard.build import build

    scores = {"plain": lambda i: float(i % 2), "b": other, "c": lambda i: float(i % 2 and i > 1)}
    for number, (name, score) in enumerate(scores.items(), 1):
        write_run(tmp_path / "r" / name, PLAIN | ({"peft": f"org/{name}"} if name != "plain" else {}), {"acc": score}, number=number)
    page = (build(tmp_path / "r", tmp_path / "site").parent / "index.html").read_text()
    assert f'<p class="lead">{said}' in page and "all pairs of methods tested: " in page
