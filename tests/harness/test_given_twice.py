"""Of two values under one name in JSON, lm-eval takes the last and says nothing; `seal-eval run` refuses them."""

import pytest

from seal_eval.harness.command_line import lm_eval_command


def parsed(*flags):
    return lm_eval_command()._parser.parse_args(["run", "--tasks", "seal_lines", *flags])


@pytest.mark.parametrize(("flags", "message"), [
    (("--metadata", '{"lengths": [512], "num_samples": 1, "lengths": [1024]}'), '--metadata: the key "lengths" is there twice'),
    (("--model_args", '{"pretrained": "m", "chat_template_args": {"x": 1, "x": 2}}'), 'chat_template_args: the key "x" is there twice'),
    (("--metadata", '{"seed": 1}', "--metadata", '{"seed": 2}'), "--metadata: seed is 1 before and 2 here; give it once"),
])  # fmt: skip
def test_two_values_under_one_name(capsys, flags, message):
    with pytest.raises(SystemExit):
        parsed(*flags)
    assert message.split(": ")[-1] in capsys.readouterr().err


def test_one_value_or_the_same_twice():
    args = parsed("--metadata", '{"seed": 1, "x": NaN}', "--metadata", '{"seed": 1, "lengths": [5]}', "--gen_kwargs", '{"until": ["a"]}')
    assert args.metadata["seed"] == 1 and args.metadata["lengths"] == [5] and args.gen_kwargs == {"until": ["a"]}
    assert parsed("--metadata", "seed=1").metadata == {"seed": 1}
    with pytest.raises((ValueError, SystemExit)):  # lm-eval's own message
        parsed("--metadata", '{"seed": 1')
