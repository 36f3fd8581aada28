"""Times are in UTC, whatever the clock of the machine that ran or reads a run."""

import json
import os
import shutil
import subprocess

import pytest

from seal_eval.core.errors import SealError
from seal_eval.results.records import load_runs
from seal_eval.results.run_files import utc_of

from conftest import program

STAMP = "2026-11-27T01-57-44.123456"


def moved(results, tmp_path, date, stamp=STAMP):
    """A copy of the results whose second run has this date and stamp in its files' names."""
    folder = shutil.copytree(results, tmp_path / "in")
    for file in (folder / "tiny-llama__seal").iterdir():
        file.rename(file.with_name(f"{file.name.rpartition('_')[0]}_{stamp}{file.suffix}"))
    file = folder / "tiny-llama__seal" / f"results_{stamp}.json"
    data = json.loads(file.read_text())
    data["date"] = date
    if date is None:
        del data["date"]
    file.write_text(json.dumps(data))
    return folder


def test_the_epoch_decides():
    assert utc_of(1795712264.9, STAMP) == "2026-11-26T16:57:44Z"
    assert utc_of(0, STAMP) == "1970-01-01T00:00:00Z"
    assert utc_of(None, STAMP) == "2026-11-27T01:57:44Z"
    with pytest.raises(ValueError, match="does not match"):
        utc_of(None, "0000-99-99T99-99-99")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "UTC"])
def test_feed_changelog_and_order_are_in_utc(results, tmp_path, zone):
    """A run in Tokyo, whose clock was nine hours ahead, is older than one begun later in UTC."""
    folder = moved(results, tmp_path, 1795712264.0)
    subprocess.run(
        [program("seal-eval"), "site", folder, "--out", tmp_path / "site"], env={**os.environ, "TZ": zone}, check=True, capture_output=True
    )
    feed = (tmp_path / "site" / "feed.xml").read_text()
    assert "<updated>2026-11-26T16:57:44Z</updated>" in feed and "01:57:44Z" not in feed
    assert "2026-11-26 <a" in (tmp_path / "site" / "changelog.html").read_text()
    newest = load_runs(folder)[-1]
    assert f"the newest of {newest.utc[:10]}" in (tmp_path / "site" / "index.html").read_text()


def test_runs_are_ordered_by_when_they_began(results, tmp_path):
    early = load_runs(moved(results, tmp_path / "early", 10**9, "2099-01-01T00-00-00.000000"))
    late = load_runs(moved(results, tmp_path / "late", 4 * 10**9, "2001-01-01T00-00-00.000000"))
    assert [r.method for r in early] == ["seal", "plain"] and [r.method for r in late] == ["plain", "seal"]


@pytest.mark.parametrize("date", ["soon", -1, True, 10**300, [1]])
def test_dates_that_are_none(results, tmp_path, date):
    with pytest.raises(SealError, match=r"results_.*json: date is .*, must be"):
        load_runs(moved(results, tmp_path, date))
