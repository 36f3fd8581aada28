"""The format of a suite file. It is checked before anything runs, and every mistake is reported with its line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import read_text
from seal_eval.core.home import WORDS, from_home
from seal_eval.core.names import visible
from seal_eval.suite.yaml_lines import LineNumbers, read_yaml
from seal_eval.tuning.config import TuneSpec

if TYPE_CHECKING:
    from seal_eval.tuning.head_importance import HeadsSpec

Size = Annotated[int, Field(ge=1, strict=True)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
Value = str | int | float | bool
AS_WRITTEN = (*WORDS, "models", "pretrained")  # texts that are no paths, and models' names, which every engine resolves itself


def _batch_size(value: Any) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise PydanticCustomError("batch_size", "must be a whole number of at least 1, or auto")


BatchSize = Annotated[Any, AfterValidator(_batch_size)]


class Strict(BaseModel):
    """Refuses unknown keys and converts no types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelEntry(Strict):
    """A model and the format of its prompts.

    pretrained: short name, folder or hub id; for `engine: served` the name in the server's list. engine: runs this model in place of the
    suite's. methods: run only these of the suite's methods. chat_template: a Jinja file, relative to the suite file, for a tokenizer
    without a template. args: further model_args of lm-eval, such as max_length. name: tells this entry's folders from those of another
    with the same model. batch_size: in place of the suite's.
    """

    pretrained: str
    name: Name | None = None
    engine: str = ""
    methods: Annotated[list[str], Field(min_length=1)] | None = None
    dtype: str = "auto"
    apply_chat_template: bool = False
    chat_template: str = ""
    system_instruction: str = ""
    args: dict[str, Value] = {}
    batch_size: BatchSize = None

    def template(self) -> str:
        """The text of `chat_template`, "" without one. Raises SealError for a file that cannot be read."""
        return read_text(Path(self.chat_template)) if self.chat_template else ""


class Open(BaseModel):
    """Takes any further key as a setting."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class MethodEntry(Open):
    """A method; all further keys are its settings.

    adapter and heads may name an entry of the file's `adapters` and `heads`. sizes: run only these of the tasks' sizes.
    """

    method: str
    sizes: Annotated[list[Size], Field(min_length=1)] | None = None


class TaskEntry(Open):
    """A task and its sizes, in the task's unit; all further keys are its settings, as in --metadata.

    A task that is not this project's, by its name in lm-eval or its YAML file, has no sizes; num_samples asks its first samples only, and
    num_fewshot is the number of examples in its prompt. gen_kwargs: as in lm-eval. name: tells this entry's folders from those of another
    with the same task.
    """

    task: str
    name: Name | None = None
    sizes: Annotated[list[Size], Field(min_length=1)] | None = None
    num_samples: Size | None = None
    num_fewshot: Annotated[int, Field(ge=0, strict=True)] | None = None
    gen_kwargs: Annotated[dict[str, Any], Field(min_length=1)] | None = None


class Suite(Strict):
    """A suite file. batch_size, device, seed: of every run. gpus, cpus: what a cell reserves on a Ray cluster."""

    name: Name
    models: Annotated[list[str | ModelEntry], Field(min_length=1)]
    methods: Annotated[list[str | MethodEntry], Field(min_length=1)]
    tasks: Annotated[list[TaskEntry], Field(min_length=1)]
    adapters: dict[Name, dict[str, Any]] = {}  # name → fields of TuneSpec; tuned on each model
    heads: dict[Name, dict[str, Any]] = {}  # name → fields of HeadsSpec; made for each model
    engine: str = "seal"  # or a model class of lm-eval, such as hf or vllm
    batch_size: BatchSize = 8
    device: str = ""
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    gpus: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    cpus: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1


def read_suite(file: Path) -> tuple[Suite, LineNumbers]:
    """Return (the suite, the line of each of its parts). Raises SealError that lists every mistake of form with file, line and remedy."""
    value, lines = read_yaml(file)
    if not isinstance(value, dict):
        raise SealError(f"{file}: a suite is a mapping with name, models, methods and tasks")
    value = from_home(value, AS_WRITTEN)
    try:
        return Suite.model_validate(value), lines
    except ValidationError as error:
        found = error.errors()
        deeper = {tuple(e["loc"][:2]) for e in found if len(e["loc"]) > 3}  # a list's entry that is a mapping with a mistake of its own
        told = [e for e in found if not (e["loc"][-1] == "str" and tuple(e["loc"][:2]) in deeper)]
        raise SealError(explained(file, lines, [(_place(e["loc"], value), _explain(e)) for e in told])) from error


def explained(file: Path, lines: LineNumbers, mistakes: list[tuple[tuple[str | int, ...], str]]) -> str:
    """The text of an error: one line per mistake, in order of the file. mistakes: (path in the file, message)."""
    numbered = sorted({(line_of(lines, place), f"{'/'.join(map(str, place)) or 'the file'}: {text}") for place, text in mistakes})
    return "\n".join(f"{file}, line {line}: {text}" for line, text in numbered)


def line_of(lines: LineNumbers, place: tuple[str | int, ...]) -> int:
    """The line of `place`, or of the innermost part around it that the file has."""
    while place not in lines and place:
        place = place[:-1]
    return lines.get(place, 1)


def _place(loc: tuple[str | int, ...], value: Any) -> tuple[str | int, ...]:
    """Pydantic's location of an error as a path in the file: without the names of the types that pydantic tried."""
    place: list[str | int] = []
    for part in loc:
        inside: dict[Any, Any] = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
        if part in inside:
            value = inside[part]
            place.append(part)
        elif isinstance(value, dict) and part not in (ModelEntry.__name__, MethodEntry.__name__, "str", "[key]"):
            place.append(part)
    return tuple(place)


