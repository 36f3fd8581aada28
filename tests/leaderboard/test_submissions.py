"""Packed runs: they hold nothing private and have the same results, and `check` names whatever was changed."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.core.files import sha256
from seal_eval.leaderboard.submissions import scrub, scrubbed, submit, write_manifest
from seal_eval.leaderboard.verify import check, check_all
from seal_eval.leaderboard.verify_fields import _check_method
from seal_eval.results.compare import compare
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs

from conftest import program, seal_eval

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def packed(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("submission") / "mine"
    done = seal_eval("submit", results, "--out", out)
    assert done.stdout.strip() == str(out / "submission.json")
    return out


def test_checked_on_the_command_line(packed, tiny_folder):
    done = seal_eval("check", packed.parent, "--tokenizer", tiny_folder)
    assert len(done.stdout.splitlines()) == 2 and "20 replies scored again, 20 samples built again" in done.stdout


def test_a_stock_run_with_a_chat_template(tiny_folder, tmp_path):
    """How the model was asked is read from the results, not from the command line of the check."""
    command = [
        program("lm_eval"), "--model", "hf", "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--metadata",
        '{"lengths": [500], "num_samples": 2}', "--apply_chat_template", "--system_instruction", "Be brief.", "--log_samples",
        "--output_path", tmp_path / "r", "--device", "cpu",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    submit(tmp_path / "r", tmp_path / "packed")
    (line,) = check(tmp_path / "packed", str(tiny_folder))
    assert line.endswith("2 replies scored again, 2 samples built again")


def test_says_what_the_results_say(results, packed):
    """The packed files have the same comparison rows as the original ones."""
    assert (
        compare(paired_scores_of(load_runs(packed), "tiny-llama")).rows == compare(paired_scores_of(load_runs(results), "tiny-llama")).rows
    )
    manifest = json.loads((packed / "submission.json").read_text())
    assert {run["run_id"] for run in manifest["runs"]} == {run.run_id for run in load_runs(packed)}


def test_nothing_private_is_left(packed, tiny_folder):
    for file in packed.rglob("*"):
        if file.is_file() and file.suffix != ".lock":
            text = (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).decode()
            assert str(tiny_folder.parent) not in text and "/tmp/" not in text and "/home/" not in text, file


def test_same_bytes_again(results, packed, tmp_path):
    submit(results, tmp_path / "again")
    assert (tmp_path / "again" / "submission.json").read_bytes() == (packed / "submission.json").read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pretrained=/home/ann/models/tiny,x=1", "pretrained=tiny,x=1"),
        ("--out ~/runs/a b", "--out a b"),
        (r"C:\Users\ann\tiny", "tiny"),
        ("see https://example.org/a/b and org/model, 3 / 4, a/b", "see https://example.org/a/b and org/model, 3 / 4, a/b"),
        ("'/a/b/c.py'", "'c.py'"),
        (f"token=hf_{'Ab3' * 12},x=1", "token=HF_TOKEN,x=1"),
        ("hf_transfer, hf_hub_log_args", "hf_transfer, hf_hub_log_args"),
        ("/no_think </s> [INST]2[/INST] <</SYS>> Q:\nread", "/no_think </s> [INST]2[/INST] <</SYS>> Q:\nread"),
    ],
)
def test_scrub(text, expected):
    assert scrub(text) == expected and scrub(expected) == expected


def test_a_model_folder_is_its_name():
    """A model's folder is replaced by its name, wherever it is; prompts are not changed."""
    for place in ("/home/ann/my models/llama", "/data/lr=1e-4/llama/", r"C:\Users\ann\llama", "~/llama"):
        assert scrubbed({"model_args": {"pretrained": place}}) == {"model_args": {"pretrained": "llama"}}
    kept = {"system_instruction": "Read /home/ann/notes first.", "pretrained": "org/llama"}
    assert scrubbed(kept) == kept


def rewritten(folder, change=lambda rows: rows, said=lambda data: None):
    """Change a submission's first run and update the manifest, as a cheater would; returns the run's folder."""
    (run, *_) = sorted(file.parent for file in folder.rglob("results_*.json"))
    (results,) = run.glob("results_*.json")
    data = json.loads(results.read_text())
    said(data)
    results.write_text(json.dumps(data))
    (file,) = run.glob("samples_seal_lines_*.gz")
    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    rows = change(rows) or rows
    file.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode(), mtime=0))
    run = run.rename(folder / sha256(results)[:12])
    write_manifest(folder)
    return run


