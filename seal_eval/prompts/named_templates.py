"""Which of a tokenizer's chat templates is asked for: its only one, its default one, or one by name."""

from typing import Any

from seal_eval.core.errors import SealError


def named_template(templates: Any, name: bool | str) -> str:
    """Return the template that `name` names; '' for the tokenizer's only or default one. templates: text, or name → text, or None.

    Raises SealError for no template, for one that the tokenizer lacks, and where it has several and none is the default.
    """
    if not templates:
        raise SealError(
            "the tokenizer has no chat template: do not apply one, or name a folder that has it (seal-eval models template, "
            "chat_template of a suite's model)"
        )
    if isinstance(templates, str):
        if isinstance(name, str):
            raise SealError(f"the tokenizer has one chat template, without a name; ask for it without the name '{name}'")
        return ""
    known = ", ".join(sorted(templates))
    if not isinstance(name, str):
        if "default" not in templates:
            raise SealError(f"the tokenizer has several chat templates and no default; name one of {known}")
        return ""
    if name not in templates:
        raise SealError(f"the tokenizer has no chat template named '{name}'; it has {known}")
    return str(templates[name])
