"""The fields of a submission's results file: each within its bounds, and all that say one thing twice say the same."""

import json
import re
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from seal_eval.baselines import get_method, method_names, method_settings, settings, source_package, take_method
from seal_eval.core.checked import check, check_printable
from seal_eval.core.errors import SealError
from seal_eval.core.names import CHANGES_WEIGHTS, ENGINE, recorded
from seal_eval.core.strict_json import short
from seal_eval.leaderboard import limits
from seal_eval.leaderboard.display import KINDS
from seal_eval.leaderboard.published import Published
from seal_eval.leaderboard.submissions import HUB_ID, sanitized
from seal_eval.results.run_files import model_args_of
from seal_eval.tasks import VERSION, base_task

# text of several lines, shown nowhere or in a page's <pre>; all other text must be printable
LINES = (
    "pretty_env_info", "chat_template", "system_instruction", "custom_dataset", "process_results", "aggregation", "fewshot_delimiter",
    "fewshot_config", "until", "tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token",
)  # fmt: skip
HOUR = 3600  # seconds
ZONES = (-12 * HOUR, 14 * HOUR)  # of local times behind and ahead of UTC
SLACK = HOUR  # seconds that the clocks of two machines may differ
PERPLEXITIES = ("prose_perplexity_before", "prose_perplexity_after", "prose_perplexity_ratio")
DTYPES = {"half": "float16", "float": "float32", "double": "float64"}  # torch's other names
FASTEST = 10**7  # prompt tokens per second that no machine of today reads


def check_fields(file: Path, data: Any) -> None:
    """Raise SealError naming file, field and value for the first field of a results file that is out of bounds or contradicts another.

    data: the file's JSON.
    """
    if not isinstance(data, dict):
        raise SealError(f"{file}: not an lm-eval results file; pack the results again with seal-eval submit")
    check_printable(_without(data, LINES), file)
    check(Published, data, file, "pack the results again with seal-eval submit")
    _check_tasks(file, data)
    _check_model(file, data)
    _check_method(file, data)
    _check_costs(file, data)
    _check_dates(file, data)


def must(file: Path, fits: bool, field: str, value: Any, wanted: str) -> None:
    """Raise SealError "FILE: FIELD is VALUE, must be WANTED" unless it fits."""
    if not fits:
        raise SealError(f"{file}: {field} is {short(value)}, must be {wanted}; publish the files as the run wrote them")


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    """A JSON value without the given keys, at any depth."""
    if isinstance(value, dict):
        return {key: _without(inner, keys) for key, inner in value.items() if key not in keys}
    return [_without(inner, keys) for inner in value] if isinstance(value, list) else value


def _check_tasks(file: Path, data: dict[str, Any]) -> None:
    tasks = set(data["results"])
    for task in tasks:
        must(file, base_task(task) is not None, "results", task, "a task of this project")
    for part in ("configs", "versions", "n-shot", "n-samples", "higher_is_better", "task_hashes"):
        must(file, set(data[part]) == tasks, part, sorted(data[part]), f"of the tasks in results, {', '.join(sorted(tasks))}")
    for task, config in data["configs"].items():
        at = f"configs.{task}"
        must(
            file, data["versions"][task] == VERSION, f"versions.{task}", data["versions"][task], f"{VERSION}, today's version of the tasks"
        )
        must(file, config["task"] == task, f"{at}.task", config["task"], task)
        must(file, config["dataset_kwargs"]["task"] == base_task(task), f"{at}.dataset_kwargs", config["dataset_kwargs"], "the task's own")
        version = config["metadata"].get("version")
        must(file, version == VERSION and not isinstance(version, bool), f"{at}.metadata.version", version, str(VERSION))
        for name in ("chat_template", "system_instruction"):
            if data.get(name) and config["metadata"].get(name):  # false and "" are defaults
                same = name == "chat_template" or config["metadata"][name] == data[name]
                must(file, same, f"{at}.metadata.{name}", config["metadata"][name], f"the {name} at the top of the file")


