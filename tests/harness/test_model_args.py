"""Arguments of a model that nobody takes."""

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.model_args import known_arguments, misspelt
from seal_eval.harness.seal_lm import SealLM


@pytest.mark.parametrize(("more", "message"), [
    ({"dtyp": "bfloat16"}, "nothing takes 'dtyp'; did you mean 'dtype'"),
    ({"adapter": "x"}, "adapter is a setting of dora, lora, seal, not of method 'plain'; pass method=seal with it"),
    ({"method": "yarn", "factor": 4.0, "group": 4}, "group is a setting of self_extend, not of method 'yarn'"),
])  # fmt: skip
def test_named_with_a_remedy(tiny_folder, more, message):
    with pytest.raises(SealError, match=message):
        SealLM(pretrained=str(tiny_folder), device="cpu", **more)


def test_attributes_of_the_models_configuration_are_none_of_our_business():
    assert misspelt({"rope_theta", "layer_norm_eps", "dtype", "max_length"}) == "" and "dtype" in known_arguments()
    assert misspelt({"max_lenght"}) == "args: nothing takes 'max_lenght'; did you mean 'max_length'?"
