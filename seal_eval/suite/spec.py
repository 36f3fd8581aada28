"""What a suite file may say, checked before anything runs; every mistake with its line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seal_eval.core.errors import SealError, nearest
from seal_eval.suite.yaml_lines import LineNumbers, read_yaml
from seal_eval.tuning.config import TuneSpec

if TYPE_CHECKING:
    from seal_eval.tuning.head_importance import HeadsSpec

Size = Annotated[int, Field(ge=1, strict=True)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
Value = str | int | float | bool


class Strict(BaseModel):
    """No unknown key, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelEntry(Strict):
    """A model and how it is asked.

    chat_template: a Jinja file, beside the suite's, for a tokenizer that has none. args: more of lm-eval's model_args, such as max_length.
    """

    pretrained: str
    dtype: str = "auto"
    apply_chat_template: bool = False
    chat_template: str = ""
    system_instruction: str = ""
    args: dict[str, Value] = {}


class Open(BaseModel):
    """Further keys are settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class MethodEntry(Open):
    """A method with its settings, which are the keys beside these.

    adapter and heads may name an entry of the file's `adapters` and `heads`. sizes: of all the suite's, those to run it at.
    """

    method: str
    sizes: list[Size] | None = None


class TaskEntry(Open):
    """A task at some sizes, in its unit; further keys are its settings, as in --metadata."""

    task: str
    sizes: Annotated[list[Size], Field(min_length=1)]
    num_samples: Size


class Suite(Strict):
    """A suite file. batch_size, device, seed: of every run. gpus, cpus: what a cell takes on a cluster."""

    name: Name
    models: Annotated[list[str | ModelEntry], Field(min_length=1)]
    methods: Annotated[list[str | MethodEntry], Field(min_length=1)]
    tasks: Annotated[list[TaskEntry], Field(min_length=1)]
    adapters: dict[Name, dict[str, Any]] = {}  # tuned on each model: TuneSpec's fields
    heads: dict[Name, dict[str, Any]] = {}  # mapped on each model: HeadsSpec's fields
    engine: str = "seal"  # or hf, vllm: lm-eval's own
    batch_size: Size = 8
    device: str = ""
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    gpus: Annotated[float, Field(ge=0)] = 0
    cpus: Annotated[float, Field(gt=0)] = 1


def read_suite(file: Path) -> tuple[Suite, LineNumbers]:
    """(the checked suite, the line of each of its parts). Raises SealError that lists every mistake of form with file, line and remedy."""
    value, lines = read_yaml(file)
    if not isinstance(value, dict):
        raise SealError(f"{file}: a suite is a mapping with name, models, methods and tasks")
    try:
        return Suite.model_validate(value), lines
    except ValidationError as error:
        raise SealError(explained(file, lines, [(_place(e["loc"], value), _explain(e)) for e in error.errors()])) from error


def explained(file: Path, lines: LineNumbers, mistakes: list[tuple[tuple[str | int, ...], str]]) -> str:
    """One line per mistake, in order of the file."""
    found = sorted({(line_of(lines, place), f"{'/'.join(map(str, place)) or 'the file'}: {what}") for place, what in mistakes})
    return "\n".join(f"{file}, line {line}: {what}" for line, what in found)


def line_of(lines: LineNumbers, place: tuple[str | int, ...]) -> int:
    """Line of the innermost part of `place` that the file has."""
    while place not in lines and place:
        place = place[:-1]
    return lines.get(place, 1)


def _place(loc: tuple[str | int, ...], value: Any) -> tuple[str | int, ...]:
    """Pydantic's location without the names of the alternatives it tried."""
    place: list[str | int] = []
    for part in loc:
        inside: dict[Any, Any] = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
        if part in inside:
            value = inside[part]
            place.append(part)
        elif isinstance(value, dict) and part not in ("Model", "Method", "str", "[key]"):
            place.append(part)
    return tuple(place)


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        known = {*Suite.model_fields} if len(error["loc"]) == 1 else {*ModelEntry.model_fields}
        return f"not known here{nearest(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return "is missing"
    return f"{error['msg'][0].lower()}{error['msg'][1:]} (it is {error['input']!r:.60})"


def tune_spec(given: dict[str, Any]) -> TuneSpec:
    """The tuning that an entry of `adapters` asks for. Raises SealError for an unknown setting, task or method to run on."""
    from seal_eval.baselines import method_of
    from seal_eval.tasks import get_task

    _check_keys("tuning", given, TuneSpec)
    spec = TuneSpec(**given)
    for task, _ in spec.mixture():
        get_task(task)
    method_of(spec.on)
    return spec


def heads_spec(given: dict[str, Any]) -> "HeadsSpec":
    """The map that an entry of `heads` asks for. Raises SealError for an unknown setting or task, and a value that it cannot have."""
    from seal_eval.tuning.head_importance import HeadsSpec

    _check_keys("a map of heads", given, HeadsSpec)
    return HeadsSpec(**given)


def _check_keys(what: str, given: dict[str, Any], spec: Any) -> None:
    """Raise for a key that is no setting of `spec`, and for a name that is no text."""
    fields = spec.__dataclass_fields__
    if unknown := given.keys() - fields.keys():
        raise SealError(f"{what} has no setting '{min(unknown)}'{nearest(min(unknown), fields)}")
    for key in ("task", "on", "system"):
        if not isinstance(given.get(key, ""), str):
            raise SealError(f"{what}: {key} is {given[key]!r}, must be text")
