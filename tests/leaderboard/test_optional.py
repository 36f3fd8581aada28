"""Fields that a results file may leave out, or hold as null: the site is built all the same, and says that it does not know."""

import json
import shutil

import pytest

from seal_eval.leaderboard.build import build
from seal_eval.leaderboard.published import Card, Config, Own


def optional(part):
    """The names of a part's fields that may be left out and may be null."""
    return [name for name, field in part.model_fields.items() if not field.is_required() and field.default is None]


OPTIONAL = {part: optional(part) for part in (Config, Own, Card)}


@pytest.mark.parametrize("kept", [None, ...], ids=["null", "absent"])
def test_the_site_without_them(results, tmp_path, kept):
    copy = shutil.copytree(results, tmp_path / "results")
    for file in copy.rglob("results_*.json"):
        data = json.loads(file.read_text())
        config = data["config"]
        own = config["seal_eval"]
        for part, fields in ((Config, config), (Own, own), (Card, own["about"])):
            for name in OPTIONAL[part]:
                if name == "seal_eval" or name not in fields:
                    continue
                fields.pop(name)
                if kept is None:
                    fields[name] = None
        file.write_text(json.dumps(data))
    page = build(copy, tmp_path / "site").read_text()
    assert "tiny-llama" in page
    assert {"batch_size", "model_dtype"} <= set(OPTIONAL[Config]) and {"pace", "attention"} <= set(OPTIONAL[Own])


@pytest.mark.parametrize("own", [None, ...], ids=["null", "absent"])
def test_the_site_of_lm_evals_own_engine(results, tmp_path, own):
    plain = next(file for file in results.iterdir() if file.name.endswith("__plain"))
    copy = shutil.copytree(plain, tmp_path / "results")
    for file in copy.rglob("results_*.json"):
        data = json.loads(file.read_text())
        data["config"].pop("seal_eval")
        if own is None:
            data["config"]["seal_eval"] = None
        file.write_text(json.dumps(data))
    assert "tiny-llama" in build(copy, tmp_path / "site").read_text()
