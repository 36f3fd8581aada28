"""How the model of a run was asked: chat template, its arguments and system prompt, as the results file records them."""

from dataclasses import dataclass
from typing import Any

from seal_eval.core.files import read_json, reading
from seal_eval.core.types import Run
from seal_eval.prompts.settings import recorded_settings


@dataclass(frozen=True)
class Asked:
    """facts: (name, value) of each setting that was not its default. system: (tasks, system prompt) of each prompt that is not empty."""

    facts: list[tuple[str, str]]
    system: list[tuple[str, str]]


def how_asked(run: Run) -> Asked:
    """Read the settings of a run's prompts. Raises SealError naming a results file that is damaged."""
    file = run.results_file
    data, found = read_json(file, nan=True), dict[tuple[str, str], list[str]]()
    with reading(file):
        for task in sorted(_with_samples(data)):
            for key, value in recorded_settings({"configs": {task: {}}} | data, task).items():
                if value not in (None, "", {}) and (value is not False or key == "chat_template"):
                    found.setdefault((key, _text(key, value)), []).append(task)
    system = [(", ".join(tasks), text) for (key, text), tasks in found.items() if key == "system_instruction"]
    n_tasks = len(_with_samples(data))
    facts = [
        (key.replace("_", " ") + (f" ({', '.join(tasks)})" if len(tasks) < n_tasks else ""), text)
        for (key, text), tasks in found.items()
        if key != "system_instruction"
    ]
    return Asked(facts or [("chat template", "none")], system)


def _with_samples(data: dict[str, Any]) -> list[str]:
    """The tasks of a results file, without groups of tasks."""
    return [task for task in data["results"] if not (data.get("group_subtasks") or {}).get(task)]


def _text(key: str, value: Any) -> str:
    if key == "chat_template" and isinstance(value, bool):
        return "the tokenizer's" if value else "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}={inner}" for name, inner in value.items())
    return str(value)
