"""Several questions about one record: the record is read once, with the losses and gradients of reading it with each."""

import pytest
import torch

from seal_eval.core.errors import SealError
from seal_eval.models.caches import in_common
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.loop import learn
from seal_eval.tuning.losses import answer_loss, answered, record_answered, record_loss
from seal_eval.tuning.parameters import trainable
from seal_eval.tuning.records import check_spec, records_of

from conftest import tiny_model

MODELS = {
    "llama": ("llama", {}),
    "sliding": ("gemma3_text", {"sliding_window": 64, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}),
    "opt": ("opt", {}),
}


def lengths_read(model):
    """Return (list that is filled with the number of tokens of each forward pass, the hook)."""
    read = []
    return read, model.register_forward_pre_hook(lambda _, args, kwargs: read.append(args[0].shape[1]), with_kwargs=True)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("method", ["seal", "lora"])
@pytest.mark.parametrize("chat", [False, True])
def test_same_gradients_as_one_by_one(tokenizer, kind, method, chat):
    name, sizes = MODELS[kind]
    model, prompt_format = tiny_model(name, **sizes), PromptFormat(tokenizer, PromptSettings(chat_template=chat))
    spec = TuneSpec(recipe="fixed", length=600, samples=1, questions=4, validation=1, method=method)
    (record,), _ = records_of(prompt_format, spec)
    assert len(record) == 4 and len({sample.cluster for sample in record}) == 1
    gradients = []
    with trainable(model, spec) as trained, trained.on():
        with torch.no_grad():
            for p in trained.parameters():
                p += 0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
        for share in (True, False):
            read, hook = lengths_read(model)
            loss = record_loss(model, prompt_format, record, share)
            hook.remove()
            assert [n > 300 for n in read] == ([True] + [False] * 4 if share else [True] * 4)
            gradients.append(torch.autograd.grad(loss, list(trained.parameters())))
        alone = sum(answer_loss(model, prompt_format, sample) for sample in record) / 4
        gradients.append(torch.autograd.grad(alone, list(trained.parameters())))
        assert loss.item() == pytest.approx(alone.item(), rel=1e-5)
        assert [r for _, r in record_answered(model, prompt_format, record)] == [answered(model, prompt_format, s)[1] for s in record]
    largest = max(g.abs().max() for g in gradients[2])
    for some in gradients[:2]:
        assert all((a - b).abs().max() < 1e-4 * largest for a, b in zip(some, gradients[2], strict=True))


def test_what_shares_no_prefix_is_read_whole(tokenizer):
    """A method whose keys depend on what follows: every question reads the record."""
    from seal_eval.baselines import method_of

    on, model, prompt_format = "dynamic_ntk", tiny_model("llama"), PromptFormat(tokenizer)
    spec = TuneSpec(recipe="fixed", length=450, samples=2, questions=2, validation=1, kl=0.0, on=on)
    with method_of(on).apply(model), trainable(model, spec) as trained:
        read, hook = lengths_read(model)
        learned = learn(model, prompt_format, spec, trained)
        hook.remove()
    assert len(learned.log) == 2 and min(read) > 200  # nothing is read behind a cache


def test_a_cache_that_changes_in_place_is_not_tried(tokenizer):
    """Recurrent layers: each question reads the record, and nothing else does."""
    model, prompt_format = tiny_model("lfm2"), PromptFormat(tokenizer)
    spec = TuneSpec(recipe="fixed", length=450, samples=2, questions=2, validation=1, kl=0.0, cost_limit=9.0)
    with trainable(model, spec) as trained:
        read, hook = lengths_read(model)
        learn(model, prompt_format, spec, trained)
        hook.remove()
    assert sum(n > 300 for n in read) == 2 + 4 + 2  # validation of the plain model, two steps, validation


