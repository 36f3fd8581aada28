"""Nothing is lost: runs that are killed, interrupted, repeated or spread over processes write the same records as an undisturbed one."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seal_eval.core.errors import SealError
from seal_eval.core.folders import only_writer
from seal_eval.harness import resume
from seal_eval.harness.reply_log import Journal, keys, recording
from seal_eval.harness.resume import complete, fingerprint, in_order, logged_replies, spec_id
from seal_eval.results.records import load_runs

from conftest import program, seal_eval, torchrun

BIN = Path(sys.executable).parent
METADATA = '{"lengths": [450], "num_samples": 24, "questions_per_record": 2}'


def argv(model, out, *more):
    metadata = ["--metadata", METADATA, "--device", "cpu"]
    return ["run", "--model_args", f"pretrained={model}", "--tasks", "seal_lines", *metadata, "--output_path", str(out), *more]


def sample_bytes(out):
    (file,) = out.rglob("samples_*.jsonl")
    assert not list(out.rglob(".run-*"))
    return file.read_bytes()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, tiny_folder):
    out = tmp_path_factory.mktemp("quiet")
    seal_eval(*argv(tiny_folder, out))
    return sample_bytes(out)


@pytest.mark.parametrize("how", [("6", "4"), ("4", "8", "hf")], ids=["seal", "hf"])
def test_killed_at_any_moment(how):
    """A short version of `python tests/kills.py 200`, also with lm-eval's own engine."""
    command = [program("python"), Path(__file__).parents[1] / "kills.py", *how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    random, steps = done.stdout.strip().splitlines()[-2:]
    assert int(random.split()[0]) >= int(how[0]) and "nothing lost, doubled or changed" in random
    assert int(re.search(r"at (\d+) of", steps)[1]) >= (7 if how[0] == "6" else 3)


# the console script, which stops behind its third reply until a signal comes: a test that is late must not find the run complete
WAITS = """
import runpy, sys, time
from seal_eval.harness.reply_log import Journal
add = Journal.add

def waits(self, pairs):
    add(self, pairs)
    while len(self.replies) >= 3:
        time.sleep(60)

Journal.add, sys.argv = waits, sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_ctrl_c_then_on(tmp_path, tiny_folder, quiet):
    running = subprocess.Popen(
        [sys.executable, "-c", WAITS, BIN / "seal-eval", *argv(tiny_folder, tmp_path)], stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # children of a background job ignore SIGINT
    )  # fmt: skip
    while logged_replies(tmp_path / f"{tiny_folder.name}__plain") < 3:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=300)[1]
    assert running.returncode == 130 and "nothing is lost, run the same command again to continue" in said and "Traceback" not in said
    assert not list(tmp_path.rglob("results_*.json"))
    done = seal_eval(*argv(tiny_folder, tmp_path))
    found = re.search(r"(\d+) replies of an earlier attempt were found", done.stderr)
    assert found and 0 < int(found[1]) < 24
    assert sample_bytes(tmp_path) == quiet


def test_finished_is_not_run_again_and_other_settings_are(tmp_path, tiny_folder, quiet):
    seal_eval(*argv(tiny_folder, tmp_path))
    again = seal_eval(*argv(tiny_folder, tmp_path, "--batch_size", "4"))  # the batch size does not make it another run
    assert "finished before; nothing was run again. It ran with batch_size=1" in again.stderr and sample_bytes(tmp_path) == quiet
    assert "It ran with" not in seal_eval(*argv(tiny_folder, tmp_path)).stderr
    seal_eval(*argv(tiny_folder, tmp_path, "--limit", "3"))
    assert sorted(len(run.records) for run in load_runs(tmp_path)) == [3, 24]


def test_second_process_is_refused(tmp_path, tiny_folder):
    seal_eval(*argv(tiny_folder, tmp_path))
    (spec,) = tmp_path.rglob("spec_*.json")
    ident = json.loads(spec.read_text())["spec_id"]
    with only_writer(spec.parent / f".run-{ident}"):
        done = seal_eval(*argv(tiny_folder, tmp_path), code=1)
    assert "another process is writing to" in done.stderr


# `python -m seal_eval`, which writes down of how many prompts each process is asked
SAYS = """
import os, pathlib, runpy
from lm_eval.models.huggingface import HFLM
from seal_eval.harness.seal_lm import SealLM

def saying(generate):
    def says(self, requests, *args, **kwargs):
        with pathlib.Path(f"asked-{os.environ['RANK']}").open("a") as file:
            file.write(f"{len(requests)} ")
        with pathlib.Path(f"records-{os.environ['RANK']}").open("a") as file:
            file.write("".join(f"{request.doc['document']}\\n" for request in requests))
        return generate(self, requests, *args, **kwargs)
    return says

HFLM.generate_until, SealLM.generate_until = saying(HFLM.generate_until), saying(SealLM.generate_until)
runpy.run_module("seal_eval", run_name="__main__")
"""


@pytest.mark.parametrize("engine", ["seal", "hf"])
def test_two_processes_share_a_run(tmp_path, tiny_folder, quiet, engine):
    """Data-parallel processes, as torchrun and accelerate start them, write the same records as one, in the same order."""
    (tmp_path / "says.py").write_text(SAYS)
    command = torchrun(tmp_path / "says.py", *argv(tiny_folder, tmp_path / "out", "--model", engine))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [(tmp_path / f"asked-{n}").read_text().split()[0] for n in range(2)] == ["12", "12"]
    if engine == "seal":
        assert sample_bytes(tmp_path / "out") == quiet
        one, other = ({*(tmp_path / f"records-{n}").read_text().split()} for n in range(2))
        assert len(one) + len(other) == 12 and not one & other  # each record is read by one process
        (run,) = load_runs(tmp_path / "out")
        own = run.config["seal_eval"]
        assert own["processes"] == 2 and own["pace"]["prompt_tokens"] == sum(record.n_tokens for record in run.records)
    assert [json.loads(row)["doc_id"] for row in sample_bytes(tmp_path / "out").splitlines()] == list(range(24))


def test_journal(tmp_path):
    journal = Journal(tmp_path)
    journal.add([("a", "one\n"), ("b", "")])
    journal.close()
    with journal.path.open("ab") as file:
        file.write(b'{"key": "c", "rep')  # a process was killed while writing
    again = Journal(tmp_path)
    assert again.replies == {"a": "one\n", "b": ""} and again.n_found == 2
    again.add([("c", "three")])
    again.close()
    other = Journal(tmp_path, rank=1)
    other.add([("d", "four")])
    assert Journal(tmp_path).replies.keys() == {*"abcd"}
    with journal.path.open("ab") as file:
        file.write(b'{"key": "e"}\n{"key": "f", "reply": "six"}\n')
    with pytest.raises(SealError, match=r"replies-0\.jsonl, line 4: not a reply"):
        Journal(tmp_path)


def test_full_disk(tmp_path):
    """Writing to /dev/full fails: earlier replies are kept, and the error says how to continue."""
    journal = Journal(tmp_path, rank=1)
    journal.add([("a", "kept")])
    journal.close()
    full = Journal(tmp_path, rank=2)
    full._file.close()
    full._file = Path("/dev/full").open("ab")  # noqa: SIM115
    with pytest.raises(SealError, match="No space left on device; the 1 replies before are kept: make room and repeat"):
        full.add([("b", "lost")])
    assert full.replies == {"a": "kept"}


def test_full_disk_of_a_run(tmp_path):
    """The user sees the error from writing the reply, not the one from closing the file."""
    (tmp_path / "replies-0.jsonl").symlink_to("/dev/full")
    with pytest.raises(SealError, match="No space left on device; the 0 replies before are kept"), recording(tmp_path) as journal:
        journal.add([("a", "lost")])


def written(out):
    out.mkdir()
    (out / "results_1.json").write_text("{}")


def test_killed_while_clearing_away(tmp_path, monkeypatch):
    """A run is killed while it removes its working folder: the mark of a complete run is removed before the files it refers to."""
    spec, remove = {"a": 1}, shutil.rmtree
    scratch = tmp_path / f".run-{spec_id(spec)}"

    def dies(folder, **_):
        if folder == scratch:
            remove(folder / "out")
            raise KeyboardInterrupt

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(resume.shutil, "rmtree", dies)
        complete(tmp_path, spec, "command", written)
    assert scratch.is_dir() and not (scratch / "whole").exists()
    again = complete(tmp_path, spec, "command", written)
    assert again == (tmp_path / "results_1.json", "this run was finished before; nothing was run again") and not scratch.exists()


def test_mark_of_a_whole_run_alone(tmp_path):
    """A working folder with only that mark, which earlier versions could leave, is removed."""
    spec = {"a": 1}
    complete(tmp_path, spec, "command", written)
    scratch = tmp_path / f".run-{spec_id(spec)}"
    scratch.mkdir()
    (scratch / "whole").touch()
    assert "finished before" in complete(tmp_path, spec, "command", written)[1] and not scratch.exists()


@given(st.binary(max_size=200))
def test_any_journal_is_read_or_refused(tmp_path_factory, raw):
    folder = tmp_path_factory.mktemp("journal")
    (folder / "replies-0.jsonl").write_bytes(raw)
    try:
        journal = Journal(folder)
    except SealError as error:
        assert "line" in str(error)
    else:
        assert all(isinstance(reply, str) for reply in journal.replies.values())
        journal.close()


def test_keys():
    greedy, sampled = {"do_sample": False}, {"do_sample": True}
    found = keys([("a", greedy), ("b", greedy), ("a", sampled), ("a", greedy)])
    assert len(set(found)) == 4 and found[3] == found[0] + "-1"
    assert keys([("a", {"x": 1, "y": 2})]) == keys([("a", {"y": 2, "x": 1})])


def test_spec_and_fingerprint(tmp_path):
    assert spec_id({"a": 1, "b": [2]}) == spec_id({"b": [2], "a": 1}) != spec_id({"a": 1, "b": [3]})
    (tmp_path / "w").write_bytes(b"x" * 10)
    before = fingerprint(tmp_path)
    (tmp_path / "w").write_bytes(b"x" * 9 + b"y")
    assert fingerprint(tmp_path) != before


def test_samples_in_order(tmp_path):
    file = tmp_path / "samples.jsonl"
    lines = [json.dumps({"doc_id": i, "filter": f}) + "\n" for i, f in ((0, "a"), (2, "a"), (1, "a"), (1, "b"))]
    file.write_text("".join(lines))
    in_order(file)
    assert file.read_text() == lines[0] + lines[2] + lines[3] + lines[1]
    assert list(tmp_path.iterdir()) == [file]
