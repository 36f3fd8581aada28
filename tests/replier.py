"""Styles in which language models write an answer, for a model that knows every answer.

A style takes the values (as the text writes them), the document, and returns a reply. NOTATIONS write a single number in another way.
"""

# ruff: noqa: E501  (texts of replies)

import json


def listed(values):
    return values[0] if len(values) == 1 else ", ".join(values[:-1]) + " and " + values[-1]


def noun(doc):
    return (
        "topic" if "topics" in doc["task"] else "word" if "common" in doc["task"] else "variable" if "variable" in doc["task"] else "number"
    )


def question(doc):
    return doc["input"].rstrip().rsplit("\n", 1)[-1]


def keyed(values, doc, form, end):
    """One line for each value, with its key if values have keys."""
    keys = doc["keys"] if len(doc["keys"]) == len(values) else [noun(doc)] * len(values)
    return end.join(form.format(key=k, value=v, i=i) for i, (k, v) in enumerate(zip(keys, values, strict=True), 1))


STYLES = {
    "plain": lambda v, d: f" {', '.join(v)}.",
    "bare": lambda v, d: ", ".join(v),
    "and": lambda v, d: f"{listed(v)}.",
    "sentence": lambda v, d: f"The answer to the question is {listed(v)}.",
    "chatty": lambda v, d: f"Sure! I have read the text carefully. The answer is:\n\n{', '.join(v)}",
    "okay": lambda v, d: f"Okay. Based on the text provided, it is {listed(v)}. Let me know if you need anything else!",
    "numbered": lambda v, d: "\n".join(f"{i}. {x}" for i, x in enumerate(v, 1)),
    "numbered bold": lambda v, d: "Sure!\n\n" + "\n".join(f"{i}. **{x}**" for i, x in enumerate(v, 1)),
    "numbered )": lambda v, d: "\n".join(f"{i}) {x}" for i, x in enumerate(v, 1)),
    "bullets": lambda v, d: "\n\n" + "\n".join(f"- {x}" for x in v),
    "stars": lambda v, d: "Here is what I found:\n\n" + "\n".join(f"* **{x}**" for x in v),
    "blank lines": lambda v, d: "\n\n".join(v),
    "bold": lambda v, d: "**" + "**, **".join(v) + "**",
    "code": lambda v, d: "`" + "`, `".join(v) + "`",
    "code block": lambda v, d: "```\n" + "\n".join(v) + "\n```",
    "quotes": lambda v, d: ", ".join(f'"{x}"' for x in v),
    "json": lambda v, d: json.dumps({"answer": v[0] if len(v) == 1 else v}),
    "json block": lambda v, d: f"Here is the JSON:\n\n```json\n{json.dumps({'count': len(v), 'values': v}, indent=1)}\n```",
    "tool call": lambda v, d: '<tool_call>\n{"name": "final-answer", "arguments": ' + json.dumps({"value": v if len(v) > 1 else v[0]}) + "}\n</tool_call>",
    "xml": lambda v, d: f"<answer>\n{', '.join(v)}\n</answer>",
    "xml line": lambda v, d: f"<answer>{', '.join(v)}</answer>",
    "boxed": lambda v, d: f"$\\boxed{{{', '.join(v)}}}$",
    "latex": lambda v, d: "\\[ " + ", ".join(f"\\text{{{x}}}" for x in v) + " \\]",
    "table": lambda v, d: "| # | value |\n|---|---|\n" + "\n".join(f"| {i} | {x} |" for i, x in enumerate(v, 1)),
    "keyed": lambda v, d: keyed(v, d, "{key}: {value}", "\n"),
    "keyed bold": lambda v, d: "\n\n" + keyed(v, d, "- **{key}**: {value}", "\n"),
    "arrow": lambda v, d: keyed(v, d, "{key} → {value}", "\n"),
    "final": lambda v, d: f"FINAL ANSWER: {', '.join(v)}",
    "bold label": lambda v, d: f"**Answer:** {', '.join(v)}",
    "heading": lambda v, d: f"## Answer\n\n{', '.join(v)}\n",
    "so": lambda v, d: f"I looked at every line. So the answer is {listed(v)}.",
    "echo": lambda v, d: f"{question(d)}\n\n{', '.join(v)}",
    "steps": lambda v, d: f"Step 1: Find the place. Step 2: Read it.\nAnswer: {', '.join(v)}",
    "thinking": lambda v, d: f"<think>\nOkay, the user asks about this. Let me look. Maybe it is something else.\n\nYes.\n</think>\n\n{', '.join(v)}",
    "thinking, opened by the template": lambda v, d: f"Okay, let me look.\n\nYes.\n</think>\n\n{', '.join(v)}",
    "empty thinking": lambda v, d: f"<think>\n\n</think>\n\n{', '.join(v)}",
    "channels": lambda v, d: f"<|channel|>analysis<|message|>We need it.<|end|><|start|>assistant<|channel|>final<|message|>{', '.join(v)}",
    "repeated": lambda v, d: f"{', '.join(v)}. {', '.join(v)}",
    "explained": lambda v, d: f"{listed(v)}.\n\nI found this in the text that you gave me.",
    "html": lambda v, d: "<ul>" + "".join(f"<li><b>{x}</b></li>" for x in v) + "</ul>",
    "corrected": lambda v, d: f"Let me check once more. The right answer is {listed(v)}.",
}  # fmt: skip

NOTATIONS = {
    "comma": lambda n: f"{int(n):,}", "dot": lambda n: f"{int(n):,}".replace(",", "."), "space": lambda n: f"{int(n):,}".replace(",", " "),
    "no-break": lambda n: f"{int(n):,}".replace(",", "\u00a0"), "narrow": lambda n: f"{int(n):,}".replace(",", "\u202f"),
    "apostrophe": lambda n: f"{int(n):,}".replace(",", "'"), "curly": lambda n: f"{int(n):,}".replace(",", "\u2019"),
    "underscore": lambda n: f"{int(n):_}", "latex": lambda n: f"{int(n):,}".replace(",", "\\,"), "braces": lambda n: f"{int(n):,}".replace(",", "{,}"),
    "negative": lambda n: f"{int(n):,}".replace(",", ",\\!"), "zero": lambda n: f"0{n}", "wide": lambda n: "".join(chr(0xFEE0 + ord(c)) for c in f"{int(n):,}"),
    "arabic": lambda n: n.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")), "devanagari": lambda n: n.translate(str.maketrans("0123456789", "०१२३४५६७८९")),
    "apart": lambda n: " ".join(n), "decimal": lambda n: f"{n}.0",
}  # fmt: skip
