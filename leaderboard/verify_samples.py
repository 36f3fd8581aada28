"""The samples of a submission: exactly those that the recorded settings ask for, built again, with every field computed again."""

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from seal_eval.core.checked import Part, checked_row
from seal_eval.core.errors import SealError
from seal_eval.core.files import numbered_lines, reading
from seal_eval.core.strict_json import short
from seal_eval.harness.dataset import documents, load_prompt_format
from seal_eval.harness.metrics import process_results
from seal_eval.harness.rescore import summaries
from seal_eval.harness.task_config import read_spec
from seal_eval.leaderboard import limits
from seal_eval.leaderboard.published import Exact, Sha
from seal_eval.leaderboard.submissions import task_hash
from seal_eval.leaderboard.verify_settings import Work, asked_of, build_settings, check_counts, check_generation, check_window
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import base_task, get_task

AS_RUN = "publish the files as the run wrote them"
SCORES = ("acc", "recall", "weighted", "effective")  # prefixes of the fields that the reply decides


class Call(Exact):
    """What the engine was asked: prompt and settings. The prompt of a chat server is its turns, as one text of JSON in a list."""

    arg_0: str | Annotated[list[str], Field(min_length=1, max_length=1)]
    arg_1: dict[str, Any]


class Arguments(Exact):
    """The calls of a sample: one."""

    gen_args_0: Call


class SampleRow(Part):
    """A line of a sample file, as far as it must be known before it is compared with the one that is built again."""

    doc: dict[str, Any]
    arguments: Arguments
    filtered_resps: Annotated[list[str], Field(min_length=1, max_length=1)]
    prompt_hash: Sha


def check_samples(results: Path, data: dict[str, Any], file: Path, task: str, tokenizer: str, work: Work) -> int:
    """Check the sample file of a task against samples that are built again; return how many there are.

    results: the results file, with its JSON in `data`, which `check_fields` has checked. tokenizer: as `check`. The file must hold the
    first `limit` samples that the task builds, in order, with the same prompts, hashes and scores, and the results table their means.
    """
    base = base_task(task)
    assert base  # checked before
    n_lines, n_bytes = work.measure(file)
    metadata = build_settings(results, data, task, tokenizer)
    check_window(results, data, metadata)
    try:
        with reading(results):
            spec = read_spec(base, metadata)
            check_counts(file, spec, data, n_lines, n_bytes)
            work.add_prompts(str(results), spec)
            docs = [dict(doc) for doc in documents(base, **metadata)["test"]]
    except SealError as error:
        raise error if str(file.parent) in str(error) else SealError(f"{results}: {error}") from error
    prompt_format = load_prompt_format(spec)
    check_generation(results, task, data, {get_task(base).answer_tokens, *(doc["answer_tokens"] for doc in docs[:1])})
    first = docs[: asked_of(data["config"]["limit"], len(docs))]
    rows = _check_rows(file, base, docs, len(first), prompt_format, work, data["configs"][task]["generation_kwargs"])
    if len(rows) != len(first):
        raise _lacks(file, base, [str(doc["sample_id"]) for doc in first], {row["doc"]["sample_id"] for row in rows})
    refuse_secrets(results, task, first, prompt_format)
    counts = {"original": len(docs), "effective": len(first)}
    if data["n-samples"][task] != counts:
        raise SealError(f"{results}: n-samples.{task} is {short(data['n-samples'][task])}, must be {short(counts)}; {AS_RUN}")
    if data["task_hashes"][task] != task_hash(rows):
        raise SealError(f"{results}: task_hashes.{task} is not the hash of its samples; pack the results again with seal-eval submit")
    _check_table(results, task, data, rows)
    return len(rows)


