"""What a method and a task may say is checked when they are loaded; what they do not say has a default."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from seal_eval.baselines import get_method, method_names, take_method
from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method, Task, checked_method, checked_task
from seal_eval.core.types import Score
from seal_eval.tasks import tasks


def method(**members):
    """A method's class with these members, without the base class."""

    @contextmanager
    def apply(self, model):
        yield model

    setting = {"__annotations__": {"by": float}, "by": 1.1}
    return dataclass(frozen=True)(type("Mine", (), {"apply": apply, "summary": "does nothing", **setting, **members}))


def test_a_class_without_the_base_has_every_member():
    cls = checked_method("mine", method())
    assert issubclass(cls, Method) and cls().window(100) == 100 and cls().about() == {} and cls.shares_prefix is False
    assert checked_method("mine", method(window=lambda self, trained: 2 * trained))().window(100) == 200


def test_a_file_without_the_base_runs(tmp_path):
    (tmp_path / "plain_class.py").write_text(
        "from contextlib import contextmanager\nfrom dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Louder:\n"
        "    summary = 'louder'\n    by: float = 1.1\n\n    @contextmanager\n    def apply(self, model):\n        yield model\n"
    )
    _, made, _ = take_method({"method": f"{tmp_path}/plain_class.py:Louder", "by": 2.0})
    assert isinstance(made, Method) and made.by == 2.0
    with pytest.raises(SealError, match="by is 'much', must be a finite number"):
        take_method({"method": f"{tmp_path}/plain_class.py:Louder", "by": "much"})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"share_prefix": True}, "unknown member 'share_prefix'; did you mean 'shares_prefix'"),
        ({"shares_prefixes": True}, "unknown member 'shares_prefixes'; did you mean 'shares_prefix'"),
        ({"changes": "atention"}, "changes is 'atention', must be one of '', 'rope', 'attention', 'weights', 'scales'"),
        ({"changes": None}, "changes is None, must be one of"),
        ({"change": "rope"}, "unknown member 'change'; did you mean 'changes'"),
        ({"shares_prefix": "yes"}, "shares_prefix is 'yes', must be True or False"),
        ({"last_together": 0}, "last_together is 0, must be a number of tokens or a property"),
        ({"last_together": True}, "last_together is True, must be a number of tokens or a property"),
        ({"summary": ""}, "summary is '', must be text"),
        ({"summary": 3}, "summary is 3, must be text"),
        ({"citation": None}, "citation is None, must be text"),
        ({"window": 4096}, "window is 4096, must be a method of the class"),
        ({"about": {}}, "about is {}, must be a method of the class"),
        ({"neutral": 1.0}, "neutral is 1.0, must be a dictionary of settings, or None"),
        ({"neutral": {"bye": 1.0}}, "neutral names 'bye', which is no setting of it; did you mean 'by'"),
        ({"active": {"factor": 4.0}}, "active names 'factor', which is no setting of it; known: by"),
        ({"__annotations__": {"by": float, "changes": str}, "changes": "rope"}, "changes is annotated, which makes it a setting; write"),
    ],
)
def test_members_that_are_wrong(members, message):
    with pytest.raises(SealError) as error:
        checked_method("mine", method(**members))
    assert str(error.value).startswith(f"method 'mine': {message}")


def test_a_setting_may_be_called_almost_like_a_member():
    @dataclass(frozen=True)
    class Mine(Method):
        summary = "a setting called windows"
        windows: int = 3

        @contextmanager
        def apply(self, model):
            yield model

    assert checked_method("mine", Mine)().windows == 3


def test_every_method_of_ours_inherits():
    for name in method_names():
        assert issubclass(get_method(name), Method)


@dataclass(frozen=True)
class Question(Task):
    """A task that says all it must."""

    name: str = "seal_question"
    summary: str = "a question"
    citation = "none"
    until = (".",)
    answer_tokens = 8

    def build(self, prompt_format, length, n, seed, split="eval"):
        return []

    def score(self, reply, doc):
        return Score(1.0, reply, "exact")


def task(**members):
    return dataclass(frozen=True)(type("Other", (Question,), {"__annotations__": members.pop("__annotations__", {}), **members}))()


def test_every_task_of_ours_passes():
    assert checked_task("x", Question()).own_files() == []
    assert all(isinstance(one, Task) for one in tasks().values())


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"citation": ""}, "citation is '', must be text"),
        ({"until": "."}, "until is '.', must be a tuple of str"),
        ({"answer_tokens": 0}, "answer_tokens is 0, must be a whole number above 0"),
        ({"num_sample": 5}, "unknown member 'num_sample'; did you mean 'num_samples'"),
        ({"metric": ("recall",)}, "unknown member 'metric'; did you mean 'metrics'"),
        ({"sizes": [1, 2]}, "sizes is [1, 2], must be a tuple of int"),
        ({"score": Task.score}, "score is"),
        ({"file_settings": {"text": ()}}, "file_settings names 'text', which is no setting"),
        ({"files_read": {"text": ("*.txt",)}}, "files_read names 'text', which is no key of file_settings"),
        ({"__annotations__": {"source": str}, "source": "a"}, "setting 'source' is free text; list it in file_settings"),
        ({"__annotations__": {"source": str}, "source": field(default="")}, "setting 'source' is free text"),
    ],
)
def test_tasks_that_are_wrong(members, message):
    with pytest.raises(SealError) as error:
        checked_task("mine", task(**members))
    assert str(error.value).startswith("tasks/mine.py, 'seal_question': ") and message in str(error.value)


def test_a_task_without_the_base():
    with pytest.raises(SealError, match="must be an object of a frozen dataclass that inherits"):
        checked_task("mine", object())
