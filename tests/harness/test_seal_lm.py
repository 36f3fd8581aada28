"""`seal-eval run` and stock lm_eval as a user types them, on a small random model."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.results.records import load_runs
from seal_eval.tasks import task_names

from conftest import program, seal_eval

TASKS = ("--tasks", "seal_lines", "--metadata", '{"lengths": [450, 700], "num_samples": 5}')


def stock(out, *args, cwd=None, shell=False):
    command = [program("lm_eval"), *map(str, args), "--output_path", str(out), "--log_samples", "--device", "cpu"]
    if shell:
        command = ["bash", "-c", f"{program('lm_eval')} {' '.join(map(str, args))} --output_path {out} --log_samples --device cpu"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def replies(folder, method):
    return {r.sample_id: r.reply for run in load_runs(folder) if run.method == method for r in run.records if r.task == "seal_lines"}


def test_result_folder_names_model_and_method(results):
    assert sorted(p.name for p in results.iterdir()) == ["tiny-llama__plain", "tiny-llama__seal"]
    names = sorted(p.name for p in (results / "tiny-llama__seal").iterdir() if p.name != ".lock")
    assert [n.split("_2")[0] for n in names] == ["command", "results", "samples_seal_lines", "samples_seal_needle", "spec"]


def test_lm_eval_shows_a_standard_error(tmp_path, tiny_folder):
    done = seal_eval("run", "--model_args", f"pretrained={tiny_folder}", *TASKS, "--output_path", tmp_path, "--device", "cpu")
    row = next(line for line in done.stdout.splitlines() if "seal_lines" in line and "acc" in line)
    assert "±" in row and "N/A" not in row


def test_stock_lm_eval_with_peft_gives_the_same_replies(results, tmp_path, tiny_folder, adapter):
    stock(tmp_path, "--model", "hf", "--model_args", f"pretrained={tiny_folder},peft={adapter}", *TASKS)
    stock(tmp_path, "--model", "hf", "--model_args", f"pretrained={tiny_folder}", *TASKS)
    assert len(replies(results, "seal")) == 10
    for method in ("seal", "plain"):  # ours end where the begun answer ends, or where a model repeats itself
        theirs, ours = replies(tmp_path, method), replies(results, method)
        assert all(theirs[sample].startswith(ours[sample]) and ours[sample] for sample in ours) and theirs.keys() == ours.keys()
    assert replies(results, "plain") != replies(results, "seal")


def test_merged_gives_the_same_replies(results, tmp_path, tiny_folder, adapter):
    seal_eval("merge", "--model", tiny_folder, "--adapter", adapter, "--out", tmp_path / "merged")
    seal_eval("run", "--model_args", f"pretrained={tmp_path / 'merged'}", *TASKS, "--output_path", tmp_path / "r", "--device", "cpu")
    assert replies(tmp_path / "r", "plain") == replies(results, "seal")


def test_stock_glob(tmp_path, tiny_folder):
    """'seal_*', unquoted in the repository's root, where the shell expands it to seal_eval."""
    metadata = '\'{"lengths": [900], "num_samples": 1}\''
    args = ("--model", "hf", "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_*", "--limit", "1", "--metadata", metadata)
    stock(tmp_path, *args, cwd=Path(__file__).resolve().parents[2], shell=True)
    assert {r.task for run in load_runs(tmp_path) for r in run.records} == set(task_names())


def test_never_cuts_a_prompt(tiny_folder):
    """Prompts of any task that are longer than the engine's max_length are refused before any generation, with the counts."""
    from lm_eval.api.instance import Instance

    from seal_eval.harness.seal_lm import SealLM

    engine = SealLM(pretrained=str(tiny_folder), max_length=500, device="cpu")
    asked = [
        Instance("generate_until", {"answer_tokens": 80}, ("word " * n, {"until": [], "do_sample": False}), i, metadata=("any", i, 1))
        for i, n in enumerate((10, 2000))
    ]
    with pytest.raises(SealError, match=r"any document 1: prompt of \d+ tokens \+ 80 for the answer do not fit the window of 500"):
        engine.generate_until(asked)
    assert not any(instance.resps for instance in asked)


def test_the_users_budget_is_that_of_one_run(tiny_folder, tmp_path):
    """A notebook runs with a budget of its own, and goes on with an engine: there each document has its budget again."""
    from seal_eval.harness.budget import FROM_USER
    from seal_eval.harness.run import run

    asked = ["--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_passkey", "--metadata", '{"lengths": [450], "num_samples": 1}']
    run([*asked, "--gen_kwargs", "max_gen_toks=60", "--output_path", str(tmp_path), "--device", "cpu"])
    assert not FROM_USER.get()


@pytest.mark.parametrize(
    ("model_args", "tasks", "message"),
    [
        ("pretrained=smolm2-135m-instruct", "seal_lines", "did you mean 'smollm2-135m-instruct'"),
        ("pretrained={m},method=sael", "seal_lines", "method 'sael' not found in seal_eval.baselines; did you mean 'seal'"),
        ("pretrained={m},method=seal", "seal_lines", "method 'seal' needs adapter="),
        ("pretrained={m},method=seal,adaptor={m}", "seal_lines", "did you mean 'adapter'"),
        ("pretrained={m},method=seal,adapter={m}", "seal_lines", "has no adapter_model.safetensors"),
        ("pretrained={m}", "seal_linse", "task 'seal_linse' not found among lm-eval's tasks; did you mean 'seal_lines'"),
        ("dtype=float32", "seal_lines", "no model: pass --model_args pretrained="),
        ("pretrained={m},max_length=300", "seal_lines", "choose lengths up to 300"),
    ],
)
def test_bad_input_is_one_line(tmp_path, tiny_folder, model_args, tasks, message):
    metadata = '{"lengths": [450], "num_samples": 1}'
    done = seal_eval(
        "run", "--model_args", model_args.format(m=tiny_folder), "--tasks", tasks, "--metadata", metadata, "--output_path", tmp_path,
        "--device", "cpu", code=1,
    )  # fmt: skip
    errors = [line for line in done.stderr.splitlines() if line.startswith("seal-eval: ")]
    assert len(errors) == 1 and message in errors[0]
    assert "Traceback" not in done.stderr and not list(tmp_path.rglob("results_*.json"))


