"""Settings of tasks in a suite: what a run would refuse or drop is a mistake of the plan, and what it needs is passed to it."""

import json

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.harness.run import run
from seal_eval.suite.plan import plan

LINES = {"task": "seal_lines", "sizes": [700], "num_samples": 4}
GSM8K = {"task": "gsm8k", "num_samples": 100}


def write(folder, tasks, model, **other):
    suite = {"name": "tiny", "models": [model], "methods": ["plain"], "tasks": tasks}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return folder / "suite.yaml"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"temperature": 0.7}, "unknown metadata key 'temperature'"),
        ({"enable_thinking": False}, "enable_thinking: the engine would not know of it; write it in args of the model"),
        ({"max_length": 32768}, "max_length: the engine would not know of it; write it in args of the model"),
        ({"num_fewshot": 2}, "num_fewshot is 2: seal_lines has no few-shot examples; leave it out"),
        ({"haystack": "noise"}, "haystack is a setting of seal_latent, seal_needle, "),
        ({"limit": 3}, "limit is not a setting of tasks; it is set by num_samples"),
        ({"num_sample": 3}, "unknown setting 'num_sample'; did you mean 'num_samples'?"),
        ({"gen_kwargs": {"max_gen_toks": 0}}, "gen_kwargs: max_gen_toks is 0, must be a whole number of at least 1"),
        ({"gen_kwargs": {"until": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}}, "leave it out of gen_kwargs until"),
    ],
)
def test_refused_for_a_task_of_ours(tmp_path, tiny_folder, given, said):
    with pytest.raises(SealError, match=r"suite\.yaml, line 7: tasks/0: ") as caught:
        plan(write(tmp_path, [LINES | given], str(tiny_folder)), tmp_path / "out")
    assert said in str(caught.value)


def test_a_number_with_a_comma(tmp_path, tiny_folder):
    file = tmp_path / "suite.yaml"
    file.write_text(
        f"name: a\nmodels: [{tiny_folder}]\nmethods: [plain]\ntasks: [{{task: seal_lines, sizes: [700], num_samples: 1,000}}]\n"
    )
    with pytest.raises(SealError, match=r"'000' is no setting: .* so write 1000 and not 1,000"):
        plan(file, tmp_path / "out")


def test_a_group_takes_what_one_of_its_tasks_takes(tmp_path, tiny_folder):
    tasks = [{"task": "sealruler", "sizes": [1500], "num_samples": 2, "depths": 3}]
    assert len(plan(write(tmp_path, tasks, str(tiny_folder)), tmp_path / "out")[1]) == 13
    with pytest.raises(SealError, match=r"tasks/0: questions_per_record is a setting of .*seal_lines.*, not of sealruler; leave it out"):
        plan(write(tmp_path, [tasks[0] | {"questions_per_record": 2}], str(tiny_folder)), tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limit": 10}, "limit is not a setting of tasks; it is set by num_samples"),
        ({"seed": 1}, "seed is not a setting of tasks; it is set by seed of the suite"),
        ({"fewshot_as_multiturn": True}, "a suite has no such key: use seal-eval run --fewshot_as_multiturn"),
        ({"chat_template": True}, "chat_template is not a setting of tasks; it is set by apply_chat_template of the model"),
        ({"num_fewshots": 0}, "unknown setting 'num_fewshots'; did you mean 'num_fewshot'?"),
        ({"max_length": 99}, "max_length: the engine would not know of it"),
        ({"num_fewshot": -1}, "greater than or equal to 0"),
    ],
)
def test_refused_for_a_task_from_outside(tmp_path, tiny_folder, given, said):
    with pytest.raises(SealError) as caught:
        plan(write(tmp_path, [GSM8K | given], str(tiny_folder)), tmp_path / "out")
    assert said in str(caught.value) and "tasks/0" in str(caught.value)


def test_flags_of_a_task_from_outside(tmp_path, tiny_folder):
    given = {"num_fewshot": 0, "gen_kwargs": {"max_gen_toks": 20}}
    argv = plan(write(tmp_path, [GSM8K | given, GSM8K | {"name": "other"}], str(tiny_folder)), tmp_path / "out")[1][0].work["argv"]
    assert argv[argv.index("--num_fewshot") + 1] == "0" and json.loads(argv[argv.index("--gen_kwargs") + 1]) == {"max_gen_toks": 20}


@pytest.mark.parametrize(
    ("given", "budget"),
    [({"value": "uuid"}, 112), ({"values": 2}, 112), ({"answer_tokens": 30}, 30), ({}, None), ({"value": "word"}, None)],
)
def test_an_engine_of_lm_evals_own_is_told_the_budget(tmp_path, tiny_folder, given, budget):
    """It would take it from the task's file and refuse another; our engine takes it from the documents."""
    task = {"task": "seal_needle", "sizes": [700], "num_samples": 2, **given}
    (ours,) = plan(write(tmp_path, [task], str(tiny_folder)), tmp_path / "out")[1]
    (stock,) = plan(write(tmp_path, [task], str(tiny_folder), engine="hf"), tmp_path / "out")[1]
    assert "--gen_kwargs" not in ours.work["argv"]
    argv = stock.work["argv"]
    assert (json.loads(argv[argv.index("--gen_kwargs") + 1])["max_gen_toks"] if "--gen_kwargs" in argv else None) == budget


def test_a_budget_of_ones_own_that_is_too_small(tmp_path, tiny_folder):
    task = {"task": "seal_needle", "sizes": [700], "num_samples": 2, "value": "uuid", "gen_kwargs": {"max_new_tokens": 20}}
    with pytest.raises(SealError, match="answers with these settings need 112 tokens, lm-eval's own engines generate 20"):
        plan(write(tmp_path, [task], str(tiny_folder), engine="hf"), tmp_path / "out")


def test_a_run_takes_what_the_plan_made(tmp_path, tiny_folder):
    task = {"task": "seal_needle", "sizes": [700], "num_samples": 2, "value": "uuid"}
    (cell,) = plan(write(tmp_path, [task], str(tiny_folder), engine="hf", device="cpu"), tmp_path / "out")[1]
    work = cell.work
    folder = run([*work["argv"], "--metadata", json.dumps(work["metadata"]), *work["faster"], "--output_path", work["out"]])
    assert folder == tmp_path / "out" / cell.folder
    (file,) = folder.glob("results_*.json")
    assert json.loads(file.read_text())["config"]["gen_kwargs"] == {"max_gen_toks": 112}