def _check_rows(
    file: Path, base: str, docs: list[dict[str, Any]], n: int, prompt_format: PromptFormat, work: Work, generation: dict[str, Any]
) -> list[dict[str, Any]]:
    """Compare each row with the one that lm-eval writes for the same sample and reply; return the rows without prompts and replies."""
    ids = {str(doc["sample_id"]): i for i, doc in enumerate(docs)}
    kept: list[dict[str, Any]] = []
    for number, line in numbered_lines(file):
        where = f"{file}, line {number}"
        row = checked_row(file, number, line, SampleRow, f"a sample of {base}")
        sample_id, reply, at = str(row["doc"].get("sample_id")), row["filtered_resps"][0], number - 1
        if sample_id not in ids:
            raise SealError(f"{where}: sample {short(sample_id)[1:-1]} is not one that {base} builds; {AS_RUN}")
        if ids[sample_id] != at or at >= n:
            rest = [str(doc["sample_id"]) for doc in docs[:n]]
            others = (checked_row(file, i, other, SampleRow, f"a sample of {base}") for i, other in numbered_lines(file))
            found = {str(other["doc"].get("sample_id")) for other in others}
            if set(rest) - found:
                raise _lacks(file, base, rest, found)
            raise SealError(
                f"{where}: sample {sample_id} is out of order: {docs[min(at, n - 1)]['sample_id']} is next; samples must be "
                f"the first {n} that {base} builds, in order: pack the results again with seal-eval submit"
            )
        doc = docs[at]
        work.add_reply(where, reply)
        if len(reply) > limits.REPLY_CHARS * doc["answer_tokens"]:
            raise SealError(
                f"{where}: a reply of {len(reply):,} characters; the limit is {limits.REPLY_CHARS} for each of its "
                f"{doc['answer_tokens']} tokens; publish the files as the run wrote them"
            )
        with reading(Path(where)):
            _check_row(where, base, row, _expected(at, doc, reply, row, prompt_format, generation))
        kept.append({key: value for key, value in row.items() if key not in ("arguments", "resps", "filtered_resps", "doc")})
        kept[-1]["doc"] = {"sample_id": sample_id}
    return kept


def _expected(
    at: int, doc: dict[str, Any], reply: str, row: dict[str, Any], prompt_format: PromptFormat, generation: dict[str, Any]
) -> dict[str, Any]:
    """The row that lm-eval writes for a document and its reply."""
    prompt = prompt_format.render(doc["input"], doc["prefix"])
    said: Any = prompt
    if prompt_format.settings.chat_template and isinstance(row["arguments"]["gen_args_0"]["arg_0"], list):  # a chat server's own template
        prompt = json.dumps(prompt_format.turns(doc["input"], doc["prefix"]), ensure_ascii=False)
        said = [prompt]
    options = row["arguments"]["gen_args_0"]["arg_1"]
    budgets = [{**generation, "max_gen_toks": budget} for budget in (generation["max_gen_toks"], doc["answer_tokens"])]
    scores = process_results(doc, [reply])
    return {
        "doc": doc, "doc_id": at, "target": doc["answer"], "filter": "none", "metrics": list(scores), "resps": [[reply]],
        "filtered_resps": [reply], "arguments": {"gen_args_0": {"arg_0": said, "arg_1": options if options in budgets else budgets[-1]}},
        "prompt_hash": _hash(prompt), "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)), "target_hash": _hash(doc["answer"]),
        **scores,
    }  # fmt: skip


