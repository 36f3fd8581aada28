"""The conversation task against outside witnesses: a reader of the conversation, the chat template itself, MRCR's own rule."""

import re
from dataclasses import asdict, replace
from difflib import SequenceMatcher

import pytest

from seal_eval.prompts.chat_turns import between_turns
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import get_task
from seal_eval.tasks.coreference import ORDINALS

from tokenizers_made import CHATML

LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }}[/INST]"
    "{% else %} {{ m['content'] }}</s>{% endif %}{% endfor %}"
)
NUMBERED = "{% for m in messages %}<{{ loop.index }} {{ m['role'] }}>{{ m['content'] }}\n{% endfor %}<reply>"  # no two turns begin alike


def templated(tokenizer, template, **settings):
    import copy

    own = copy.deepcopy(tokenizer)
    own.chat_template = template
    return PromptFormat(own, PromptSettings(chat_template=True, **settings))


def turns_of(text, to_reply, to_user):
    """The conversation in a user's turn: [(request, reply)], and the last request."""
    *pairs, last = text.split(to_user)
    return [tuple(pair.split(to_reply)) for pair in pairs], last


@pytest.mark.parametrize("alike", [1, 2, 8])
def test_the_target_is_the_reply_that_is_asked_for(tokenizer, alike):
    """Somebody reads the conversation, counts the like requests, and finds the target."""
    task, asked = replace(get_task("seal_coreference"), alike=alike), set()
    for sample in task.build(PromptFormat(tokenizer), 1400, 16, 0):
        told = re.findall(r"User: Write a (\w+) about the (\w+)\.\nAssistant: (.*)\n", sample.input)
        ordinal, kind, topic = re.search(r"the (\w+) (\w+) about the (\w+) in our conversation", sample.input).groups()
        like = [reply for k, t, reply in told if (k, t) == (kind, topic)]
        assert len(like) == alike == len(set(like)) and like[ORDINALS.index(ordinal)] == sample.targets[0] + "."
        assert sample.keys[0] in sample.input and sample.prefix == sample.keys[0]
        asked.add(ordinal)
    assert asked == set(ORDINALS[:alike])


@pytest.mark.parametrize("template", [CHATML, LLAMA, MISTRAL], ids=["chatml", "llama", "mistral"])
@pytest.mark.parametrize("system", ["", "Be brief."])
def test_turns_are_those_of_the_template(tokenizer, template, system):
    """The rendered prompt is the one that the template makes of the conversation as a list of turns."""
    if system and template == MISTRAL:
        system = ""
    prompt_format = templated(tokenizer, template, system_instruction=system)
    marks = between_turns(prompt_format)
    assert marks
    for sample in get_task("seal_coreference").build(prompt_format, 2000, 3, 0):
        pairs, last = turns_of(sample.input, *marks)
        turns = [{"role": "system", "content": system}] * bool(system)
        for request, reply in pairs:
            turns += [{"role": "user", "content": request}, {"role": "assistant", "content": reply}]
        turns += [{"role": "user", "content": last}, {"role": "assistant", "content": sample.prefix}]
        wanted = prompt_format.tokenizer.apply_chat_template(turns, tokenize=False, continue_final_message=True)
        assert prompt_format.render(sample.input, sample.prefix) == wanted and len(pairs) > 4
        assert sample.n_tokens == prompt_format.count(sample.input, sample.prefix)


def test_text_where_a_template_has_no_such_turns(tokenizer):
    numbered = templated(tokenizer, NUMBERED)
    assert between_turns(numbered) is None and between_turns(PromptFormat(tokenizer)) is None
    task = get_task("seal_coreference")
    for one, prompt_format in ((task, numbered), (replace(task, turns="text"), templated(tokenizer, CHATML))):
        (sample,) = one.build(prompt_format, 1400, 1, 0)
        assert "\nUser: Write a " in sample.input and "\nAssistant: " in sample.input and "<|im_start|>" not in sample.input


def official(response, answer, random_string_to_prepend):
    """The rule of Hugging Face openai/mrcr, from its description."""
    if not response.startswith(random_string_to_prepend):
        return 0.0
    return SequenceMatcher(None, response.removeprefix(random_string_to_prepend), answer.removeprefix(random_string_to_prepend)).ratio()


@pytest.mark.parametrize("begun", [True, False])
def test_ratio_is_the_official_rule(tokenizer, begun):
    task = get_task("seal_coreference")
    for sample in task.build(PromptFormat(tokenizer, PromptSettings(answer_prefix=begun)), 1400, 6, 0):
        doc, (code,), (target,) = asdict(sample), sample.keys, sample.targets
        right = f"{code}{target}."
        for said in (target + ".", target[:20], "O lantern, I do not know.", target.replace("a ", "the ")):
            reply = said if begun else code + said
            assert task.score(reply, doc).metrics["ratio"] == pytest.approx(official(code + said, right, code))
        without = task.score(target + ".", doc)
        assert (without.value, without.metrics["ratio"]) == (1.0, 1.0 if begun else 0.0)  # the right turn, but MRCR wants the code


def test_reasons(tokenizer):
    task = get_task("seal_coreference")
    (sample,) = task.build(PromptFormat(tokenizer), 1400, 1, 0)
    doc, other = asdict(sample), re.findall(r"Assistant: (.*)\.\n", sample.input)
    wrong = next(reply for reply in other if reply != sample.targets[0])
    altered = re.sub(r"\w+$", "trombone", sample.targets[0])
    for reply, reason in (
        (wrong + ".", "wrong turn"), (altered + ".", "not found"), ("I cannot find it.", "refused"),
        (f"{wrong}. {sample.targets[0]}.", "too many values"),
        (f"{sample.targets[0].upper()}!", "exact"),
    ):  # fmt: skip
        assert task.score(reply, doc).reason == reason, reply
