"""Tricks beyond a forged field: names that read as another's, commands and settings at odds, and what would stop the site for everybody."""

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from test_forged import forged, packed  # noqa: F401

from seal_eval.core.errors import SealError
from seal_eval.core.files import sha256
from seal_eval.leaderboard import limits
from seal_eval.leaderboard.submissions import write_manifest
from seal_eval.leaderboard.verify import _check_together, check, check_all
from seal_eval.leaderboard.verify_fields import _check_costs, _check_method, _check_model, check_fields
from seal_eval.results.conditions import remarks
from seal_eval.results.records import load_runs
from seal_eval.results.sources import other_files

from forging import meta, said

ROOT = Path(__file__).resolve().parents[2]


def test_a_served_model_whose_letters_look_like_others(tmp_path):
    data = {"config": {"model": "served", "model_args": {"model": "Llаma"}}, "model_source": "served"}  # its а is Cyrillic
    with pytest.raises(SealError, match=r"model_args.model is .*, must be ASCII"):
        _check_model(tmp_path / "results.json", data)


@pytest.mark.parametrize(
    "name",
    ["\u0440lain", "plain\u3164", "plain\u2800", "PLAIN", "plain ", "SEAL", "SEAL-C", "self-extend", "LoRA", "seal+Plain", "x\u0301"],
    ids=ascii,
)
def test_a_name_that_reads_as_another(name, tmp_path):
    """In a table nobody could tell them apart, and the code of an unknown method is no part of a submission."""
    own = {"method": name, "about": {}, "settings": {}, "model": "m"}
    with pytest.raises(
        SealError, match=r"config.seal_eval.method is .*, must be (ASCII|a name that does not read as (plain|seal|self_extend|lora))"
    ):
        _check_method(tmp_path / "r.json", {"config": {"model": "seal", "model_args": {"method": name}, "seal_eval": own}})


@pytest.mark.parametrize("name", ["mine", "louder.py:Louder", "seal2", "sealed+mine"])
def test_names_of_methods_that_are_not_installed(name, tmp_path):
    own = {"method": name, "about": {}, "settings": {}, "model": "m"}
    _check_method(tmp_path / "r.json", {"config": {"model": "seal", "model_args": {"method": name}, "seal_eval": own}})


@pytest.mark.parametrize(("key", "name", "fits"), [("peft", "plain", False), ("delta", "o/Plain", False), ("peft", "o/lora", True)])
def test_an_adapter_called_plain(key, name, fits, tmp_path):
    """A run of lm-eval's engines is named after its adapter's folder; as 'plain' it would be what others are compared with."""
    data = {"config": {"model": "hf", "model_args": {"pretrained": "m", key: name}}}
    if fits:
        return _check_method(tmp_path / "r.json", data)
    with pytest.raises(SealError, match=rf"config.model_args.{key} is .*rename the adapter's folder"):
        _check_method(tmp_path / "r.json", data)


AT_ODDS = {
    "few-shot examples": (said(lambda t: t + " --num_fewshot 5"), "--num_fewshot says 5, the results file 0"),
    "other seeds": (said(lambda t: t + " --seed 5"), r"--seed says \[5, 5, 5, 5\], the results file \[0, 1234, 1234, 1234\]"),
    "a limit of nothing": (said(lambda t: t + " --limit 0"), "--limit says 0.0, the results file null"),
    "a chat template": (
        said(lambda t: t.replace("--metadata '{", """--apply_chat_template --metadata '{"chat_template": false, """)),
        "--apply_chat_template says true, the results file false",
    ),
    "a revision in the metadata alone": (meta(revision="other"), '--metadata says {"revision": null}, the results file {"revision": "oth'),
    "a token in the metadata alone": (meta(add_bos_token=False), "--metadata says .*add_bos_token"),
    "thinking in the metadata alone": (meta(enable_thinking=False), "--metadata says .*enable_thinking"),
    "stripped thinking": (meta(think_stripped=True), "--metadata says .*think_stripped"),
    "another data type": (lambda f: f.config.update(model_dtype="torch.float64") or f.both("dtype", "float32"), 'model_dtype is "float64"'),
}  # fmt: skip