def _check_model(file: Path, data: dict[str, Any]) -> None:
    config, args = data["config"], model_args_of(data["config"])
    own = config.get("seal_eval")
    must(file, (own is not None) == (config["model"] == ENGINE), "config.model", config["model"], f"{ENGINE}, with config.seal_eval")
    must(file, data["model_source"] == config["model"], "model_source", data["model_source"], f"config.model, {config['model']}")
    subject = args.get("pretrained") or args.get("model")
    if own or "pretrained" in args:
        named = isinstance(subject, str) and HUB_ID.fullmatch(subject) is not None
        must(file, named, "config.model_args.pretrained", subject, "a short name, a folder's name or a hub id")
    must(file, str(subject).isascii(), "config.model_args.model", subject, "ASCII: other letters look like these")
    names = [str(args[key]) for key in ("peft", "delta", "pretrained", "model", "path", "engine") if key in args]  # lm-eval's order
    if names:
        must(file, data["model_name"] == names[0], "model_name", data["model_name"], f"that of config.model_args, {names[0]}")
    must(
        file, data["model_name_sanitized"] == sanitized(data["model_name"]), "model_name_sanitized", data["model_name_sanitized"],
        sanitized(data["model_name"]),
    )  # fmt: skip
    for task, setup in data["configs"].items():
        for key, value in args.items():  # lm-eval mixes them into the metadata
            said = setup["metadata"].get(key, value)
            must(file, said == value, f"configs.{task}.metadata.{key}", said, f"config.model_args.{key}, {short(value)}")
    if own:
        loaded, wanted = str(config.get("model_dtype") or "").removeprefix("torch."), args.get("dtype") or "auto"
        fits = not loaded or wanted == "auto" or loaded == DTYPES.get(str(wanted), str(wanted).removeprefix("torch."))
        must(file, fits, "config.model_dtype", loaded, f"that of config.model_args, {short(wanted)}")
        # a folder is called by its last part
        models = {recorded(str(subject)), recorded(str(subject).rpartition("/")[2])}
        must(file, own["model"] in models, "config.seal_eval.model", own["model"], f"config.model_args.pretrained, {subject}")
        must(file, own.get("max_length") == data.get("max_length"), "max_length", data.get("max_length"), "config.seal_eval.max_length")


def _check_method(file: Path, data: dict[str, Any]) -> None:
    """The method is the one of the model arguments, with its settings; a tuned one has its card, and another none."""
    own, args = data["config"].get("seal_eval"), model_args_of(data["config"])
    if not own:
        _check_adapter_name(file, args)
        return
    method, about = own["method"], own["about"]
    must(file, args.get("method", "plain") == method, "config.seal_eval.method", method, f"that of config.model_args, {args.get('method')}")
    parts = method.split("+")
    # a file named as a method is never looked up: that would execute it
    if ".py:" in method or not set(parts) <= _methods():
        must(file, method.isascii(), "config.seal_eval.method", method, "ASCII: other letters look like these")
        like = next((_spellings()[_bare(part)] for part in parts if part not in _methods() and _bare(part) in _spellings()), "")
        must(file, not like, "config.seal_eval.method", method, f"a name that does not read as {like}, a method of this project")
        return
    if all(source_package(part) == "seal-eval" for part in parts):
        try:
            made = _settings(json.dumps(args, sort_keys=True))
        except SealError as error:
            raise SealError(f"{file}: config.model_args: {error}") from error
        # a setting that the method has got since the run, and that nobody gave, had the effect of its default
        made = {k: v for k, v in made.items() if k in own["settings"] or k in args or k.rpartition(".")[2] in args}
        must(file, made == own["settings"], "config.seal_eval.settings", own["settings"], f"those of config.model_args, {short(made)}")
    tuned = [part for part in parts if _needs_adapter(part)]
    if not tuned:
        said = set(about) - {"base_weights_differ", "base_weights"}  # of a map of heads
        must(file, not said, "config.seal_eval.about", about, f"empty: {method} is not tuned")
        return
    for key in ("adapter_sha256", "method", "trained_parameters"):
        must(file, about.get(key) is not None, f"config.seal_eval.about.{key}", about.get(key), "in the card of a tuned method")
    must(file, about["method"] in tuned, "config.seal_eval.about.method", about["method"], f"the tuned method, {', '.join(tuned)}")
    model = about.get("model") or own["model"]
    models = (own["model"], recorded(model), recorded(model.rpartition("/")[2]))
    must(file, own["model"] in models[1:], "config.seal_eval.about.model", model, f"the run's model, {own['model']}")


def _check_adapter_name(file: Path, args: dict[str, Any]) -> None:
    """A run of a stock engine is named after its adapter, which must not read as the name of a run without one."""
    for key in CHANGES_WEIGHTS:
        name = str(args.get(key) or "").rstrip("/").rpartition("/")[2]
        fits = name.isascii() and _bare(name) != "plain"
        must(file, fits, f"config.model_args.{key}", name, "ASCII, and not the name of a run without adapter; rename the adapter's folder")