def test_records_of_a_recipe(tokenizer):
    """Lengths in turn, several questions, all wordings, validation at another length; nothing shared with training."""
    prompt_format = PromptFormat(tokenizer)
    several = {"questions": 3, "wordings": "all", "validate_on": "seal_lines:900", "validation": 2}
    spec = TuneSpec(recipe="fixed", task="seal_lines:450,seal_lines:600,seal_needle:500", samples=7, **several)
    train, validation = records_of(prompt_format, spec)
    assert [(record[0].task, record[0].length, len(record)) for record in train[:4]] == [
        ("seal_lines", 450, 3), ("seal_lines", 600, 3), ("seal_needle", 500, 1), ("seal_lines", 450, 3)
    ]  # fmt: skip
    assert [(record[0].length, len(record)) for record in validation] == [(900, 3)] * 2 and len(train) == 7
    assert len({record[0].prefix.split()[0] for record in train if record[0].task == "seal_lines"}) > 1
    assert not {s.keys for record in train for s in record} & {s.keys for record in validation for s in record}
    one = records_of(prompt_format, TuneSpec(recipe="fixed", length=450, samples=3, validation=2))
    again = records_of(prompt_format, TuneSpec(recipe="fixed", length=450, samples=3, validation=2, validate_on="seal_lines:450"))
    assert one == again


def test_recipes():
    """A recipe sets what is left out, and a size given with a task stands; the card's settings are those that were used."""
    mixed = TuneSpec(recipe="mixed", length=2400)
    assert mixed.mixture() == (("seal_lines", 600), ("seal_lines", 1200), ("seal_lines", 2400)) == mixed.validation_mixture()
    assert (mixed.samples, mixed.questions, mixed.wordings, mixed.validation) == (24, 6, "own", 1)
    assert TuneSpec(recipe="mixed", questions=2, validation=3).questions == 2
    assert TuneSpec(**vars(mixed)) == mixed
    both = TuneSpec(task="seal_lines:450,seal_needle_multikey", recipe="mixed", length=2000)
    assert both.mixture() == (("seal_lines", 450), *(("seal_needle_multikey", n) for n in (500, 1000, 2000)))
    check_spec(TuneSpec(task="seal_needle", recipe="mixed"))  # one question each: the task has no more
    assert (fixed := TuneSpec(recipe="fixed")).mixture() == (("seal_lines", 1024),) and (fixed.samples, fixed.questions) == (50, 1)


def test_questions_need_a_task_that_has_several():
    with pytest.raises(SealError, match=r"questions is 3: no task of 'seal_needle' asks several questions about a record"):
        check_spec(TuneSpec(recipe="fixed", task="seal_needle", questions=3))
    with pytest.raises(SealError, match=r"wordings is all: no task of 'seal_longeval_lines' has several wordings"):
        check_spec(TuneSpec(recipe="fixed", task="seal_longeval_lines", wordings="all"))
    with pytest.raises(SealError, match="validate_on 'seal_lines:0' is not NAME or NAME:SIZE"):
        TuneSpec(recipe="fixed", validate_on="seal_lines:0")


def test_common_beginning():
    rows = ([[1, 2, 3], [1, 2, 4]], [[1], [2]], [[1, 2, 3, 4, 5]] * 2, [[1, 2], [1, 2, 3]])
    assert [min(in_common(min(some), max(some)), 3) for some in rows] == [2, 0, 3, 2]


def test_parts_that_are_too_short(tokenizer, capsys):
    """The default recipe leaves out parts of the length that hold no record, and says so; the length itself must hold one."""
    prompt_format = PromptFormat(tokenizer)
    train, validation = records_of(prompt_format, TuneSpec(length=1300, samples=4))
    assert [record[0].length for record in train] == [650, 1300] * 2 and [record[0].length for record in validation] == [650, 1300]
    assert capsys.readouterr().err.count("seal_lines: 325, a part of the length 1300, is too short for 6 questions and is left out") == 1
    with pytest.raises(SealError, match="with 6 questions"):  # the user named this size
        records_of(prompt_format, TuneSpec(length=1300, samples=4, validate_on="seal_lines:325"))
    asked = TuneSpec(length=1300, samples=4, validation=2, validate_on="seal_lines:1300,seal_lines:900")
    assert [record[0].length for record in records_of(prompt_format, asked)[1]] == [1300, 1300, 900, 900]
    assert TuneSpec(task="seal_documents", length=3).mixture() == (("seal_documents", 1), ("seal_documents", 3))
    with pytest.raises(SealError, match="with 6 questions about one record; take a longer --length or fewer --questions"):
        records_of(prompt_format, TuneSpec(length=450))
    with pytest.raises(SealError, match="with 6 questions"):
        records_of(prompt_format, TuneSpec(task="seal_lines:300", length=1300))
