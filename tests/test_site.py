"""The site: the same bytes again, nothing from a result file taken for markup, and a real browser that opens it from disk."""

import json
import os
import re
import shutil
from html.parser import HTMLParser

import pytest

from seal_eval.compare import compare
from seal_eval.design import design_of
from seal_eval.errors import SealError
from seal_eval.leaderboard.build import build
from seal_eval.reading import percent
from seal_eval.records import load_runs

from conftest import seal_eval


@pytest.fixture(scope="session")
def site(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "out"
    done = seal_eval("site", results, "--out", out)
    assert done.stdout.strip() == str(out / "index.html")
    return out


def written(out):
    """Files of a site, relative, sorted."""
    return sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and p.name != ".lock")


def test_same_bytes(results, site, tmp_path):
    build(results, tmp_path / "again")
    assert written(tmp_path / "again") == written(site)
    for name in written(site):
        assert (tmp_path / "again" / name).read_bytes() == (site / name).read_bytes(), name
    build(results, site)  # over itself is fine
    assert (tmp_path / "again" / "index.html").read_bytes() == (site / "index.html").read_bytes()


def test_every_number_of_compare_is_on_the_page(results, site):
    page = (site / "index.html").read_text()
    for row in compare(design_of(load_runs(results), "tiny-llama")).of("cell"):
        assert percent(row.accuracy) in page
        assert row.difference is None or percent(row.difference, sign=True) in page


def test_run_page_repeats_the_run(results, site):
    for run in load_runs(results):
        page = (site / "runs" / f"{run.run_id}.html").read_text()
        for digest in run.files.values():
            assert digest in page
        assert "seal-eval run --model seal" in page and run.hardware in page and run.versions["torch"] in page


def test_links_resolve(site):
    class Links(HTMLParser):
        def handle_starttag(self, _tag, attributes):
            found.extend(v for k, v in attributes if k in ("href", "src", "srcset"))

    for page in site.rglob("*.html"):
        found: list[str] = []
        Links().feed(page.read_text())
        for link in found:
            assert link.startswith(("#", "data:")) or (page.parent / link).is_file(), (page, link)


def test_foreign_folder_is_left_alone(results, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SealError, match="not empty and not a site"):
        build(results, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_hostile_strings_stay_text(results, tmp_path):
    copy = shutil.copytree(results, tmp_path / "r")
    for file in copy.rglob("results_*.json"):
        data = json.loads(file.read_text())
        data["config"]["seal_eval"]["model"] = "<script>alert(1)</script>"
        data["config"]["seal_eval"]["hardware"] = "<img src=x onerror=alert(2)>"
        file.write_text(json.dumps(data))
    build(copy, tmp_path / "site")
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text()
        assert "<script" not in text and "<img src=x" not in text and not re.search(r"\sstyle=", text)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import Error, sync_playwright

    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with sync_playwright() as playwright:
        program = next((p for p in map(shutil.which, ("chromium", "google-chrome", "chromium-browser")) if p), None)
        try:
            found = playwright.chromium.launch(executable_path=program, args=flags)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Chromium here (apt install chromium, or playwright install chromium): {error}")
        yield found
        found.close()


@pytest.mark.parametrize("width", [360, 800, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_browser(browser, site, tmp_path, width, theme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    outside, complaints = [], []
    page.on("request", lambda r: None if r.url.startswith((site.as_uri(), "data:")) else outside.append(r.url))
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    for name in ["index.html", *(n for n in written(site) if n.startswith("runs/"))]:
        page.goto((site / name).as_uri(), wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name  # nothing sticks out of the page
        sizes = page.evaluate("[...document.images].map(i => [i.currentSrc, i.complete && i.naturalWidth > 0])")
        assert all(ok for _, ok in sizes) and all(f"-{theme}.svg" in src for src, _ in sizes)
        page.screenshot(path=tmp_path / f"{name.replace('/', '-')}.png", full_page=True)
    assert outside == [] and complaints == []
    colours = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    assert colours == (["rgb(255, 255, 255)", "rgb(31, 35, 40)"] if theme == "light" else ["rgb(13, 17, 23)", "rgb(230, 237, 243)"])
    page.close()
