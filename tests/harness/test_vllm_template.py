"""The prompts of lm-eval's vLLM class, without vLLM: it changes the arguments of the chat template."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.engines import get_engine
from seal_eval.harness.logged import replies_logged
from seal_eval.harness.vllm_template import check_stock, rendered
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.prompts.template_args import given_args

from conftest import seal_eval
from tokenizers_made import made

# GLM-4.5's: None is not thinking
GLM = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>"
    "{{ '<think></think>' if enable_thinking is defined and not enable_thinking else '' }}{% endif %}"
)
QWEN = GLM.replace("not enable_thinking", "enable_thinking is false")
TURNS = [{"role": "user", "content": "What?"}]


@pytest.fixture
def templated(monkeypatch):
    """Call it with a template."""

    def make(template):
        monkeypatch.setattr(made("bpe-digits"), "chat_template", template)
        return made("bpe-digits")

    return make


@pytest.mark.parametrize(("given", "off"), [
    ({}, False), ({"enable_thinking": None}, False), ({"enable_thinking": False}, True), ({"enable_thinking": True}, False),
    ({"chat_template_args": {"enable_thinking": False}}, True), ({"chat_template_args": {"x": 1}}, False),
])  # fmt: skip
def test_a_run_renders_what_is_counted(templated, given, off):
    engine = SimpleNamespace(tokenizer=templated(GLM), hf_chat_template=None)
    text = rendered(engine, TURNS, True, given_args(given.get("chat_template_args"), given.get("enable_thinking")))
    settings = PromptSettings.read("x", {**given, "chat_template": True})
    assert text == PromptFormat(engine.tokenizer, settings).render("What?") and text.endswith("</think>") is off


def test_the_logged_class_renders_so(templated, monkeypatch):
    """The class that a run uses, around one that renders as lm-eval's does."""
    from lm_eval.api.registry import model_registry

    class Stock:
        def __init__(self, chat_template_args=None, enable_thinking=None):
            self.tokenizer, self.hf_chat_template = templated(GLM), None
            (chat_template_args or {}).pop("enable_thinking", None)

        def apply_chat_template(self, *_):
            return "stock"

    monkeypatch.setitem(model_registry._objs, "vllm", Stock)
    with replies_logged("vllm", 1):
        logged = model_registry._objs["vllm"]
        assert logged().apply_chat_template(TURNS) == "<user>What?<assistant>"
        assert logged(chat_template_args={"enable_thinking": False}).apply_chat_template(TURNS).endswith("</think>")
    monkeypatch.setitem(model_registry._objs, "other", Stock)
    with replies_logged("other", 1):
        assert model_registry._objs["other"]().apply_chat_template(TURNS) == "stock"


@pytest.mark.parametrize(("template", "given", "wrong"), [
    (GLM, {}, True), (GLM, {"enable_thinking": False}, False), (GLM, {"enable_thinking": True}, False), (QWEN, {}, False),
    (QWEN, {"chat_template_args": {"enable_thinking": False}}, True),
])  # fmt: skip
def test_stock_lm_eval_renders_another_prompt(templated, template, given, wrong):
    made_format = PromptFormat(templated(template), PromptSettings.read("x", {**given, "chat_template": True, "answer_prefix": False}))
    if wrong:
        with pytest.raises(SealError, match=r"lm-eval's vLLM class renders the chat template with enable_thinking=None, whatever"):
            check_stock(made_format, given)
    else:
        check_stock(made_format, given)
    check_stock(PromptFormat(made_format.tokenizer), given)  # without a chat template
    check_stock(PromptFormat(made_format.tokenizer, replace(made_format.settings, answer_prefix=True)), given)  # it renders the same


@pytest.mark.parametrize("engine", ["hf", "vllm"])
def test_thinking_without_its_end(tiny_folder, engine):
    """lm-eval refuses enable_thinking=True without think_end_token, with which it cuts out the thinking."""
    given = {"pretrained": str(tiny_folder), "enable_thinking": True, "chat_template_args": {"x": 1}}
    args = get_engine(engine).prepare(given)
    assert args["chat_template_args"] == {"x": 1, "enable_thinking": True} and "enable_thinking" not in args
    assert given["chat_template_args"] == {"x": 1}
    for more in ({"think_end_token": "</think>"}, {"enable_thinking": False}):
        args = get_engine(engine).prepare({**given, **more})
        assert args["enable_thinking"] is ({**given, **more})["enable_thinking"] and args["chat_template_args"] == {"x": 1}


def test_a_run_with_stock_hf_and_thinking(tiny_folder, tmp_path):
    """lm-eval would fail when the model is loaded."""
    folder = shutil.copytree(tiny_folder, tmp_path / "m")
    (folder / "chat_template.jinja").write_text(GLM)
    command = ("run", "--model", "hf", "--model_args", f"pretrained={folder},enable_thinking=True", "--tasks", "seal_lines")
    metadata = '{"lengths": [500], "num_samples": 1}'
    seal_eval(*command, "--apply_chat_template", "--metadata", metadata, "--device", "cpu", "--output_path", tmp_path / "out")
    assert list((tmp_path / "out").rglob("results_*.json"))
