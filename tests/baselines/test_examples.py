"""The methods that README and docs show, which users copy: they are short, and leave the model unchanged even after an error."""

import re
from pathlib import Path

import pytest
import torch

from seal_eval.baselines import get_method

from conftest import tiny_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/add-a-method.md"])
def test_a_shown_method(page, tmp_path):
    (code,) = re.findall(r"```python title=\"louder.py\"\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "louder.py").write_text(code)
    assert len([line for line in code.partition("@dataclass")[2].splitlines() if line.strip()]) <= 12
    louder, model, ids = get_method(f"{tmp_path}/louder.py:Louder"), tiny_model(), torch.arange(2, 40)[None]
    plain = model(ids).logits
    with pytest.raises(ZeroDivisionError), louder(by=0.9).apply(model):
        assert not torch.allclose(model(ids).logits, plain, atol=1e-3)
        raise ZeroDivisionError
    assert torch.equal(model(ids).logits, plain)
    assert not any(module._forward_pre_hooks for module in model.modules())
