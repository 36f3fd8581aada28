"""A small suite file for tests."""

import yaml


def write(folder, model, **other):
    suite = {
        "name": "tiny", "models": [str(model)], "device": "cpu",
        "methods": ["plain", {"method": "seal", "adapter": "channel"}, {"method": "linear", "factor": 2.0, "sizes": [600]}],
        "adapters": {"channel": {"task": "seal_lines", "recipe": "fixed", "length": 420, "samples": 2, "validation": 1}},
        "tasks": [{"task": "seal_lines", "sizes": [450, 600], "num_samples": 8, "questions_per_record": 4}],
    }  # fmt: skip
    file = folder / "suite.yaml"
    file.write_text(yaml.safe_dump(suite | other, sort_keys=False))
    return file
