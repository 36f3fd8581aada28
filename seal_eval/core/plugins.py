"""What a method and a task must and may say: base classes whose members have defaults, and the check when one is loaded."""

import dataclasses
import difflib
import inspect
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.outside import short_module
from seal_eval.core.reserved import ENGINE_ARGUMENTS
from seal_eval.core.settings import check_annotations, check_settings
from seal_eval.core.types import Sample, Score

TOGETHER = "_together"  # attribute of a method in a composition: (name, method) of all of its parts
CALLED_WITH = {"apply": "model", "window": "trained", "resolved": "trained", "about": ""}
CHANGES = ("", "rope", "attention", "weights", "scales")


class Method:
    """Base class of methods. A method is a frozen dataclass; its fields are its settings.

    A class without this base is given it when it is loaded, so that every member below exists.
    """

    title: ClassVar[str] = ""  # how people write the method's name, such as 'YaRN'; '' for the name itself
    summary: ClassVar[str] = ""  # one clause, for lists; required
    citation: ClassVar[str] = ""
    changes: ClassVar[str] = ""  # one of CHANGES; a composition may change rope, attention and weights once each
    shares_prefix: ClassVar[bool] = False  # whether keys and values of a prefix do not depend on what follows it
    by_training: ClassVar[bool] = False  # `resolved` is about the window of training, also where methods composed with it extend that
    last_together: int = 1  # a class attribute or property: so many of a prompt's last tokens are read in one pass, the others shared
    record_first: bool = False  # a class attribute or property: the record is read without the question, which comes behind its cache
    # class attributes or properties, for texts that are given and read in one pass (log-likelihoods, tuning)
    while_decoding: ClassVar[bool] = False  # acts only on tokens behind a cache, such as a reply's: there it would not act, and is refused
    by_prompt_end: ClassVar[bool] = False  # goes by a prompt's last token, which such a text does not show: there it is refused
    one_at_a_time: ClassVar[bool] = False  # depends on the length of what is read or on its last token: there a batch holds one text
    # settings for the self-test (models/selftest.py), which replace the method's own; None: not tried
    neutral: ClassVar[Mapping[str, Any] | None] = None  # settings that change nothing; {} if none of the settings ever does
    active: ClassVar[Mapping[str, Any] | None] = None  # settings with which a method of changes rope or attention acts on 48 tokens

    def __post_init__(self) -> None:
        """Check the settings against their annotations. A method that defines this too calls super().__post_init__() first."""
        check_settings(label_of(self), self)

    def apply(self, model: Any) -> AbstractContextManager[Any]:
        """Context manager: inside it the model uses the method, afterwards it is as before. Yields the model."""
        raise NotImplementedError

    def window(self, trained: int) -> int:
        """Tokens that a model trained on `trained` tokens can read with the method."""
        return trained

    def resolved(self, trained: int) -> dict[str, Any]:
        """The settings whose default stands for a part of the window, as numbers, for a model trained on `trained` tokens."""
        return {}

    def about(self) -> dict[str, Any]:
        """What results record besides the settings, such as an adapter's card. JSON."""
        return {}