@pytest.mark.parametrize("kind", AT_ODDS)
def test_command_and_settings_at_odds(kind, forged, tiny_folder):  # noqa: F811
    change, message = AT_ODDS[kind]
    change(forged)
    forged.pack()
    with pytest.raises(SealError, match=message) as error:
        check(forged.folder, str(tiny_folder))
    assert str(error.value).isprintable() and "; " in str(error.value)


def test_one_submission_with_a_run_twice(forged, tiny_folder):  # noqa: F811
    """The site would stop at it for everybody."""
    data = copy.deepcopy(forged.data) | {"git_hash": "abc"}
    again = shutil.copytree(forged.run, forged.folder / "again")
    (again / forged.results.name).write_text(json.dumps(data))
    again.rename(forged.folder / sha256(again / forged.results.name)[:12])
    write_manifest(forged.folder)
    with pytest.raises(SealError, match=r"method seal: sample \S+ is in two runs"):
        check_all(forged.folder, str(tiny_folder))


def with_own(run, **fields):
    return replace(run, run_id="f" * 12, config={**run.config, "seal_eval": {**run.config["seal_eval"], **fields}})


def test_other_weights_under_a_known_name(results):
    runs = load_runs(results)
    other = replace(with_own(runs[0], model_content="0" * 16), method="other")
    with pytest.raises(SealError, match="its weights may differ"):
        _check_together([*runs, other])
    unknown = replace(with_own(runs[0], model_content=None, model_source=None), method="other")
    _check_together([*runs, unknown])
    (text,) = other_files([*runs, unknown])
    assert text.startswith(f"tiny-llama may be another model in run {'f' * 12} than in run")
    assert other_files(runs) == []


def test_more_tokens_for_a_reply(results, tmp_path):
    """A task whose sizes are not in tokens has the same prompts with any budget, so they can be paired."""
    folder = shutil.copytree(results, tmp_path / "in")
    assert remarks(load_runs(folder), ["plain", "seal"]) == []
    (file,) = (folder / "tiny-llama__seal").glob("results_*.json")
    data = json.loads(file.read_text())
    data["configs"]["seal_needle"]["metadata"] |= {"answer_tokens": 4000}
    file.write_text(json.dumps(data))
    (text,) = remarks(load_runs(folder), ["plain", "seal"])
    assert "seal was not run as plain was (4,000 tokens for a reply to seal_needle, not" in text


def test_scales_that_nobody_can_draw(forged):  # noqa: F811
    about = forged.own["about"]
    about["mean_scales"] = [[1.0] * 100] * (limits.SCALES // 100)
    _check_costs(forged.results, forged.data)
    about["mean_scales"].append([1.0] * 100)
    with pytest.raises(SealError, match=r"mean_scales is \"25,700 numbers\", must be at most 25,600"):
        _check_costs(forged.results, forged.data)


def test_text_that_is_too_long_is_counted_in_characters(forged):  # noqa: F811
    forged.own["material"] = {"a": "b" * 500}
    with pytest.raises(SealError, match=r"material.a is .*, must have at most 400 characters; ") as error:
        check_fields(forged.results, forged.data)
    assert "validation" not in str(error.value)


def test_one_run_with_two_replies_to_a_sample(results):
    """lm-eval has two names for a task at one length, so a run can ask it twice."""
    runs = load_runs(results)
    again = tuple(replace(record, reply=f"{record.reply} or 5") for record in runs[0].records[:2])
    _check_together([replace(runs[0], records=runs[0].records + runs[0].records[:2]), *runs[1:]])
    with pytest.raises(SealError, match="has two replies, under two names of one task"):
        _check_together([replace(runs[0], records=runs[0].records + again), *runs[1:]])


def test_the_published_folders_pass_together():
    """Two suites asked other questions under the same ids; they are on two boards. Their samples are built again folder by folder."""
    _check_together(load_runs(ROOT / "leaderboard" / "results"))
