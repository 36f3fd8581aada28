"""A record that runs out of memory while it is read is read again, and not taken for one that has been read."""

import pytest
import torch

from seal_eval.harness.record_first import RecordFirst

from conftest import tiny_model


def test_half_a_record_is_read_again():
    prompt = torch.arange(10, 60)[None]

    def reader():
        made = RecordFirst(tiny_model())
        made.sizes = {tuple(prompt[0].tolist()): 40}
        return made

    def reply(made):
        return made.generate(prompt, 56, lambda *_: False, {"do_sample": False}).tolist()

    expected, interrupted = reply(reader()), reader()
    whole = interrupted._read

    def half(cache, ids, position):
        whole(cache, ids[: len(ids) // 2], position)
        raise RuntimeError("out of memory")

    interrupted._read = half
    with pytest.raises(RuntimeError, match="out of memory"):
        reply(interrupted)
    interrupted._read = whole
    assert reply(interrupted) == expected