def _check_row(where: str, base: str, row: dict[str, Any], expected: dict[str, Any]) -> None:
    """Raise SealError naming the first field that differs."""
    sample = expected["doc"]["sample_id"]
    for key, value in expected["doc"].items():
        if key not in row["doc"] or _json(row["doc"][key]) != _json(value):
            raise SealError(f"{where}: {key} of sample {sample} is not what {base} builds; {AS_RUN}")
    if more := sorted(set(row["doc"]) - set(expected["doc"])) + sorted(set(row) - set(expected)):
        raise SealError(f"{where}: {short(more[0])} of sample {sample} is no field that lm-eval writes; {AS_RUN}")
    if row["arguments"]["gen_args_0"]["arg_0"] != expected["arguments"]["gen_args_0"]["arg_0"]:
        raise SealError(f"{where}: the prompt of sample {sample} is not rendered from its input; {AS_RUN}")
    if row["prompt_hash"] != expected["prompt_hash"]:
        raise SealError(f"{where}: prompt_hash of sample {sample} is not the hash of its prompt; {AS_RUN}")
    for key, value in expected.items():
        if key not in row:
            raise SealError(f"{where}: sample {sample} has no {key}; pack the results again with seal-eval submit")
        if _json(row[key]) != _json(value):
            wanted = f"but the reply scores {short(_plain(value))}" if key.startswith(SCORES) else f"must be {short(_plain(value))}"
            raise SealError(f"{where}: {key} is {short(row[key])}, {wanted}; the file was edited")


def refuse_secrets(results: Path, task: str, docs: list[dict[str, Any]], prompt_format: PromptFormat) -> None:
    """Raise SealError when system prompt or chat template give answers away: they may depend on no sample, and hold no target."""
    around = set()
    for doc in docs if prompt_format.settings.chat_template else docs[:1]:
        prompt = prompt_format.render(doc["input"], doc["prefix"]).replace(doc["input"].strip(), "\0", 1)
        around.add(prompt.replace(doc["prefix"].strip(), "\1", 1) if doc["prefix"] else prompt)
        if len(around) > 1:
            raise SealError(f"{results}: {task}: the chat template writes another text around {doc['sample_id']} than around other samples")
    system, words = prompt_format.settings.system_instruction, set(re.findall(r"\w+", next(iter(around))))
    given = {target for doc in docs for target in doc["targets"] if len(target) > 2 and target in words}
    held = next((target for doc in docs for target in doc["targets"] if re.search(rf"(?<!\w){re.escape(target)}(?!\w)", system)), None)
    if held is not None:
        raise SealError(f"{results}: {task}: the system prompt holds the answer {short(held)}; ask without it")
    if len(given) > 1:  # one may be chance, such as the year of a date
        raise SealError(f"{results}: {task}: the chat template holds the answers {', '.join(sorted(given)[:3])}; use another one")


def _check_table(results: Path, task: str, data: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Raise SealError unless the results table holds lm-eval's summaries of the rows, and nothing else."""
    table = data["results"][task]
    expected = summaries(rows) | {"name": task, "sample_len": len(rows), "alias": task}
    for key in sorted(table.keys() | expected.keys()):
        said, value = table.get(key), expected.get(key)
        same = bool(said == value) and isinstance(said, bool) == isinstance(value, bool)
        if isinstance(value, int | float) and isinstance(said, int | float) and not isinstance(said, bool):
            same = math.isclose(said, value, rel_tol=1e-9, abs_tol=1e-12)
        if key == "alias" and isinstance(said, str):
            same = said.lstrip(" -") == task  # of a task in a group
        if not same:
            raise SealError(
                f"{results}: results.{task}[{short(key)}] is {short(said)}, its samples give {short(value)}; the file was edited"
            )
    for place, names in (
        ("higher_is_better", data["higher_is_better"][task]),
        ("metric_list", [m["metric"] for m in data["configs"][task]["metric_list"]]),
    ):
        if unknown := sorted(set(names) - set(rows[0]["metrics"])):
            raise SealError(f"{results}: {place} of {task} has {short(unknown[0])}, which is no metric of the task")


def _lacks(file: Path, base: str, ids: list[str], found: set[Any]) -> SealError:
    missing = [sample_id for sample_id in ids if sample_id not in found]
    lacks = f"lacks {len(missing)} of the samples that {base} builds, first {missing[0] if missing else 'none'}"
    return SealError(f"{file}: {lacks}; publish all samples of the run")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _json(value: Any) -> str:
    """A value as JSON, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
