"""What --limit, --samples, --device and --metadata ask for is done or refused before a model is loaded; lm-eval would do otherwise."""

import json

import pytest
import torch

from seal_eval.core.errors import SealError
from seal_eval.harness.chosen import check_chosen, check_limit, chosen_samples
from seal_eval.harness.command_line import lm_eval_command
from seal_eval.harness.run import run
from seal_eval.models.placement import check_device, check_device_name


@pytest.mark.parametrize("limit", [None, 1, 3.0, 0.25, 1e6])
def test_limits(limit):
    check_limit(limit)


@pytest.mark.parametrize("limit", [0, 0.0, -1, -0.5, 1.5, float("nan"), float("inf"), "3", True])
def test_limits_that_lm_eval_would_not_obey(limit):
    with pytest.raises(SealError, match=r"--limit is .*, must be a whole number of samples, at least 1, or a share"):
        check_limit(limit)


@pytest.mark.parametrize(
    ("samples", "limit", "message"),
    [
        ({}, None, r"--samples is \{\}, must name at least one task"),
        ([0, 1], None, r"--samples is \[0, 1\], must name"),
        ({"seal_lines": []}, None, r"seal_lines has \[\], must have a list of numbers, counted from 0"),
        ({"seal_lines": [-1]}, None, r"seal_lines has \[-1\], must have"),
        ({"seal_lines": [0.5]}, None, r"seal_lines has \[0.5\], must have"),
        ({"seal_lines": [True]}, None, r"seal_lines has \[True\], must have"),
        ({"seal_lines": 3}, None, r"seal_lines has 3, must have"),
        ({"seal_lines": [2, 0, 2]}, None, "seal_lines has 2 twice"),
        ({"seal_lines": [0]}, 2, "--samples and --limit: lm-eval takes one of the two"),
        ("nowhere.json", None, "nowhere.json is no file here and no JSON"),
    ],
)
def test_samples_that_are_wrong(samples, limit, message):
    with pytest.raises(SealError, match=message):
        chosen_samples(samples, limit)


def test_samples_in_a_file(tmp_path):
    (tmp_path / "some.json").write_text('{"seal_lines": [1, 0]}')
    assert chosen_samples(str(tmp_path / "some.json")) == {"seal_lines": [1, 0]} and chosen_samples(None, 3) == {}


def test_samples_that_do_not_exist():
    check_chosen({"seal_lines": [0, 2], "hellaswag": [10_000]}, {"seal_lines": 3}, others=True)
    with pytest.raises(SealError, match=r"seal_lines has samples 0 to 2, and 3 is named"):
        check_chosen({"seal_lines": [0, 3]}, {"seal_lines": 3}, others=True)
    with pytest.raises(SealError, match=r"--samples names seal_linse, which is not run; did you mean 'seal_lines'"):
        check_chosen({"seal_linse": [0]}, {"seal_lines": 3}, others=False)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--limit", "0"), "--limit is 0.0"),
        (("--samples", '{"seal_linse": [0]}'), "names seal_linse, which is not run; did you mean 'seal_lines'"),
        (("--samples", '{"seal_lines": [2]}'), "seal_lines has samples 0 to 1, and 2 is named"),
        (("--device", "gpu"), "device 'gpu' is not known; write one of cpu, cuda"),
        (("--device", "cuda:99"), r"--device cuda:99 is not on this machine, which has cpu"),
    ],
)
def test_a_run(tmp_path, tiny_folder, flags, message):
    metadata = json.dumps({"lengths": [500], "num_samples": 2})
    args = ["--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--metadata", metadata, "--output_path", str(tmp_path)]
    with pytest.raises(SealError, match=message):
        run([*args, *flags])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--metadata", "--model_args", "--gen_kwargs"])
def test_settings_behind_json(capsys, flag):
    parse = lm_eval_command()._parser.parse_args
    with pytest.raises(SystemExit) as stop:
        parse(["run", flag, '{"lengths": [512]}', "num_samples=4"])
    assert stop.value.code == 2
    assert f"argument {flag}: 'num_samples=4' behind a JSON object; write all as JSON, or all as NAME=VALUE" in capsys.readouterr().err
    args = parse(["run", flag, '{"lengths": [512]}', flag, "num_samples=4"])
    assert getattr(args, flag[2:]) == {"lengths": [512], "num_samples": 4}
    assert getattr(parse(["run", flag, "lengths=[512]", "num_samples=4"]), flag[2:]) == {"lengths": [512], "num_samples": 4}


def test_devices(monkeypatch):
    for name in ("cpu", "cuda", "cuda:1", "mps", "xpu:0"):
        check_device_name(name)
    check_device("cpu")
    for name in ("cuda:", "cuda:x", "GPU", "0", "cuda:-1"):
        with pytest.raises(SealError, match="is not known"):
            check_device_name(name)
    with pytest.raises(SealError, match="--device cpu:0 is not on this machine, which has cpu"):
        check_device("cpu:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_device("cuda")
    check_device("cuda:1")
    with pytest.raises(SealError, match="--device cuda:2 is not on this machine, which has cpu, cuda, cuda:0, cuda:1"):
        check_device("cuda:2")