def better(rows):
    rows[0]["acc"] = 1.0


def easier(rows):
    for row in rows:
        row["doc"]["input"] = "The number is 5. " + row["doc"]["input"][17:]


def asked(rows, prompt):
    for row in rows:
        row["arguments"]["gen_args_0"]["arg_0"] = prompt(row)
        row["prompt_hash"] = hashlib.sha256(prompt(row).encode()).hexdigest()


def something_else(rows):
    asked(rows, lambda row: "What is 1 + 1?")


def hinted(rows):
    asked(rows, lambda row: f"{row['doc']['input']} (It is {row['doc']['answer']})")


def called_the_same(rows):
    rows[0]["prompt_hash"] = rows[1]["prompt_hash"]


def foreign(rows):
    rows[0]["doc"]["sample_id"] = "seal_lines-eval-450-0-99"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (better, "line 1: acc is 1.0, but the reply scores 0.0"),
        (easier, "line 1: input of sample .* is not what seal_lines builds"),
        (something_else, "line 1: the prompt of sample .* is not rendered from its input"),
        (hinted, "line 1: the prompt of sample .* is not rendered from its input"),
        (called_the_same, "line 1: prompt_hash of sample .* is not the hash of its prompt"),
        (foreign, "line 1: sample seal_lines-eval-450-0-99 is not one that seal_lines builds"),
    ],
)
def test_deceit_is_named(packed, tiny_folder, tmp_path, change, message):
    copy = shutil.copytree(packed, tmp_path / "copy")
    with pytest.raises(SealError, match=message):
        rewritten(copy, change)
        check(copy, str(tiny_folder))


def test_chosen_samples_are_named(packed, tiny_folder, tmp_path):
    """No requested sample may be left out; with --limit, a run holds the first ones. An honest limit passes in test_forged.py."""

    def cut(data, limit=None):
        data["n-samples"]["seal_lines"]["effective"] = 4
        data["config"]["limit"] = limit

    for name, keep, limit, message in (
        ("best", slice(1, 5), None, "lacks 6 of"),
        ("late", slice(1, 5), 4.0, "lacks 1 of"),
    ):
        copy = shutil.copytree(packed, tmp_path / name)
        rewritten(copy, lambda rows, keep=keep: rows[keep], lambda data, limit=limit: cut(data, limit))
        with pytest.raises(SealError, match=message):
            check(copy, str(tiny_folder))


def test_what_comes_along_is_not_built_from(packed, tiny_folder, tmp_path, monkeypatch):
    def with_data(data):
        data["configs"]["seal_lines"]["metadata"]["longeval_data"] = "mine"

    copy = shutil.copytree(packed, tmp_path / "data")
    rewritten(copy, said=with_data)
    with pytest.raises(SealError, match="longeval_data=mine names files of your own"):
        check(copy, str(tiny_folder))
    shutil.copytree(tiny_folder, tmp_path / tiny_folder.name)  # a folder with the tokenizer's name
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SealError, match="is also a folder here; pass --tokenizer"):
        check(packed)


def test_every_run_is_checked(packed, tiny_folder, tmp_path):
    """A run listed among another run's files, or hidden in its folder, would appear on the leaderboard too, so it is refused."""
    copy = shutil.copytree(packed, tmp_path / "among")
    true = json.loads((copy / "submission.json").read_text())["runs"]
    rewritten(copy, something_else)
    manifest = json.loads((copy / "submission.json").read_text())
    hidden, shown = sorted(manifest["runs"], key=lambda run: run["run_id"] in {r["run_id"] for r in true})
    shown["files"] |= hidden["files"]
    (copy / "submission.json").write_text(json.dumps(manifest | {"runs": [shown]}))
    with pytest.raises(SealError, match="is in another run's folder"):
        check(copy, str(tiny_folder))

    copy = shutil.copytree(packed, tmp_path / "behind")
    manifest = json.loads((copy / "submission.json").read_text())
    run = manifest["runs"][0]
    for file in sorted((copy / run["run_id"]).iterdir()):
        later = file.with_name(re.sub(r"_20\d\d-", "_2019-", file.name))
        shutil.copyfile(file, later)
        run["files"][f"{run['run_id']}/{later.name}"] = sha256(later)
    (copy / "submission.json").write_text(json.dumps(manifest))
    with pytest.raises(SealError, match="must list every run once"):
        check(copy, str(tiny_folder))


