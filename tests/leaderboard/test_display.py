"""What the site calls methods, and the addresses of its pages."""

from dataclasses import replace

import pytest

from seal_eval.baselines import get_method, method_names
from seal_eval.leaderboard.display import addresses, board_names, shown_name, shown_settings
from seal_eval.results.records import load_runs


@pytest.fixture
def run(results):
    return load_runs(results)[0]


@pytest.mark.parametrize(
    ("method", "about", "shown"),
    [
        ("plain", {}, ("plain", "")),
        ("seal(seal-600)", {"granularity": "channel", "task": "seal_lines", "length": 2048}, ("SEAL-C", "tuned on lines at 2,048")),
        ("seal", {"granularity": "head", "task": "seal_lines,seal_qa", "length": 600}, ("SEAL-H", "tuned on lines, qa at 600")),
        ("lora", {"task": "seal_lines:600, seal_lines:1200", "length": 1024}, ("LoRA", "tuned on lines at 600 and 1,200")),
        ("lora", {"task": "seal_lines:1,seal_qa", "length": 2048}, ("LoRA", "tuned on lines at 1, qa at 2,048")),
        ("lora", {"task": "seal_qa:1,seal_qa:2,seal_qa:3", "length": 9}, ("LoRA", "tuned on qa at 1, 2 and 3")),
        ("lora", {"task": "seal_lines", "length": "long"}, ("LoRA", "tuned on lines")),
        ("lora", {"task": f"seal_lines:{'9' * 5000}", "length": 7}, ("LoRA", "tuned on lines")),
        ("self_extend+seal", {"granularity": "channel"}, ("Self-Extend + SEAL-C", "")),
        ("temperature(factor=1.15)", {}, ("temperature", "factor=1.15")),
        ("mine.py:Louder(by=0.9)", {}, ("mine.py:Louder(by=0.9)", "")),
        ("first_heads+ntk", {}, ("first_heads + NTK", "")),
    ],
)  # fmt: skip
def test_names(run, method, about, shown):
    assert shown_name(replace(run, method=method, about=about)) == shown


def test_two_of_one_name_show_their_labels(run):
    runs = [replace(run, method=f"lora({name})", about={"task": "seal_lines", "length": 600}) for name in ("a", "b")]
    assert board_names(runs) == {"lora(a)": ("LoRA", "lora(a)"), "lora(b)": ("LoRA", "lora(b)")}
    assert board_names(runs[:1]) == {"lora(a)": ("LoRA", "tuned on lines at 600")}


@pytest.mark.parametrize(
    ("method", "settings", "shown"),
    [
        ("dual_chunk", {"chunk": 0, "local": 0}, {"chunk": "0 (6,144 tokens)", "local": "0 (1,024 tokens)"}),
        ("dual_chunk", {"chunk": 600, "local": 0}, {"chunk": "600", "local": "0 (100 tokens)"}),
        ("self_extend", {"group": 4, "neighbours": 0}, {"group": "4", "neighbours": "0 (2,048 tokens)"}),
        ("yarn+string", {"yarn.original": 0, "string.shift": 0}, {"yarn.original": "0 (8,192 tokens)", "string.shift": "0 (5,461 tokens)"}),
        ("mine.py:Louder", {"by": 0}, {"by": "0"}),
        ("not_installed", {"window": 0}, {"window": "0"}),
        ("dual_chunk", {"of_another_version": 0}, {"of_another_version": "0"}),
    ],
)
def test_settings_that_stand_for_a_part_of_the_window(run, method, settings, shown):
    config = {"seal_eval": {"method": method, "trained_window": 8192}}
    assert dict(shown_settings(replace(run, method=method, settings=settings, config=config))) == shown
    unknown = replace(run, method=method, settings=settings, config={})
    assert dict(shown_settings(unknown)) == {key: str(value) for key, value in settings.items()}


def test_settings_of_a_result_file_run_nothing(run, tmp_path):
    """A setting called `method` does not name another method, which could be a file; nor does a window without end stop the site."""
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass X: pass\n")
    evil = f"{tmp_path / 'evil.py'}:X"
    for method, settings in (("dual_chunk", {"method": evil}), (evil, {"chunk": 0})):
        config = {"seal_eval": {"method": method, "trained_window": 8192}}
        assert shown_settings(replace(run, method="dual_chunk", settings=settings, config=config)) == [
            (k, str(v)) for k, v in settings.items()
        ]
    assert not (tmp_path / "ran").exists()
    config = {"seal_eval": {"method": "yarn+string", "trained_window": 10**400}}
    assert shown_settings(replace(run, settings={"yarn.original": 0}, config=config)) == [("yarn.original", "0")]


def test_titles_are_distinct():
    titles = [get_method(name).title or name for name in method_names()]
    assert len(set(titles)) == len(titles)


def test_addresses_last():
    """A name has the same address whatever stands beside it, unless two are spelt alike; every address is a file name."""
    alone = addresses(["seal(seal-2048)"])["seal(seal-2048)"]
    assert alone == "seal-seal-2048" == addresses(["plain", "seal(seal-2048)", "lora"])["seal(seal-2048)"]
    several = addresses(["ntk+seal", "ntk seal", "../../etc", "…", "x" * 500])
    assert len(set(several.values())) == 5 and several["ntk+seal"].startswith("ntk-seal-")
    assert all(text.replace("-", "").isalnum() and text.isascii() and len(text) < 100 for text in several.values())


def test_numbers_on_the_depth_map_can_be_read():
    """Contrast of at least 4.5 on every colour of the map (WCAG 2.2, level AA)."""
    import matplotlib as mpl

    from seal_eval.leaderboard.figures import ink_on

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(colour)]
        return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for step in range(101):
        face = mpl.colormaps["cividis"](step / 100)
        dark, light = sorted((luminance(face), luminance(ink_on(face))))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, step
