"""Pictures of the published leaderboard for README and docs: python benchmarks/screenshots.py (needs Chromium; writes docs/site-*.png)."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from seal_eval.leaderboard.build import build

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 1180
# name → (page, the first element in the picture, the last one)
PICTURES = {
    "overview": ("index.html", "#m2", "table[data-table='overview2']"),
    "task": ("tasks/seal_lines.html", "#m0", "section:has(#m0) .figures figure >> nth=0"),
    "pair": ("compare.html", "h1", "footer"),
}


def main() -> None:
    """Write a picture of each kind of page, and one of the overview in the dark theme, which README shows."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        site = build(ROOT / "leaderboard" / "results", Path(folder) / "site").parent
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for theme in ("light", "dark"):
            page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=theme)
            for name, (address, first, last) in PICTURES.items():
                if theme == "dark" and name != "overview":
                    continue
                take(page, site / address, first, last, ROOT / "docs" / f"site-{name}-{theme}.png")


def take(page: Page, address: Path, first: str, last: str, out: Path) -> None:
    """Write a picture that reaches from one element of a page to another."""
    page.goto(address.as_uri())
    if address.name == "compare.html":  # the pair that its menu opens first
        page.get_by_role("button", name="Compare").click()
        page.wait_for_load_state()
    page.mouse.move(0, 0)
    top, bottom = (page.locator(selector).first.bounding_box() for selector in (first, last))
    assert top and bottom
    clip = {"x": 0, "y": top["y"] - 12, "width": WIDTH, "height": bottom["y"] + bottom["height"] - top["y"] + 24}
    page.screenshot(path=out, clip=clip, full_page=True)
    print(out.relative_to(ROOT), f"{out.stat().st_size / 1000:.0f} kB", file=sys.stderr)


if __name__ == "__main__":
    main()
