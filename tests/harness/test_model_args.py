"""Arguments of a model that nobody takes."""

import shutil

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


def test_a_subfolder_is_refused_with_a_place_to_name(tiny_folder, tmp_path):
    """The window, the self-test and what results say of the model would be the root's."""
    shutil.copytree(tiny_folder, tmp_path / "ckpt")
    with pytest.raises(SealError, match=rf"subfolder=ckpt: .* name pretrained={tmp_path}/ckpt and leave subfolder out"):
        SealLM(pretrained=str(tmp_path), subfolder="ckpt", device="cpu")
    for file in (tmp_path / "ckpt").glob("token*"):
        file.rename(tmp_path / file.name)
    with pytest.raises(SealError, match=rf"name pretrained={tmp_path}/ckpt,tokenizer={tmp_path} and"):
        SealLM(pretrained=str(tmp_path), subfolder="ckpt", device="cpu")
    with pytest.raises(SealError, match=r"hf download owner/name --include 'ckpt/\*' --local-dir FOLDER"):
        SealLM(pretrained="owner/name", subfolder="ckpt", device="cpu")


@pytest.mark.parametrize(
    ("asked", "method", "found", "said"),
    [
        ("eager", {}, "eager", ""),
        ("eager", {"method": "temperature", "factor": 1.1}, "temperature", "attn_implementation=eager is overridden: method 'temperature'"),
        ("eager", {"method": "yarn", "factor": 2}, "eager", ""),
        (None, {"method": "yarn+self_extend"}, "self_extend", ""),
        (None, {}, "sdpa", ""),
    ],
)
def test_results_name_the_attention_that_computes(tiny_folder, capsys, asked, method, found, said):
    for _ in range(2):  # the same name in every run of a process
        lm = SealLM(pretrained=str(tiny_folder), device="cpu", **method, **({"attn_implementation": asked} if asked else {}))
        assert lm.get_model_info()["seal_eval"]["attention"] == found
        lm._method_context.close()
    err = capsys.readouterr().err
    assert said in err and ("is overridden" in err) is bool(said)