@lru_cache(maxsize=1)
def _methods() -> frozenset[str]:
    return frozenset(method_names())


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    """Letters and digits of the names by which methods are shown → the method, for those of this project."""
    found: dict[str, str] = {}
    for name in _methods():
        if source_package(name) == "seal-eval":
            title = get_method(name).title or name
            found |= {_bare(text): name for text in (name, title, *(f"{title}-{kind}" for kind in KINDS.values()))}
    return found


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@lru_cache(maxsize=256)  # many runs of a submission have one method
def _settings(model_args: str) -> dict[str, Any]:
    """The settings of the method in model arguments (JSON)."""
    args = json.loads(model_args)
    return settings(take_method(args, others=[*args])[1])


@lru_cache(maxsize=256)
def _needs_adapter(part: str) -> bool:
    return "adapter" in {field.name for field in method_settings(part)}


def _check_costs(file: Path, data: dict[str, Any]) -> None:
    config = data["config"]
    own = config.get("seal_eval") or {}
    about, pace, seconds = own.get("about") or {}, own.get("pace") or {}, float(data["total_evaluation_time_seconds"])
    at = "config.seal_eval.about"
    costs = {key: about[key] for key in PERPLEXITIES if about.get(key) is not None}
    if costs:
        ratio = costs.get(PERPLEXITIES[2])
        must(file, len(costs) == 3, f"{at}.{PERPLEXITIES[2]}", ratio, "there together with the perplexities before and after")
        before, after, ratio = costs.values()
        must(file, abs(ratio * before / after - 1) < 1e-6, f"{at}.{PERPLEXITIES[2]}", ratio, f"{after} / {before}")
    trained, all_of_them = about.get("trained_parameters"), config.get("model_num_parameters") or 0
    if trained and all_of_them > 0:
        must(file, trained <= 2 * all_of_them, f"{at}.trained_parameters", trained, f"fewer than the model's {all_of_them}, or a few more")
    if scales := about.get("mean_scales"):
        widths = {len(layer) for layer in scales}
        must(file, len(widths) == 1 and widths != {0}, f"{at}.mean_scales", scales, "numbers, [n_layers][n_heads]")
        n = len(scales) * max(widths)
        must(file, n <= limits.SCALES, f"{at}.mean_scales", f"{n:,} numbers", f"at most {limits.SCALES:,}")
    if pace:
        must(file, pace["seconds"] <= seconds + 1, "config.seal_eval.pace.seconds", pace["seconds"], f"within the run's {seconds:.1f} s")


def check_speed(file: Path, data: dict[str, Any], tokens: int) -> None:
    """Raise SealError when the engine's pace, or the time of the whole run, means more prompt tokens per second than can be.

    tokens: of all prompts of the run, counted again. A run that continued another one timed fewer of them.
    """
    pace, seconds = (data["config"].get("seal_eval") or {}).get("pace") or {}, float(data["total_evaluation_time_seconds"])
    if pace:
        timed, seconds = pace["prompt_tokens"], pace["seconds"]
        must(file, timed <= 1.01 * tokens + 1000, "config.seal_eval.pace.prompt_tokens", timed, f"at most the {tokens:,} of all prompts")
    fast = (pace["prompt_tokens"] if pace else tokens) / max(seconds, 1e-9)
    must(file, fast <= FASTEST, "seconds", seconds, f"more: no machine reads {fast:,.0f} prompt tokens per second")


def _check_dates(file: Path, data: dict[str, Any]) -> None:
    """`date` is when the run began, in UTC; the time in the file's name is when it ended, in local time."""
    stamp, began, seconds = file.stem.removeprefix("results_"), data["date"], float(data["total_evaluation_time_seconds"])
    now = time.time()
    must(file, began <= now + SLACK, "date", began, f"in the past; it is {now:.0f}")
    must(file, seconds <= 366 * 86_400, "total_evaluation_time_seconds", seconds, "less than a year")
    try:
        ended = datetime.strptime(stamp, "%Y-%m-%dT%H-%M-%S.%f" if "." in stamp else "%Y-%m-%dT%H-%M-%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise SealError(f"{file}: {stamp} is no date; pack the results again with seal-eval submit") from None
    must(file, ended <= now + ZONES[1] + SLACK, "the time in the file's name", stamp, "in the past")
    near = began + ZONES[0] - SLACK <= ended <= began + seconds + ZONES[1] + SLACK
    must(file, near, "the time in the file's name", stamp, f"within the run's {seconds:.0f} s after {_utc(began)}, in some time zone")


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
