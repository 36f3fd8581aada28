"""The losses that tuning minimises, compared with loops and the full softmax."""

from dataclasses import replace

import pytest
import torch

from seal_eval.baselines import method_of
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import get_task
from seal_eval.tuning.losses import answer_logits, answer_loss, answered, prose_kl, prose_pieces, read_prose
from seal_eval.tuning.parameters import Gains

from conftest import tiny_model
from methods_table import answered_in_turn


@pytest.mark.parametrize("chat", [False, True])
def test_answer_loss_is_the_mean_over_the_answer(tokenizer, chat):
    """Compared with a loop over the full logits of prompt and answer."""
    model, prompt_format = tiny_model("llama"), PromptFormat(tokenizer, PromptSettings(chat_template=chat))
    sample = get_task("seal_lines").build(prompt_format, 450, 1, 0, split="tune")[0]
    prompt = prompt_format.encode(sample.input, sample.prefix)[1]["input_ids"]
    answer = tokenizer(sample.answer)["input_ids"]
    with torch.no_grad():
        log_p = model(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
    by_hand = -sum(log_p[len(prompt) - 1 + i, t] for i, t in enumerate(answer)) / len(answer)
    assert answer_loss(model, prompt_format, sample).item() == pytest.approx(by_hand.item(), rel=1e-4)


@pytest.mark.parametrize("method", ["", "self_extend,group=4,neighbours=64", "dual_chunk,chunk=120", "ntk,factor=4"])
def test_questions_of_one_record_share_its_tokens(tokenizer, method):
    """Same results as one by one, for answers of which some are the model's own; each record is prefilled once."""
    model, prompt_format = tiny_model("llama"), PromptFormat(tokenizer)
    digits = tokenizer.convert_tokens_to_ids(list("0123456789"))
    with torch.no_grad():  # digits become the likeliest tokens
        model.lm_head.weight[[i for i in range(1000) if i not in digits]] = 0
    samples = replace(get_task("seal_lines"), questions_per_record=4).build(prompt_format, 500, 8, 0)
    with method_of(method).apply(model):
        for i in (1, 4, 6):  # a random model has no answer right, so make some right
            ids = prompt_format.encode(samples[i].input, samples[i].prefix)[1]["input_ids"]
            said = model.generate(torch.tensor([ids]), max_new_tokens=1, do_sample=False, pad_token_id=1)[0, len(ids) :]
            samples[i] = replace(samples[i], answer=tokenizer.decode(said))
        alone = [answered(model, prompt_format, sample)[1] for sample in samples]
        read = []
        hook = model.register_forward_pre_hook(lambda _, args: read.append(args[0].shape[1]))
        assert answered_in_turn(model, prompt_format, samples) == alone and any(alone) and not all(alone)
        hook.remove()
    assert [n > 300 for n in read] == [True, False, False, False] * 2


def test_questions_are_read_whole_where_frequencies_follow_the_length(tokenizer):
    """The same record with a short answer, within the window, and with a long one, beyond it: keys must not be reused."""
    prompt_format = PromptFormat(tokenizer)
    samples = replace(get_task("seal_lines"), questions_per_record=2).build(prompt_format, 500, 2, 0)
    window = len(prompt_format.encode(samples[0].input, samples[0].prefix)[1]["input_ids"]) + 5
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": window}
    model = tiny_model("llama", rope_parameters=rope | {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8})
    digits = tokenizer.convert_tokens_to_ids(list("0123456789"))
    with torch.no_grad():  # digits become the likeliest tokens
        model.lm_head.weight[[i for i in range(1000) if i not in digits]] = 0
    for i, size in enumerate((3, 40)):
        said = ["0"] * size
        for t in range(size):  # the model's own answer, token by token, in a text of the final length
            samples[i] = replace(samples[i], answer="".join(said))
            with torch.no_grad():
                said[t] = tokenizer.decode(answer_logits(model, prompt_format, samples[i])[0][0, t].argmax())
        samples[i] = replace(samples[i], answer="".join(said))
    assert (
        answered_in_turn(model, prompt_format, samples) == [answered(model, prompt_format, sample)[1] for sample in samples] == [True, True]
    )


def test_kl_by_hand(tokenizer):
    model = tiny_model("llama")
    gains = Gains(model, per_head=True)
    (piece,) = prose_pieces(tokenizer, 1, 64, 0)
    assert len(piece) == 64
    said = read_prose(model, piece)
    assert prose_kl(model, said).item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        gains.delta[1][2] = 0.7
        p = model(piece[None]).logits[0].softmax(-1)
        with gains.on():
            q = model(piece[None]).logits[0].softmax(-1)
            found = prose_kl(model, said).item()
    assert found == pytest.approx((p * (p / q).log()).sum(-1)[3:63:4].mean().item(), rel=1e-3)


def test_prose_is_apart(tokenizer):
    """The prose of the validation is not the prose of the training."""
    learned, judged = (prose_pieces(tokenizer, 60, 256, 0, validation=v) for v in (False, True))
    texts = [{tokenizer.decode(p)[:60] for p in pieces} for pieces in (learned, judged)]
    assert not texts[0] & texts[1] and len(texts[0]) > 40