class Task:
    """Base class of tasks. A task is a frozen dataclass; its fields after `name` and `summary` are its settings, keys of --metadata.

    A file in tasks/ lists its tasks in TASKS; nothing else registers them. `citation`, `answer_tokens` and `until` may be class variables
    or properties.
    """

    name: str
    summary: str
    unit: ClassVar[str] = "tokens"  # of a sample's size
    size_key: ClassVar[str] = "lengths"  # the key of --metadata that lists sizes
    tokens_per_unit: ClassVar[int] = 1  # about, to estimate time and memory
    sizes: ClassVar[tuple[int, ...]] = ()  # default sizes; those that fit the model's window are run
    small_sizes: ClassVar[tuple[int, ...]] = ()  # for windows below the smallest of `sizes`
    num_samples: ClassVar[int] = 100  # default per size
    metrics: ClassVar[tuple[str, ...]] = ()  # besides acc
    file_settings: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # settings that can name the user's own files → values that do not
    files_read: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # of these, those that name a folder → patterns of the files read in it

    def __post_init__(self) -> None:
        """Check the settings against their annotations. A task that defines this too calls super().__post_init__() first."""
        check_settings(self.name, self)

    @property
    def citation(self) -> str:
        """Where the task comes from."""
        raise NotImplementedError

    @property
    def answer_tokens(self) -> int:
        """Budget of a reply, in tokens."""
        raise NotImplementedError

    @property
    def until(self) -> tuple[str, ...]:
        """Stop strings: an answer that was begun for the model ends before the first of them that follows a value."""
        raise NotImplementedError

    def build(self, prompt_format: Any, length: int, n: int, seed: int, split: Any = "eval") -> list[Sample]:
        """`n` samples of size `length`, always the same for the same arguments. `split`: 'eval', or 'tune' for material not in 'eval'."""
        raise NotImplementedError

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score:
        """The score of a reply to the sample whose fields are in `doc`."""
        raise NotImplementedError

    def question_at(self, doc: Mapping[str, Any]) -> int:
        """Where the question begins in doc["input"], in characters, 0 if that is not known. It is the last paragraph by default."""
        before, _, _ = str(doc["input"]).rstrip().rpartition("\n\n")
        return len(before)

    def available_sizes(self) -> tuple[int, ...] | None:
        """Sizes that the user's own files offer; None when samples are generated."""
        return None

    def own_files(self) -> list[tuple[str, str]]:
        """(setting, value) of the settings that name files of the user's own, which others do not have."""
        values = ((key, str(getattr(self, key))) for key in self.file_settings)
        return [(key, value) for key, value in values if value not in self.file_settings[key]]

    def own_paths(self) -> list[tuple[Path, tuple[str, ...]]]:
        """The files and folders among `own_files`, each with the patterns of the files that are read in the folder, () for all."""
        return [(Path(value), self.files_read.get(key, ())) for key, value in self.own_files() if Path(value).exists()]


def label_of(method: Any) -> str:
    """What errors call a method whose name is not at hand: "method 'yarn'", by its module."""
    return f"method '{short_module(type(method).__module__)}'"


@lru_cache(maxsize=256)
def checked_method(name: str, cls: type) -> type[Method]:
    """The class, given the base class if it lacks it. Raises SealError for a member that is missing, misspelt or of a wrong kind."""
    label = f"method '{name}'"
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls) and callable(getattr(cls, "apply", None))):
        raise SealError(f"{label}: {cls!r} is no dataclass with apply(model)")
    if not issubclass(cls, Method):
        cls = type(cls.__name__, (cls, Method), {"__module__": cls.__module__, "__doc__": cls.__doc__})
    method: type[Method] = cls
    check_names(label, method, Method)
    _must(label, "summary", method.summary, isinstance(method.summary, str) and method.summary.strip(), "text: what the method does")
    _must(label, "citation", method.citation, isinstance(method.citation, str), "text")
    _must(label, "changes", method.changes, method.changes in CHANGES, f"one of {', '.join(map(repr, CHANGES))}")
    shares = method.shares_prefix
    _must(label, "shares_prefix", shares, isinstance(shares, bool), "True or False")
    for member in ("record_first", "while_decoding", "by_prompt_end", "one_at_a_time"):
        value = getattr(method, member)
        _must(label, member, value, isinstance(value, bool | property), "True, False or a property")
    last = method.last_together
    is_count = isinstance(last, int) and not isinstance(last, bool) and last > 0
    _must(label, "last_together", last, is_count or isinstance(last, property), "a number of tokens or a property")
    for member, n in (("apply", 1), ("window", 1), ("resolved", 1), ("about", 0)):
        found = getattr(method, member)
        _must(label, member, found, callable(found), "a method of the class")
        bound = isinstance(inspect.getattr_static(method, member), classmethod | staticmethod)
        if not _takes(found, n if bound else n + 1):
            raise SealError(f"{label}: {member}{_signature(found)} must be callable as {member}({CALLED_WITH[member]})")
    settings = {field.name: field for field in dataclasses.fields(cls)}
    for member in ("neutral", "active"):
        value = getattr(method, member)
        _must(label, member, value, value is None or isinstance(value, Mapping), "a dictionary of settings, or None")
        if unknown := [name for name in value or () if name not in settings]:
            raise SealError(f"{label}: {member} names '{unknown[0]}', which is no setting of it{nearest(str(unknown[0]), settings)}")
    for field in settings.values():
        if field.name in vars(Method) and field.name != "record_first":
            raise SealError(
                f"{label}: {field.name} is annotated, which makes it a setting; write {field.name} = … without a type, or "
                f"{field.name}: ClassVar"
            )
        if field.name in ENGINE_ARGUMENTS:
            raise SealError(f"{label}: setting '{field.name}' has the name of an argument of the engine (--model_args); rename the field")
    check_annotations(label, cls)
    return method


