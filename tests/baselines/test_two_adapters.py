"""What a composition of tuned methods records: each part's own, and the costs of all together."""

import pytest

from seal_eval.baselines import take_method
from seal_eval.core.files import CARD, read_object, write_json

from method_cases import made


@pytest.fixture
def folders(tmp_path):
    found = {}
    for name, seconds, trained in (("lora", 30.5, 460_800), ("seal", 4.5, 17_280)):
        found[name] = made(name, "llama", 1.0, tmp_path / name)["adapter"]
        card = tmp_path / name / CARD
        write_json(card, read_object(card) | {"method": name, "tuning_seconds": seconds, "trained_parameters": trained})
    return found


def test_each_part_is_kept_and_costs_are_added(folders):
    about = take_method({"method": "lora+seal", **{f"{name}.adapter": place for name, place in folders.items()}})[1].about()
    alone = {name: take_method({"method": name, "adapter": place})[1].about() for name, place in folders.items()}
    assert about["parts"] == alone and about["adapter_sha256"] == alone["seal"]["adapter_sha256"] != alone["lora"]["adapter_sha256"]
    assert about["trained_parameters"] == 478_080 and about["tuning_seconds"] == 35.0 and about["method"] == "seal"


def test_one_tuned_part_is_told_as_before(folders):
    alone = take_method({"method": "seal", "adapter": folders["seal"]})[1].about()
    assert take_method({"method": "yarn+seal", "seal.adapter": folders["seal"]})[1].about() == alone
