"""Write the YAML files that describe the tasks to lm-eval: python -m seal_eval.harness.task_yaml FOLDER."""

import sys
from functools import cache
from pathlib import Path
from typing import Any

from seal_eval.core.plugins import Task
from seal_eval.harness.metrics import SUMMARIES
from seal_eval.harness.task_config import leaves
from seal_eval.tasks import RULER_GROUP, VERSION, ruler_tasks, tasks

COMMON = "_common"  # without .yaml, so that lm-eval does not index it as a task


@cache  # a run asks twice: what is installed, and which names are ours
def yaml_files() -> dict[str, str]:
    """Return file name → text: a common file, one file per task, per task of one size, and per group (by size, by task, RULER's)."""
    files = {COMMON: _common()}
    groups: dict[str, list[str]] = {}
    for name, task in tasks().items():
        files[f"{name}.yaml"] = _text(_task(task))
    for leaf, (name, size) in leaves().items():
        task = tasks()[name]
        config = {"include": f"{name}.yaml", "task": leaf, "tag": [], "metadata": {"version": VERSION, task.size_key: [size]}}
        files[f"{leaf}.yaml"] = _text(config)
        groups.setdefault(f"seal{size}" if task.unit == "tokens" else name.removeprefix("seal_"), []).append(leaf)
    for name, task in ruler_tasks().items():
        files[f"{name}.yaml"] = _text(_task(task) | {"tag": []})
        groups.setdefault(RULER_GROUP, []).append(name)
    for group, members in groups.items():
        mean = [{"metric": "acc", "aggregation": "mean", "weight_by_size": False}]
        files[f"{group}.yaml"] = _text({"group": group, "task": members, "aggregate_metric_list": mean, "metadata": {"version": VERSION}})
    return files


def _common() -> str:
    """Return the file that all task files include."""
    return _text({
        "tag": "seal_eval",  # in this repository's root, a shell expands an unquoted 'seal_*' to the folder seal_eval
        "custom_dataset": Function("seal_eval.harness.dataset.documents"),
        "output_type": "generate_until",
        "test_split": "test",
        "doc_to_text": "input",
        "doc_to_target": "answer",
        "gen_prefix": "prefix",
        "process_results": Function("seal_eval.harness.metrics.process_results"),
        "num_fewshot": 0,
        "metadata": {"version": VERSION},
    })  # fmt: skip


def _task(task: Task) -> dict[str, Any]:
    """Return lm-eval's configuration of a task, on top of the common file."""
    mean = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", *task.metrics)]
    summaries = [
        {"metric": name, "aggregation": Function(f"seal_eval.harness.metrics.{name}"), "higher_is_better": True}
        for summary in SUMMARIES
        for name in (summary, summary + "_stderr")
    ]
    return {
        "include": COMMON,
        "task": task.name,
        "dataset_kwargs": {"task": task.name},
        "metric_list": mean + summaries,
        "generation_kwargs": {"do_sample": False, "max_gen_toks": task.answer_tokens, "until": []},
    }


class Function(str):
    """A dotted name that lm-eval imports; written to YAML as `!function NAME`."""


def _text(config: dict[str, Any]) -> str:
    """Return the configuration as YAML."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # libyaml's is ten times as fast
        pass

    Dumper.add_representer(Function, lambda dumper, name: dumper.represent_scalar("!function", str(name), style="'"))
    return yaml.dump(config, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=130)


def write(folder: Path) -> None:
    """Write all files into `folder`, and delete YAML files of tasks that no longer exist."""
    folder.mkdir(parents=True, exist_ok=True)
    files = yaml_files()
    for file in folder.glob("*.yaml"):
        if file.name not in files:
            file.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