def test_traceback_only_with_debug(tiny_folder):
    done = seal_eval("--debug", "run", "--model_args", f"pretrained={tiny_folder},method=sael", "--tasks", "seal_lines", code=1)
    assert "Traceback" in done.stderr


def test_results_tell_how_they_were_made(results, tiny_folder, adapter):
    run = next(run for run in load_runs(results) if run.method == "seal")
    assert run.settings == {"adapter": str(adapter)} and run.about["trained_parameters"] == 192
    assert {"lm-eval", "transformers", "torch", "seal-eval"} <= set(run.versions)
    assert run.hardware and run.command.startswith("seal-eval run --model seal")
    config = json.loads(next((results / "tiny-llama__seal").glob("results_*.json")).read_text())["config"]["seal_eval"]
    assert config["max_length"] == 2048 and config["device"] == "cpu"
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_leaf_of_one_length(tmp_path, tiny_folder):
    """A task name with a length runs that length; its records count as the base task's. A length above the window is an error."""
    args = ("--model_args", f"pretrained={tiny_folder}", "--metadata", "num_samples=2", "--output_path", tmp_path, "--device", "cpu")
    seal_eval("run", "--tasks", "seal1024_passkey", *args)
    (run,) = load_runs(tmp_path)
    assert {(r.task, r.length) for r in run.records} == {("seal_passkey", 1024)}
    done = seal_eval("run", "--tasks", "seal4096_p*", *args, code=1)
    assert done.stderr.strip().splitlines()[-1].startswith("seal-eval: seal_passkey: length 4096 is above the model's window")


@pytest.mark.parametrize("flags", [("--apply_chat_template",), ("--apply_chat_template", "--system_instruction", "Be brief."), ()])
@pytest.mark.parametrize("engine", ["seal", "hf"])
def test_prompts_hold_what_the_samples_promise(tmp_path, tiny_folder, tokenizer, flags, engine):
    """Prompts in the sample files have the promised number of tokens, with our command and with stock lm-eval."""
    metadata = '{"lengths": [500], "num_samples": 3, "answer_prefix": %s}' % ("true" if len(flags) < 3 else "false")
    args = ("--model", engine, "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_needle", "--metadata", metadata, *flags)
    if engine == "hf":
        stock(tmp_path, *args)
    else:
        seal_eval("run", *args, "--output_path", tmp_path, "--device", "cpu")
    rows = [json.loads(line) for line in next(tmp_path.rglob("samples_*.jsonl")).read_text().splitlines()]
    for row in rows:
        prompt = row["arguments"]["gen_args_0"]["arg_0"]
        assert ("<|user|>" in prompt) == bool(flags) and prompt.endswith(row["doc"]["prefix"])
        assert ("Be brief." in prompt) == (len(flags) == 3)
        ids = tokenizer(prompt, add_special_tokens=not prompt.startswith("<s>"))["input_ids"]
        assert len(ids) == row["doc"]["n_tokens"]
        assert row["arguments"]["gen_args_0"]["arg_1"]["max_gen_toks"] == row["doc"]["answer_tokens"]
    assert len(rows) == 3


def test_out_of_memory_halves_the_batch_and_then_names_the_length(tiny_folder, capsys):
    """Memory holds three of six questions at a time, later none."""
    import torch
    from lm_eval.api.instance import Instance

    from seal_eval.core.errors import SealError
    from seal_eval.harness.seal_lm import SealLM

    def asked():
        options = {"until": ["\n"], "do_sample": False, "max_gen_toks": 4}
        texts = [f"The number of house {10 + i} is" for i in range(6)]
        return [
            Instance("generate_until", {}, ("A long street. " * 30 + t, options), 0, metadata=("street", i, 1)) for i, t in enumerate(texts)
        ]

    alone = SealLM(pretrained=str(tiny_folder), device="cpu", batch_size=1).generate_until(asked(), disable_tqdm=True)
    engine = SealLM(pretrained=str(tiny_folder), device="cpu", batch_size="auto")
    assert engine.batch_size == 8 and "batch_limit" not in engine.get_model_info()["seal_eval"]
    generate, sizes, most = engine.model.generate, [], 3

    def limited(*args, **kwargs):
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return generate(*args, **kwargs)

    engine._model.generate = limited
    assert engine.generate_until(asked(), disable_tqdm=True) == alone
    assert engine.get_model_info()["seal_eval"]["batch_limit"] == 3
    assert sizes == [6, 3, 3] and "6 prompts of" in capsys.readouterr().err
    assert engine.generate_until(asked(), disable_tqdm=True) == alone and sizes[3:] == [3, 3]  # the smaller batch size is kept
    most = 0
    with pytest.raises(SealError, match=r"street document \d: \d+ tokens do not fit into the memory of cpu; try dtype=bfloat16"):
        engine.generate_until(asked(), disable_tqdm=True)
