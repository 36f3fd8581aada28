"""From metadata to lm-eval's documents: defaults, order, cache, the user's own haystacks, and errors before a model is loaded."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.command_line import stock_arguments, stock_prompt_flags
from seal_eval.harness.dataset import _build, _code, build_rows, documents, load_prompt_format
from seal_eval.harness.metrics import process_results
from seal_eval.harness.task_config import read_spec
from seal_eval.harness.task_yaml import yaml_files
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import tasks
from seal_eval.tasks.lines import Lines

from conftest import program, seal_eval
from tokenizers_made import made


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEAL_EVAL_CACHE", str(tmp_path / "cache"))
    _build.cache_clear()
    return tmp_path / "cache"


def rows(folder, task="seal_lines", **metadata):
    return documents(task, pretrained=str(folder), **metadata)["test"]


def test_order_and_fields(tiny_folder):
    found = rows(tiny_folder, lengths=[700, 450], num_samples=5, dtype="float32")
    assert [r["length"] for r in found] == [450, 700] * 5  # lengths alternate, so any --limit is balanced
    assert set(found.features) >= {"sample_id", "length", "n_tokens", "depth", "document", "targets", "seed"}


@pytest.mark.parametrize("name", list(tasks()))
def test_defaults_fit_the_window(tiny_folder, name):
    """Every task has documents for a window of 2,048 tokens by default, and all of them fit it."""
    found = rows(tiny_folder, name, num_samples=2)
    assert len(found) and all(n + a <= 2048 for n, a in zip(found["n_tokens"], found["answer_tokens"], strict=True))
    if tasks()[name].unit == "tokens":
        assert found["length"] == [1024, 2048] * 2
    assert process_results(found[0], [found[0]["answer"]])["acc"] == 1.0


def test_small_windows(tiny_folder):
    assert rows(tiny_folder, max_length=600, num_samples=1)["length"] == [512]
    assert read_spec("seal_lines", {"pretrained": str(tiny_folder), "max_length": 131072}).sizes[-1] == 131072
    with pytest.raises(SealError, match="window of 100 tokens is below 256"):
        rows(tiny_folder, max_length=100)
    assert set(rows(tiny_folder, "seal_longeval_lines", max_length=32768, num_samples=2)["length"]) >= {200, 300}  # LongEval's own sizes


def test_default_lengths_that_cannot_be_built_are_left_out(tmp_path, capsys):
    """With one token per byte, sixty words need more than 1,024 tokens: by default that length is skipped, if requested it is an error."""
    made("bytes").save_pretrained(tmp_path / "t")
    common = {"tokenizer": str(tmp_path / "t"), "max_length": 2048, "num_samples": 2}
    (tmp_path / "t" / "config.json").write_text("{}")
    assert documents("seal_common_words", **common)["test"]["length"] == [2048] * 2
    assert "length 1024 cannot be filled" in capsys.readouterr().err
    with pytest.raises(SealError, match="length 1024 cannot be filled"):
        documents("seal_common_words", **common, lengths=[1024, 2048])


def test_settings_reach_the_task(tiny_folder):
    found = rows(tiny_folder, "seal_needle", lengths=[800], num_samples=2, value="uuid", haystack="noise", answer_prefix=False)
    assert len(found[0]["targets"][0]) == 36 and "The grass is green." in found[0]["input"] and found[0]["prefix"] == ""
    found = rows(tiny_folder, lengths=800, num_samples=6, questions_per_record=3)
    assert len(set(found["document"])) == 2
    assert rows(tiny_folder, "seal_lines", lengths=[800], num_samples=2, haystack="noise")  # a setting of another task is ignored


def test_depths_of_one_haystack(tiny_folder):
    """Eleven depths in one text: prompts are the same up to the needle, and form one cluster."""
    found = rows(tiny_folder, "seal_needle", lengths=[4000], max_length=4000, num_samples=22, depths_per_haystack=11)
    for text in (found.select(range(11)), found.select(range(11, 22))):
        assert len(set(text["document"])) == 1 and len({text["keys"][i][0] for i in range(11)}) == 11
        assert sorted(round(10 * d) for d in text["depth"]) == sorted(round(10 * d) for d in found["depth"][:11])
        order = sorted(text, key=lambda doc: doc["depth"])
        for one, next_ in pairwise(order):
            same = next(i for i, (a, b) in enumerate(zip(one["input"], next_["input"], strict=False)) if a != b)
            needle = one["input"].index(one["targets"][0])
            assert same >= min(needle - 120, 0.8 * len(one["input"]))  # each prompt's last sentences differ: they fill it to the length
    assert found["document"][0] != found["document"][11]
    alone = rows(tiny_folder, "seal_needle", lengths=[1500], num_samples=2)
    assert alone["input"] == rows(tiny_folder, "seal_needle", lengths=[1500], num_samples=2, depths_per_haystack=1)["input"]


def test_window_may_be_longer_when_the_method_extends_it(tiny_folder):
    assert rows(tiny_folder, lengths=[3000], num_samples=1, max_length=4096)[0]["n_tokens"] > 2048


@pytest.mark.parametrize(
    ("task", "metadata", "message"),
    [
        ("seal_lines", {"lengths": [4096]}, "length 4096 is above the model's window of 2048"),
        ("seal_lines", {"lengths": [0]}, "length 0 is not a positive"),
        ("seal_lines", {"lengths": [-5]}, "length -5 is not a positive"),
        ("seal_lines", {"lengths": "many"}, "length 'many'"),
        ("seal_lines", {"lengths": [512, 512]}, "twice"),
        ("seal_lines", {"lengths": [100]}, "length 100 cannot be filled with this tokenizer; the smallest that can is about"),
        ("seal_lines", {"lenghts": [512]}, "unknown metadata key 'lenghts'; did you mean 'lengths'"),
        ("seal_lines", {"num_samples": 0}, "num_samples is 0"),
        ("seal_lines", {"seed": -1}, "seed is -1"),
        ("seal_lines", {"answer_prefix": "perhaps"}, "answer_prefix is 'perhaps', must be true or false"),
        ("seal_lines", {"chat_template": 3}, "chat_template is 3"),
        ("seal_lines", {"tokenizer": "nowhere"}, "model 'nowhere' is no folder"),
        ("seal_longeval_lines", {"lines": [200]}, "200 lines make a prompt of .* above the model's window of 2048"),
        ("seal_longeval_topics", {"topics": [99]}, "99 topics are asked for, .* belong to eval"),
        ("seal_needle", {"haystack": "hay"}, "haystack 'hay' is no folder; choose prose, noise, needles"),
        ("seal_needle", {"haystack": 5}, "haystack is 5"),
        ("seal_needle", {"keys": "two"}, "keys is 'two'"),
    ],
)
def test_bad_metadata(tiny_folder, task, metadata, message):
    with pytest.raises(SealError, match=message):
        rows(tiny_folder, task, **metadata)


def test_haystack_of_the_users_own(tiny_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SealError, match=r"holds no text: 0 \.txt files"):
        rows(tiny_folder, "seal_needle", haystack=str(tmp_path / "empty"))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.txt").write_bytes(b"Good text. \xff\xfe")
    with pytest.raises(SealError, match=r"a\.txt is not UTF-8"):
        rows(tiny_folder, "seal_needle", haystack=str(tmp_path / "bad"))
    folder = tmp_path / "mine"
    folder.mkdir()
    for k in range(6):
        (folder / f"{k}.txt").write_text(" ".join(f"Sentence {k} {i} speaks of ships" + " and harbours" * (i % 7) + "." for i in range(40)))
    with pytest.raises(SealError, match=r"the haystack holds \d+ tokens, \d+ are needed for a length of 8000"):
        rows(tiny_folder, "seal_needle", haystack=str(folder), lengths=[8000], max_length=8000, num_samples=1)
    found = rows(tiny_folder, "seal_needle", haystack=str(folder), lengths=[500], num_samples=3)
    assert all("speaks of ships" in text for text in found["input"])


def test_cached_by_what_it_depends_on(tiny_folder, own_cache, monkeypatch):
    def folders():
        return {p.name for p in (own_cache / "data").iterdir()}

    first = list(rows(tiny_folder, lengths=[450], num_samples=3))
    (name,) = folders()
    _build.cache_clear()
    monkeypatch.setattr("seal_eval.harness.dataset.build_rows", None)  # the second call must build nothing
    assert list(rows(tiny_folder, lengths=[450], num_samples=3)) == first
    monkeypatch.undo()
    monkeypatch.setenv("SEAL_EVAL_CACHE", str(own_cache))
    for other in ({"seed": 1}, {"num_samples": 4}, {"answer_prefix": False}, {"questions_per_record": 3}, {"chat_template": True}):
        before = folders()
        rows(tiny_folder, **{"lengths": [450], "num_samples": 3, **other})
        assert len(folders() - before) == 1, other
    monkeypatch.setattr("seal_eval.harness.dataset._code", lambda: "another version")
    _build.cache_clear()
    before = folders()
    assert list(rows(tiny_folder, lengths=[450], num_samples=3)) == first
    assert len(folders() - before) == 1 and name in before


def test_same_bytes_in_two_processes_at_once(tiny_folder, tmp_path):
    code = (
        "import sys, json; from seal_eval.harness.dataset import documents\n"
        f"made = lambda t: list(documents(t, pretrained={str(tiny_folder)!r}, lengths=[450], num_samples=9)['test'])\n"
        "print(json.dumps([made(t) for t in sys.argv[1:]]))"
    )
    (tmp_path / "build.py").write_text(code)
    environment = {**os.environ, "SEAL_EVAL_CACHE": str(tmp_path / "both")}
    orders = (["seal_lines", "seal_needle"], ["seal_needle", "seal_lines"])
    command = [program("python"), tmp_path / "build.py"]
    running = [subprocess.Popen([*command, *o], stdout=subprocess.PIPE, env=environment, text=True) for o in orders]
    (a, b), (c, d) = (json.loads(p.communicate()[0]) for p in running)
    assert a == d and b == c


EDITS = """
import sys
from pathlib import Path
from seal_eval.harness.dataset import _code
seen = [_code()]
for name in sys.argv[1:]:
    file = Path(name)
    file.write_text(file.read_text() + "\\n# edited\\n")
    _code.cache_clear()
    seen.append(_code())
