"""What a reader meets: names, addresses, numbers in words, many methods in a figure, long names, paper, and the browser's Back."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from test_site_browser import browser, count, watched  # noqa: F401

from seal_eval.leaderboard.board import boards
from seal_eval.leaderboard.build import build
from seal_eval.leaderboard.display import _hash, addresses
from seal_eval.leaderboard.figures import beside, pareto
from seal_eval.leaderboard.gains import gains
from seal_eval.leaderboard.pages import _form_warnings, _in_words, _sentence
from seal_eval.results.comparison import Row
from seal_eval.results.reasons import Shares
from seal_eval.results.records import load_runs
from seal_eval.stats import wilson


def test_no_two_names_have_one_address():
    names = ["a b", "a(b)", f"a-b-{_hash('a b')}"]  # the third is like what the first one gets
    assert len(set(addresses(names).values())) == 3


def test_every_page_says_what_it_is(site):
    found = {}
    for page in site.rglob("*.html"):
        text = page.read_text()
        (described,) = re.findall(r'<meta name="description" content="([^"]{20,})">', text)
        (title,) = re.findall(r"<title>(.*?)</title>", text)
        assert "\n" not in described and "{" not in described, page
        found.setdefault(title, []).append(page)
    assert all(len(pages) == 1 for pages in found.values())


def test_names_that_people_say(site):
    page = (site / "changelog.html").read_text()
    assert "tiny-llama, SEAL</a>" in page and "tiny-llama, seal" not in page


def test_samples_by_the_reasons_that_there_are(site):
    (board,) = json.loads((site / "data" / "samples" / "manifest.js").read_text().removeprefix("sealManifest(").removesuffix(");\n"))
    pages = " ".join(page.read_text() for page in (site / "runs").glob("*.html"))
    assert board["reasons"] and all(f"{reason} " in pages for reason in board["reasons"])
    assert [cell["size"] for cell in board["cells"]] == ["450", "700", "450", "700"]


def test_replies_that_measure_form_are_linked(results):
    (board,) = boards(load_runs(results), "plain")
    ((text, address),) = _form_warnings([Shares("seal", "seal_lines", 450, {"cut off": 5})], board)
    assert text.startswith("seal_lines at 450, SEAL: 100 % of the replies") and "seal-eval replies" not in text
    assert address == "samples.html#model=0&task=seal_lines&length=450&method=1&outcome=0"
    ((text, address),) = _form_warnings(
        [Shares("other", "seal_longeval_topics", 5, {"cut off": 5})], replace(board, shown=board.shown | {"other": ("other", "")})
    )
    assert text.startswith("seal_longeval_topics at 5 topics, other") and address == ""


def test_values_in_words():
    assert _in_words({"accuracy": 0.75, "kl": 0.012082958943210542, "peft": True}) == "accuracy 0.75, kl 0.012083, peft yes"
    assert _in_words([1, [2, False]]) == "1, 2, no" and _in_words("x") == "x"
    assert _sentence("all of it") == _sentence("All of it.") == "All of it."


def height(svg):
    return float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg)[1])


def test_thirty_methods_in_a_figure():
    """Every name fits into the legend, and no method stands at another length than its own."""
    names, estimate = [f"method {i}" for i in range(30)], wilson(5, 10)
    rows = [Row("cell", name, "t", length, 10, estimate, replace(estimate, low=-0.1)) for name in names for length in (512, 1024)]
    for svg in (pareto([(name, 1.0, estimate) for name in names], "light", "x", "y"), gains({"t": rows}, "light", {"t": "tokens"})):
        assert height(svg) >= 30 * 0.18 * 72
    assert all(1 / 1.31 < beside(i, 30, 1.05) < 1.31 for i in range(30)) and beside(1, 3, 1.05) == 1


@pytest.fixture(scope="module")
def long_names(results, tmp_path_factory):
    folder = shutil.copytree(results, tmp_path_factory.mktemp("long") / "in")
    (file,) = (folder / "tiny-llama__seal").glob("results_*.json")
    data = json.loads(file.read_text())
    data["config"]["seal_eval"]["method"] = "x" * 300
    file.write_text(json.dumps(data))
    build(folder, folder.parent / "site")
    return folder.parent / "site"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_name_leaves_room(browser, long_names, width):  # noqa: F811
    page, _, complaints = watched(browser, long_names.as_uri(), viewport={"width": width, "height": 800})
    for name in sorted(long_names.rglob("*.html")):
        page.goto(name.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.goto((long_names / "index.html").as_uri())
    box = page.locator('th[data-key="accuracy"]').bounding_box()
    assert box and box["x"] < width and complaints == []
    page.close()


def test_on_paper(browser, site):  # noqa: F811
    """Nothing is cut at the edge of a page, and a dark screen prints on white."""
    page, _, _ = watched(browser, site.as_uri(), viewport={"width": 794, "height": 1100}, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    for name in ("index.html", "tasks/seal_lines.html", "compare/tiny-llama--seal--plain.html"):
        page.goto((site / name).as_uri())
        assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth + 1)"), name
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("[...document.images].every(i => i.currentSrc.includes('-light.svg'))"), name
    page.close()


def test_back_from_a_sample(browser, site):  # noqa: F811
    from playwright.sync_api import expect

    page, _, complaints = watched(browser, site.as_uri())
    page.goto((site / "samples.html").as_uri() + "#task=seal_needle&length=700")
    assert count(page) == 5
    page.locator("article h2 a").first.click()
    expect(page.locator("article")).to_have_count(1)
    page.go_back()
    expect(page.locator("article")).to_have_count(5)
    assert page.get_by_label("length").input_value() == "700"
    page.locator(".skip").focus()
    page.keyboard.press("Enter")  # skips, and keeps the filters
    assert count(page) == 5 and page.get_by_label("length").input_value() == "700" and complaints == []
    page.close()
