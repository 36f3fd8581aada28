"""The site in a real browser: three widths, both themes, keyboard, sort, filter, columns, state in the URL, samples, axe."""

import json
import os
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

PATIENCE = 120_000  # ms; a busy machine is not a failure
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import Error, expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        program = next((p for p in map(shutil.which, ("chromium", "google-chrome", "chromium-browser")) if p), None)
        try:
            found = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=PATIENCE)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Chromium here (apt install chromium, or playwright install chromium): {error}")
        yield found
        found.close()


def watched(browser, allowed, **options):
    """Return a page, the URLs it requests elsewhere, and its errors and warnings."""
    page = browser.new_page(**options)
    page.set_default_timeout(PATIENCE)
    outside, complaints = [], []
    page.on("request", lambda r: None if r.url.startswith((allowed, "data:", "blob:")) else outside.append(r.url))
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    return page, outside, complaints


def names(site):
    return sorted(str(p.relative_to(site)) for p in site.rglob("*.html"))


@pytest.mark.parametrize("width", [360, 800, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page(browser, site, width, theme):
    page, outside, complaints = watched(browser, site.as_uri(), viewport={"width": width, "height": 900}, color_scheme=theme)
    for name in names(site):
        page.goto((site / name).as_uri(), wait_until="load")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name  # no horizontal scrolling
        sizes = page.evaluate("[...document.images].map(i => [i.currentSrc, i.complete && i.naturalWidth > 0])")
        assert all(ok for _, ok in sizes) and all(f"-{theme}.svg" in src for src, _ in sizes)
    assert outside == [] and complaints == []
    colours = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    assert colours == (["rgb(255, 255, 255)", "rgb(31, 35, 40)"] if theme == "light" else ["rgb(13, 17, 23)", "rgb(230, 237, 243)"])
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(browser, site, theme):
    """axe finds no violation on any page."""
    from axe_playwright_python.sync_playwright import Axe

    page, _, _ = watched(browser, site.as_uri(), viewport={"width": 1000, "height": 900}, color_scheme=theme)
    for name in names(site):
        page.goto((site / name).as_uri(), wait_until="load")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    page.close()


def address(page):
    """The page's URL as the page itself knows it: `page.url` hears of a change of the fragment only later."""
    return page.evaluate("location.href")


def column(page, table, key):
    """Return the texts of a column as shown, top to bottom."""
    return page.evaluate(
        """([table, key]) => { const t = document.querySelector(`table[data-table="${table}"]`);
        const i = [...t.tHead.rows[0].cells].findIndex(c => c.dataset.key === key);
        return [...t.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[i].dataset.value ?? r.cells[i].textContent.trim()); }""",
        [table, key],
    )


def test_sort_filter_columns_and_url(browser, site, tmp_path):
    page, _, complaints = watched(browser, site.as_uri(), accept_downloads=True)
    page.goto((site / "tasks" / "seal_lines.html").as_uri())
    assert column(page, "cells0", "length") == ["450", "450", "700", "700"]
    heads = page.locator('table[data-table="cells0"] thead button')
    heads.nth(0).press("Enter")  # by keyboard
    heads.nth(0).press("Enter")
    assert column(page, "cells0", "length") == ["700", "700", "450", "450"]
    assert page.locator('th[data-key="length"]').first.get_attribute("aria-sort") == "descending"
    page.get_by_label("Filter").fill("seal")
    assert column(page, "cells0", "method") == ["seal", "seal"] and "2 of 4 rows" in page.inner_text("main")
    page.get_by_text("Columns").click()
    page.get_by_label("documents").uncheck()
    assert not page.locator('th[data-key="documents"]').first.is_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 3 and "documents" not in lines[0] and lines[1].startswith("700,SEAL")
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert [row["method"] for row in json.loads(download.value.path().read_text())] == ["seal", "seal"]
    again, _, _ = watched(browser, site.as_uri())
    again.goto(address(page))  # the URL holds the state
    assert column(again, "cells0", "length") == ["700", "450"] and not again.locator('th[data-key="documents"]').first.is_visible()
    assert again.get_by_label("Filter").input_value() == "seal" and complaints == []
    page.close()
    again.close()


def test_keyboard_alone(browser, site):
    """The first tab stop skips to the results; every control shows where the focus is."""
    page, _, _ = watched(browser, site.as_uri())
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    page.keyboard.press("Enter")
    page.wait_for_url("**/index.html#main")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName + ':' + (document.activeElement.textContent || '').trim().slice(0, 12)"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or page.evaluate("document.activeElement === document.body")
    assert any(r.startswith("BUTTON:accuracy") for r in reached) and any(r.startswith("INPUT") for r in reached)
    page.close()


def count(page):
    """Wait until the samples are loaded; return how many are shown."""
    from playwright.sync_api import expect

    expect(page.locator("#status")).to_have_text(re.compile("shown|matches"))
    return page.locator("article").count()


def test_samples(browser, site):
    from playwright.sync_api import expect

    page, outside, complaints = watched(browser, site.as_uri())
    page.goto((site / "samples.html").as_uri(), wait_until="load")
    assert count(page) == 20 and "all that match" in page.inner_text("#status")
    page.get_by_label("task", exact=True).select_option("seal_needle")
    page.get_by_label("length").select_option("700")
    assert count(page) == 5
    page.get_by_label("outcome").select_option("1")
    right = count(page)
    page.get_by_label("outcome").select_option("0")
    assert right + count(page) == 5
    filtered = address(page)
    first = page.locator("article").first
    first.get_by_text("Prompt").click()
    assert len(first.locator("pre").inner_text()) > 300
    name = first.locator("h2").inner_text()
    page.goto("about:blank")
    page.goto(filtered, wait_until="load")
    assert page.locator("article h2").first.inner_text() == name  # the URL holds the filters
    shown = page.locator("article").first.locator("p.note").inner_text()
    page.get_by_label("text").fill(shown.rpartition("expected: ")[2].upper())
    expect(page.locator("article h2")).to_have_text([name])  # found by its value, whatever the case
    page.get_by_label("text").fill("a text that no sample holds")
    expect(page.locator("#status")).to_have_text("No sample matches.")
    assert "text=a+text" in address(page)
    assert outside == [] and complaints == []
    page.close()


def test_compare_by_menu_and_discordant_samples(browser, site):
    page, _, complaints = watched(browser, site.as_uri())
    page.goto((site / "compare.html").as_uri())
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare/tiny-llama--seal--plain.html")
    assert "SEAL against plain" in page.inner_text("h1") and complaints == []
    page.close()


def test_complete_without_javascript(browser, site):
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    assert page.locator("table[data-table] tbody tr").count() == 2 and page.get_by_text("overview as CSV").is_visible()
    page.goto((site / "compare.html").as_uri())
    page.locator("table.matrix a").first.click()
    assert "against" in page.inner_text("h1") and page.locator("table.forest svg").count() >= 3
    page.goto((site / "samples.html").as_uri())
    assert "needs JavaScript" in page.inner_text("main")
    context.close()


@pytest.mark.parametrize(("width", "columns"), [(1280, ["method", "accuracy", "run"]), (390, ["method", "accuracy"])])
def test_the_overview_at_a_glance(browser, site, width, columns):
    """On a desktop no column is cut; on a phone the first two are in view."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_default_timeout(PATIENCE)
    page.goto((site / "index.html").as_uri())
    for key in columns:
        box = page.locator(f'th[data-key="{key}"]').bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width, key
    methods = page.locator('table[data-table="overview0"] tbody th').all_inner_texts()
    assert sorted(name.split()[0] for name in methods) == ["SEAL", "plain"]
    page.close()


def test_from_a_sub_path_without_layout_shift_and_small(browser, site):
    """Served below /a/b/, as project pages are: everything loads, the layout does not shift, and the first page is below 300 kB."""

    class Below(SimpleHTTPRequestHandler):
        def translate_path(self, path):
            return super().translate_path(path.removeprefix("/a/b")) if path.startswith("/a/b/") else "/nonexistent"

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Below, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}/a/b/"
    page, outside, complaints = watched(browser, root)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 8})  # layout shifts show on a slow machine
    loaded = []
    page.on("response", lambda r: loaded.append(len(r.body())))
    shift = """() => new Promise(done => { let sum = 0;
        const seen = new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value; });
        seen.observe({ type: "layout-shift", buffered: true });
        setTimeout(() => done(sum), 400); })"""
    for name in ("index.html", "tasks/seal_lines.html", "compare/tiny-llama--seal--plain.html", "samples.html"):
        page.goto(root + name, wait_until="load")
        assert page.evaluate(shift) < 0.02, name
        if name == "index.html":
            assert sum(loaded) < 300_000
    assert outside == [] and complaints == []
    page.close()
    server.shutdown()
