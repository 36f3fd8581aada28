"""`seal-eval run`: lm-eval's --config file, and the recorded command."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.command_line import command, lm_eval_command, read_config
from seal_eval.harness.resume import spec_id
from seal_eval.harness.run import run
from seal_eval.models.hub import resolve

from conftest import seal_eval


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_args: pretrained=./nowhere,method=plain\ntasks: seal_lines", "model './nowhere' is no folder here"),
        ("model_args: {pretrained: ./nowhere}\ntasks: seal_lines", "model './nowhere' is no folder here"),
        ("model_args: [pretrained]", "config.yaml: model_args is ['pretrained'], must be a mapping or text"),
        ("modle_args: {pretrained: x}", "config.yaml: unknown key 'modle_args'; did you mean 'model_args'?"),
        ("model_args: pretrained=x,method=plain,method=yarn", "config.yaml, model_args: method is given twice"),
        ("model_args: {a", "config.yaml"),
        ("- a", "config.yaml"),
        (None, "config.yaml does not exist; name a YAML file"),
    ],
)
def test_config_files(tmp_path, text, message):
    file = tmp_path / "config.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SealError) as caught:
        run(["--config", str(file)])
    assert message in str(caught.value) and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("home", "said", "recorded"),
    [
        ("/", "pretrained=owner/name", "pretrained=owner/name"),
        ("/home/al", "pretrained=/home/alice/m", "pretrained=/home/alice/m"),
        ("/home/al", "pretrained=/home/al/m,adapter=/home/al/a", "pretrained=~/m,adapter=~/a"),
        ("/home/al", "/mnt/home/al/m", "/mnt/home/al/m"),
        ("/home/al", "/home/al", "~"),
        ("/home/a.l", "/home/aal/m", "/home/aal/m"),
        ("/home/al", "/home/al b/m", "'/home/al b/m'"),
        ("/home/al", '{"pretrained": "/home/al/m"}', """'{"pretrained": "~/m"}'"""),
    ],
)
def test_the_home_folder_is_not_recorded(monkeypatch, home, said, recorded):
    monkeypatch.setenv("HOME", home)
    assert command(["--model_args", said]) == f"seal-eval run --model_args {recorded}"


def test_an_access_token_is_not_recorded():
    assert command(["--hf_hub_log_args", f"token=hf_{'Ab3' * 12},public_repo=True"]).endswith("token=HF_TOKEN,public_repo=True")


def test_a_recorded_command_can_be_repeated(tmp_path, tiny_folder, monkeypatch):
    home = tiny_folder.parent
    monkeypatch.setenv("HOME", str(home))
    assert resolve(f"~/{tiny_folder.name}") == str(tiny_folder)
    said = ["--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--device", "cpu"]
    said += ["--metadata", '{"lengths": [450], "num_samples": 1}', "--output_path", str(tmp_path / "out")]
    folder = Path(seal_eval("run", *said).stdout.splitlines()[-1])
    (recorded,) = folder.glob("command_*.txt")
    words = shlex.split(recorded.read_text())
    assert f"pretrained=~/{tiny_folder.name}" in words
    assert "this run was finished before" in seal_eval(*words[1:]).stderr


@pytest.fixture
def planned(monkeypatch):
    """A function of `run`'s arguments that returns (the run's folder, what its replies depend on), without asking the model."""
    specs = []
    monkeypatch.setattr("seal_eval.harness.run.complete", lambda folder, spec, *_: (specs.append(spec) or folder / "results.json", ""))

    def plan(*argv):
        return run([str(word) for word in argv]), specs[-1]

    return plan


METADATA = json.dumps({"lengths": [450], "num_samples": 1})


def test_edited_files_below_the_home_folder_are_another_run(tmp_path, tiny_folder, monkeypatch, planned):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("The river is wide. Boats cross it at night. " * 400)
    metadata = json.dumps({**json.loads(METADATA), "haystack": "~/texts"})
    argv = ["--model_args", f"pretrained={tiny_folder},tokenizer=~/m", "--tasks", "seal_needle", "--metadata", metadata]
    shutil.copytree(tiny_folder, tmp_path / "m")
    folder, before = planned(*argv, "--output_path=~/out")
    assert folder.parent == tmp_path / "out"
    for edited in ("texts/a.txt", "m/config.json"):
        (tmp_path / edited).write_text((tmp_path / edited).read_text() + " ")
        _, after = planned(*argv)
        assert spec_id(after) != spec_id(before)
        before = after


@pytest.mark.parametrize(("flags", "key", "value"), [
    (["--num_fewshot", "0"], "num_fewshot", 0), (["--fewshot_as_multiturn", "false"], "fewshot_as_multiturn", False),
    (["--limit", "0"], "limit", 0), (["--num_fewshot", "3"], "num_fewshot", 3), ([], "num_fewshot", 5),
    ([], "fewshot_as_multiturn", True), ([], "limit", 9),
])  # fmt: skip
def test_the_command_line_wins_over_a_config_file(tmp_path, flags, key, value):
    file = tmp_path / "config.yaml"
    file.write_text("num_fewshot: 5\nfewshot_as_multiturn: true\nlimit: 9\n")
    args = lm_eval_command()._parser.parse_args(["run", "--config", str(file), *flags])
    read_config(args)
    assert getattr(args, key) == value


def test_what_lm_eval_passes_itself_may_be_a_model_argument(tiny_folder, planned, monkeypatch):
    """batch_size and device mean the same in --model_args and as flags; two values of one are refused."""
    monkeypatch.setattr("seal_eval.harness.run.longer_window", lambda args: {})
    task = ["--tasks", "seal_lines", "--metadata", METADATA]
    flags = planned("--model_args", f"pretrained={tiny_folder}", "--batch_size", 2, "--device", "cpu", *task)
    for given in (
        f"pretrained={tiny_folder},batch_size=2,device=cpu",
        f"pretrained={tiny_folder},batch_size=auto,device=cpu,max_batch_size=4",
    ):
        assert planned("--model_args", given, *task) == flags
    assert planned("--model_args", f"pretrained={tiny_folder},batch_size=2", "--batch_size", 2, "--device", "cpu", *task) == flags
    for key, flag, value in (("batch_size", 4, 2), ("device", "cuda:1", "cpu")):
        with pytest.raises(SealError, match=f"--{key} {flag} and {key}={value} in --model_args differ; give one of them"):
            planned("--model_args", f"pretrained={tiny_folder},{key}={value}", f"--{key}", flag, *task)


def test_what_lm_eval_passes_itself_reaches_the_engine(tmp_path, tiny_folder):
    model_args = f"pretrained={tiny_folder},batch_size=2,device=cpu"
    folder = run(["--model_args", model_args, "--tasks", "seal_lines", "--metadata", METADATA, "--output_path", str(tmp_path)])
    (results,) = folder.glob("results_*.json")
    config = json.loads(results.read_text())["config"]
    assert (config["batch_size"], config["device"]) == (2, "cpu") and "batch_size" not in config["model_args"]


@pytest.mark.parametrize("engine", ["hf", "vllm"])
def test_types_that_only_our_engine_reads(tiny_folder, planned, engine):
    with pytest.raises(SealError, match=f"--model {engine}: dtype 4bit is a type of --model seal alone"):
        planned("--model", engine, "--model_args", f"pretrained={tiny_folder},dtype=4bit", "--tasks", "seal_lines", "--metadata", METADATA)