# kind of one of pydantic's errors → what to write
WANTED = {
    **dict.fromkeys(("int_type", "int_from_float"), "must be a whole number, without quotes and point"),
    **dict.fromkeys(("dict_type", "model_type"), "must be a mapping, such as {key: value}"),
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "too_short": "must have at least 1 item",
}


def _explain(error: Any) -> str:
    """The message for one of pydantic's errors."""
    if error["type"] == "extra_forbidden":
        known = {*Suite.model_fields} if len(error["loc"]) == 1 else {*ModelEntry.model_fields}
        return f"unknown key{nearest(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return "is missing"
    given, kind = error["input"], error["type"]
    if given is None:
        return "has no value; write one, or leave it out"
    if kind in WANTED:
        return f"{WANTED[kind]} (it is {given!r:.60})"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return f"must be text, and YAML reads {str(given).lower()}; put it in quotes"
    if kind == "list_type" and isinstance(given, str | int | float):
        return f"must be a list, such as [{' '.join(visible(str(given)).split())[:60]}]"
    if kind == "string_pattern_mismatch":
        return f"may hold letters, digits, dots, dashes and underscores, and begins with a letter or digit (it is {error['input']!r:.60})"
    return f"{error['msg'][0].lower()}{error['msg'][1:]} (it is {error['input']!r:.60})"


def tune_spec(settings: dict[str, Any]) -> TuneSpec:
    """The TuneSpec of an entry of `adapters`. Raises SealError for an unknown setting, task or method in `on`, and wrong values."""
    from seal_eval.tuning.records import check_spec

    _check_keys("tuning", settings, TuneSpec)
    spec = TuneSpec(**settings)
    check_spec(spec)
    return spec


def heads_spec(settings: dict[str, Any]) -> "HeadsSpec":
    """The HeadsSpec of an entry of `heads`. Raises SealError for an unknown setting or task, and wrong values."""
    from seal_eval.tuning.head_importance import HeadsSpec

    _check_keys("a map of heads", settings, HeadsSpec)
    return HeadsSpec(**settings)


def _check_keys(subject: str, settings: dict[str, Any], spec: Any) -> None:
    """Raise SealError for a key that is not a field of the class `spec`, and for a task, method or system prompt that is not text."""
    fields = spec.__dataclass_fields__
    if unknown := settings.keys() - fields.keys():
        raise SealError(f"{subject} has no setting '{min(unknown)}'{nearest(min(unknown), fields)}")
    for key in ("task", "validate_on", "on", "system"):
        if not isinstance(settings.get(key, ""), str):
            raise SealError(f"{subject}: {key} is {settings[key]!r}, must be text")