def test_broken_packages_are_named(packed, tiny_folder, tmp_path):
    def refused(name, change, message):
        copy = shutil.copytree(packed, tmp_path / name)
        manifest = json.loads((copy / "submission.json").read_text())
        change(copy, manifest)
        (copy / "submission.json").write_text(json.dumps(manifest))
        with pytest.raises(SealError, match=message):
            check(copy, str(tiny_folder))

    file = next(packed.rglob("samples_*.gz")).relative_to(packed)
    refused("schema", lambda _, m: m.update(schema=2), "schema: 1 was expected")
    refused("field", lambda _, m: m["runs"][0].pop("model"), "runs/0: 'model' is a required property")
    refused("outside", lambda _, m: m["runs"][0]["files"].update({"../../etc/passwd": "0" * 64}), "runs/0/files")
    refused("hash", lambda c, _: (c / file).write_bytes(b"x"), "its SHA-256 differs from the manifest's")
    refused("gone", lambda c, _: (c / file).unlink(), "is missing")
    refused("more", lambda c, _: (c / "extra.txt").write_text("x"), "extra.txt is not listed")
    refused("count", lambda _, m: m["runs"][0].update(n_samples=99), r"does not match its files \(n_samples=99, not 20\)")
    refused("method", lambda _, m: m["runs"][0].update(method="mine"), "does not match its files .method=mine")

    def link(copy, manifest):
        (copy / file).rename(copy.parent / "elsewhere")
        (copy / file).symlink_to(copy.parent / "elsewhere")

    def path(copy, manifest):
        command = next(copy.rglob("command_*.txt"))
        command.write_text(command.read_text() + " /home/ann/secret")
        run = next(r for r in manifest["runs"] if r["run_id"] == command.parent.name)
        run["files"][f"{command.parent.name}/{command.name}"] = sha256(command)

    refused("link", link, "is a link")
    refused("path", path, "contains the absolute path '/home/ann/secret'")
    assert "holds no submission.json" in seal_eval("check", tmp_path / "schema" / file.parent, code=1).stderr


def test_results_beside_submissions(packed, results, tiny_folder, tmp_path):
    """The site would be built from all of them, so results outside of submissions are refused."""
    shutil.copytree(packed, tmp_path / "all" / "packed")
    shutil.copytree(results, tmp_path / "all" / "loose")
    with pytest.raises(SealError, match=r"loose/.*results_.*json belongs to no submission"):
        check_all(tmp_path / "all", str(tiny_folder))


def test_not_over_something(results, packed):
    before = sorted(packed.rglob("*"))
    assert "already exists" in seal_eval("submit", results, "--out", packed, code=1).stderr
    assert sorted(packed.rglob("*")) == before


@pytest.mark.parametrize(
    "folder",
    ["smollm2-within", "smollm2-beyond", "smollm2-tuning", pytest.param("gemma-within", marks=pytest.mark.nightly)],
)
def test_the_published_results_still_pass(folder):
    """Methods, tasks and checks change; what was published before must go on to be accepted.

    Gemma's terms must be accepted and its download takes minutes, so its samples are built again nightly; its replies are scored again
    by every test that reads the published runs.
    """
    if folder.startswith("gemma"):
        seal_eval("models", "pull", "gemma-3-270m", "--accept-licence")
    seal_eval("check", ROOT / "leaderboard" / "results" / folder)


def test_every_published_folder_is_checked():
    folders = {file.parent.name for file in (ROOT / "leaderboard" / "results").glob("*/submission.json")}
    assert folders == {"smollm2-within", "smollm2-beyond", "smollm2-tuning", "gemma-within"}


def test_a_setting_that_a_method_got_since_the_run_may_be_missing(results, tmp_path):
    """Only while nobody gave it: then the run had its default."""
    copied = shutil.copytree(results, tmp_path / "results")
    (file,) = [f for f in copied.rglob("results_*.json") if json.loads(f.read_text())["config"]["seal_eval"]["method"] == "seal"]
    data = json.loads(file.read_text())
    settings = data["config"]["seal_eval"]["settings"]
    left = {key: value for key, value in settings.items() if key != "adapter"}
    assert _check_method(file, data) is None
    data["config"]["seal_eval"]["settings"] = {"adapter": settings["adapter"]}
    assert _check_method(file, data) is None
    for wrong in (left, settings | {"adapter": "another"}, settings | {"strength": 2}):
        data["config"]["seal_eval"]["settings"] = wrong
        with pytest.raises(SealError, match=r"config\.seal_eval\.settings"):
            _check_method(file, data)