def _signature(function: Any) -> str:
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "(?)"


def _takes(function: Any, n: int) -> bool:
    """True when a function can be called with `n` arguments, or when it does not say what it takes."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*range(n))
    except TypeError:
        return False
    return True


def checked_task(file: str, task: Any) -> Task:
    """The task. Raises SealError naming the file for a member that is missing, misspelt or of a wrong kind."""
    label = f"tasks/{file}.py, {getattr(task, 'name', task)!r}"
    if not (isinstance(task, Task) and dataclasses.is_dataclass(task)):
        raise SealError(f"{label}: must be an object of a frozen dataclass that inherits from seal_eval.core.plugins.Task")
    check_names(label, type(task), Task)
    for member in ("name", "summary", "citation", "unit", "size_key"):
        value = getattr(task, member, None)
        _must(label, member, value, isinstance(value, str) and value, "text")
    for member, kind in (("sizes", int), ("small_sizes", int), ("metrics", str), ("until", str)):
        value = getattr(task, member, None)
        _must(label, member, value, isinstance(value, tuple) and all(isinstance(v, kind) for v in value), f"a tuple of {kind.__name__}")
    for member in ("num_samples", "answer_tokens", "tokens_per_unit"):
        value = getattr(task, member, None)
        _must(label, member, value, isinstance(value, int) and not isinstance(value, bool) and value > 0, "a whole number above 0")
    for member in ("build", "score"):
        _must(label, member, getattr(type(task), member), getattr(type(task), member) is not getattr(Task, member), "defined by the class")
    fields = {field.name for field in dataclasses.fields(task)}
    named = ("file_settings", fields, "setting of the task"), ("files_read", task.file_settings, "key of file_settings")
    for member, known, kind in named:
        if unknown := set(getattr(task, member)) - set(known):
            raise SealError(f"{label}: {member} names '{min(unknown)}', which is no {kind}")
    free = {field.name for field in dataclasses.fields(task) if field.type in (str, "str")} - {"name", "summary", *task.file_settings}
    if free:  # else edited files would not rebuild the samples, and submissions could hold what others cannot build
        raise SealError(f"{label}: setting '{min(free)}' is free text; list it in file_settings, or annotate its choices with Literal")
    return task


def check_names(label: str, cls: type, base: type) -> None:
    """Raise SealError for a public class attribute that is not a member of `base` but is spelt almost like one."""
    members = {name for name in (*vars(base), *base.__annotations__) if not name.startswith("_")}
    settings = {field.name for field in dataclasses.fields(cls)}
    own = {name for owner in cls.__mro__ if owner not in (base, object) for name in vars(owner) if not name.startswith("_")}
    for name in sorted(own - members - settings):
        if close := difflib.get_close_matches(name, members, n=1, cutoff=0.85):
            raise SealError(f"{label}: unknown member '{name}'; did you mean '{close[0]}'?")


def _must(label: str, member: str, value: Any, fine: Any, wanted: str) -> None:
    if not fine:
        raise SealError(f"{label}: {member} is {value!r}, must be {wanted}")