print(*[new != old for old, new in zip(seen, seen[1:])])
"""


def test_an_edit_of_what_builds_is_noticed_and_no_other(tmp_path):
    """Stale samples would be served otherwise. In a copy of the project: builders, packing, the corpus; then what builds nothing."""
    root = Path(__file__).resolve().parents[2]
    for part in ("seal_eval", "tasks", "baselines"):
        shutil.copytree(root / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    builds = ["seal_eval/prompts/packing.py", "seal_eval/prompts/corpus.py", "tasks/lines.py", "tasks/conversations/craft.jsonl",
              "seal_eval/harness/dataset.py"]  # fmt: skip
    others = ["seal_eval/cli.py", "seal_eval/stats/paired.py", "baselines/ntk.py", "seal_eval/harness/seal_lm.py"]
    done = subprocess.run(
        [sys.executable, "-c", EDITS, *builds, *others], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.split() == ["True"] * len(builds) + ["False"] * len(others)


def test_packages_that_hold_the_material_are_in_the_key(monkeypatch):
    before = _code()
    _code.cache_clear()
    monkeypatch.setattr("seal_eval.harness.dataset.version", lambda name: "0")
    assert _code() != before
    _code.cache_clear()


@pytest.mark.parametrize(
    ("argv", "chat", "system"),
    [
        ([], False, ""),
        (["--apply_chat_template", "--limit", "3"], True, ""),
        (["run", "--apply_chat_template", "rag"], "rag", ""),
        (["--system_instruction=Be brief."], False, "Be brief."),
        (["--system_instruction", "- Answer briefly, with care.", "--apply_chat"], True, "- Answer briefly, with care."),
        (["--system_inst", "Be brief.", "--system_inst", "Be long."], False, "Be long."),
        (["ls", "tasks"], False, ""),
        (["--config", "CONFIG"], True, "From the file."),
        (["--config", "CONFIG", "--system_instruction", "From the flag."], True, "From the flag."),
    ],
)
def test_flags_of_stock_lm_eval_are_read_with_its_own_parser(tmp_path, monkeypatch, argv, chat, system):
    (tmp_path / "c.yaml").write_text("tasks: [seal_lines]\napply_chat_template: true\nsystem_instruction: From the file.\n")
    argv = [str(tmp_path / "c.yaml") if word == "CONFIG" else word for word in argv]
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/lm_eval", *argv])
    settings = PromptSettings.read("x", stock_prompt_flags(stock_arguments()))
    assert (settings.chat_template, settings.system_instruction) == (chat, system)
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/seal-eval", *argv])
    assert stock_prompt_flags(stock_arguments()) == {}


def test_unknown_metadata_in_run(tmp_path, tiny_folder):
    done = seal_eval(
        "run", "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--metadata", "colour=3", "--output_path", tmp_path,
        code=1,
    )  # fmt: skip
    assert "unknown metadata key 'colour'" in done.stderr


def test_yaml_files_are_those_of_the_tasks():
    from pathlib import Path

    folder = Path(__file__).resolve().parents[2] / "tasks" / "yaml"
    assert {f.name: f.read_text() for f in folder.iterdir()} == yaml_files()  # else: python -m seal_eval.harness.task_yaml tasks/yaml


def test_a_task_must_take_the_budget_of_the_prompt(tiny_folder):
    """A task whose samples leave no room to think, although the user gave some, is refused and told how."""

    class Forgets(Lines):
        def build(self, *args, **kwargs):
            return [replace(sample, answer_tokens=80) for sample in super().build(*args, **kwargs)]

    spec = read_spec("seal_lines", {"pretrained": str(tiny_folder), "lengths": [900], "num_samples": 1, "answer_tokens": 90})
    with pytest.raises(SealError, match=r"has answer_tokens 80, must be 90; the task's build must take prompt_format.budget"):
        build_rows(replace(spec, task=Forgets("seal_lines", "x")), load_prompt_format(spec))


def test_a_build_that_returns_too_few_is_named(tiny_folder, monkeypatch):
    """Of two sizes, one has fewer samples than the other: a mistake in a task's build."""
    from seal_eval.tasks.lines import Lines

    right = Lines.build
    monkeypatch.setattr(Lines, "build", lambda self, fmt, size, n, seed: right(self, fmt, size, n - (size == 600), seed))
    spec = read_spec("seal_lines", {"pretrained": str(tiny_folder), "lengths": [450, 600], "num_samples": 3})
    with pytest.raises(SealError, match="3 of size 450, 2 of size 600; it must return as many as it is asked for, 3"):
        build_rows(spec, load_prompt_format(spec))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda samples: samples[1:], "its build returned 2 of size 450, 2 of size 600; it must return as many as it is asked for, 3"),
        (lambda samples: [], "its build returned 0 of size 450, 0 of size 600; it must return as many"),
        (lambda samples: [replace(s, sample_id="one") for s in samples], "two samples with the id one; each needs one of its own"),
        (lambda samples: {}["text"], r"its build fails at size 450 \(KeyError: 'text'\); mend the task, --debug shows where"),
    ],
)
def test_a_build_that_is_wrong_at_every_size_is_named(tiny_folder, change, message):
    class Mine(Lines):
        def build(self, *args, **kwargs):
            return change(super().build(*args, **kwargs))

    spec = read_spec("seal_lines", {"pretrained": str(tiny_folder), "lengths": [450, 600], "num_samples": 3})
    with pytest.raises(SealError, match=f"seal_lines: .*{message}"):
        build_rows(replace(spec, task=Mine("seal_lines", "x")), load_prompt_format(spec))
