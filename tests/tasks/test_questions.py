"""Where a sample's question begins, which methods need that read the record first."""

from dataclasses import replace

import pytest

from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task, task_names

from tokenizers_made import made


@pytest.mark.parametrize("name", task_names())
def test_where_the_question_begins(name):
    """The question is short, names what it asks about, and samples of one record have everything before it in common."""
    task = get_task(name)
    if hasattr(task, "questions_per_record"):
        task = replace(task, questions_per_record=2)
    size = 1500 if task.unit == "tokens" else task.small_sizes[-1]
    samples = task.build(PromptFormat(made("bpe-digits")), size, 2, 0)
    parts = [(s.input[:at], s.input[at:].strip()) for s in samples for at in [task.question_at({"input": s.input})]]
    for sample, (record, question) in zip(samples, parts, strict=True):
        assert record.strip() and 20 < len(question) < 400 and question.removesuffix("\nAssistant:").endswith(".")
        assert all(key in question for key in sample.keys) or name in ("seal_latent", "seal_qa_two_hops")
        assert question not in record
    if samples[0].cluster == samples[1].cluster:
        assert parts[0][0] == parts[1][0] and parts[0][1] != parts[1][1]


def test_no_paragraph():
    assert get_task("seal_lines").question_at({"input": "One line and no question"}) == 0
