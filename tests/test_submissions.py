"""Packed runs: nothing private in them, the same board from them, and whatever is not so is refused by name."""

import gzip
import json
import shutil

import pytest

from seal_eval.compare import compare
from seal_eval.design import design_of
from seal_eval.errors import SealError
from seal_eval.files import sha256
from seal_eval.leaderboard.submissions import check, scrub, submit
from seal_eval.records import load_runs

from conftest import seal_eval


@pytest.fixture(scope="module")
def packed(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("submission") / "mine"
    done = seal_eval("submit", results, "--out", out)
    assert done.stdout.strip() == str(out / "submission.json")
    return out


def test_checked_on_the_command_line(packed, tiny_folder):
    done = seal_eval("check", packed.parent, "--tokenizer", tiny_folder)
    assert len(done.stdout.splitlines()) == 2 and "20 replies scored again, 20 samples built again" in done.stdout


def test_says_what_the_results_say(results, packed):
    """The same rows from the packed files as from those of the run."""
    assert compare(design_of(load_runs(packed), "tiny-llama")).rows == compare(design_of(load_runs(results), "tiny-llama")).rows
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
    ],
)
def test_scrub(text, expected):
    assert scrub(text) == expected and scrub(expected) == expected


def rewritten(folder, which, change):
    """Change a file, then mend its hash in the manifest, as someone would who means to deceive."""
    manifest = json.loads((folder / "submission.json").read_text())
    for run in manifest["runs"]:
        for name in run["files"]:
            if which in name:
                file = folder / name
                if file.suffix == ".gz":
                    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
                    change(rows)
                    file.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode(), mtime=0))
                else:
                    file.write_text(change(file.read_text()))
                run["files"][name] = sha256(file)
    (folder / "submission.json").write_text(json.dumps(manifest))


def better(rows):
    rows[0]["acc"] = 1.0


def easier(rows):
    for row in rows:
        row["doc"]["input"] = "The number is 5. " + row["doc"]["input"][17:]


def hinted(rows):
    for row in rows:
        row["arguments"]["gen_args_0"]["arg_0"] = "What is 1 + 1?"


def foreign(rows):
    rows[0]["doc"]["sample_id"] = "seal_lines-eval-400-0-99"


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        ("samples_seal_lines", better, "line 1: acc is 1.0, but the reply scores 0.0"),
        ("samples_seal_lines", easier, "line 1: input of sample .* is not what seal_lines builds"),
        ("samples_seal_lines", hinted, "line 1: the prompt of sample .* is not its input"),
        ("samples_seal_lines", foreign, "line 1: sample seal_lines-eval-400-0-99 is not one that seal_lines builds"),
        ("command_", lambda text: text + " /home/ann/secret", "holds an absolute path, '/home/ann/secret'"),
    ],
)
def test_deceit_is_named(packed, tiny_folder, tmp_path, which, change, message):
    copy = shutil.copytree(packed, tmp_path / "copy")
    rewritten(copy, which, change)
    with pytest.raises(SealError, match=message):
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
    refused("hash", lambda c, _: (c / file).write_bytes(b"x"), "its SHA-256 is not the manifest's")
    refused("gone", lambda c, _: (c / file).unlink(), "is missing")
    refused("more", lambda c, _: (c / "extra.txt").write_text("x"), "extra.txt is not listed")
    refused("count", lambda _, m: m["runs"][0].update(n_samples=99), "does not say what its files say")
    assert "holds no submission.json" in seal_eval("check", tmp_path / "schema" / file.parent, code=1).stderr


def test_not_over_something(results, packed):
    before = sorted(packed.rglob("*"))
    assert "is not empty" in seal_eval("submit", results, "--out", packed, code=1).stderr
    assert sorted(packed.rglob("*")) == before
