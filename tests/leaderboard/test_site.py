"""The site: same bytes when built again, numbers of `compare`, downloads, and no text from a result file taken for markup."""

import csv
import html
import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from seal_eval import stats
from seal_eval.core.errors import SealError
from seal_eval.leaderboard import samples
from seal_eval.leaderboard.build import build
from seal_eval.results.compare import compare
from seal_eval.results.numbers import percent
from seal_eval.results.paired import paired_scores_of
from seal_eval.results.records import load_runs


def written(out):
    """Return the files of a site without its lock, relative and sorted."""
    return sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and p.name != ".lock")


def test_same_bytes(results, site, tmp_path):
    build(results, tmp_path / "again")
    assert written(tmp_path / "again") == written(site)
    for name in written(site):
        assert (tmp_path / "again" / name).read_bytes() == (site / name).read_bytes(), name
    build(results, tmp_path / "again")  # building over a site is allowed
    assert (tmp_path / "again" / "index.html").read_bytes() == (site / "index.html").read_bytes()


def test_every_number_of_compare_is_on_the_page(results, site):
    found = compare(paired_scores_of(load_runs(results), "tiny-llama"))
    overview = (site / "index.html").read_text()
    for row in found.of("primary"):
        assert percent(row.accuracy) in overview and (row.difference is None or percent(row.difference, sign=True) in overview)
    assert html.escape(found.sentence) in overview
    pair = (site / "compare" / "tiny-llama--seal--plain.html").read_text()
    for row in found.of("cell"):
        page = (site / "tasks" / f"{row.task}.html").read_text()
        assert percent(row.accuracy) in page
        assert row.difference is None or (percent(row.difference, sign=True) in page and percent(row.difference, sign=True) in pair)


def test_a_board_says_what_it_could_show(results, site):
    """Test, samples and documents in its headline; accuracy by task; gain against length; no p where five documents allow none."""
    found = compare(paired_scores_of(load_runs(results), "tiny-llama"))
    overview = (site / "index.html").read_text()
    assert "20 questions on 15 documents, compared by a sign-flip test of whole documents." in overview
    (gain,) = (row.difference for row in found.of("primary") if row.difference)
    error = (gain.high - gain.low) / 2 / 1.959964
    assert f"of {100 * (1.959964 + 0.841621) * error:.1f} points or more is detected with 80 % power" in overview
    for row in found.of("task"):
        assert f'h{round(10 * row.accuracy.value)}" title="{percent(row.accuracy)}, n = 10"' in overview
    assert (site / "figures" / "0-gain-light.svg").is_file() and "figures/0-gain-dark.svg" in overview
    for page in ("tasks/seal_lines.html", "compare/tiny-llama--seal--plain.html"):
        text = (site / page).read_text()
        assert "With 5 documents no p below .031 is possible" in text and "too few documents" in text


def test_downloads(results, site):
    found = compare(paired_scores_of(load_runs(results), "tiny-llama"))
    rows = json.loads((site / "data" / "overview.json").read_text())
    assert [(r["method"], r["accuracy"]) for r in rows] == [("plain", found.rows[0].accuracy.value), ("seal", found.rows[1].accuracy.value)]
    flat = list(csv.DictReader((site / "data" / "overview.csv").open()))
    assert [r["method"] for r in flat] == ["plain", "seal"] and float(flat[1]["gain"]) == found.rows[1].difference.value
    assert len(json.loads((site / "data" / "comparisons.json").read_text())[0]["rows"]) == len(found.rows)


def test_exports(results, site):
    """Each run's YAML reads back as Hugging Face's model-index with its cells' accuracies; there are BibTeX entries and LaTeX tables."""
    import yaml
    from huggingface_hub.repocard_data import model_index_to_eval_results

    found = compare(paired_scores_of(load_runs(results), "tiny-llama"))
    for run in load_runs(results):
        data = yaml.safe_load((site / "data" / "runs" / f"{run.run_id}.yml").read_text())
        (model,) = data["model-index"]
        name, read = model_index_to_eval_results(data["model-index"])  # as the hub reads it
        assert name == "tiny-llama" and len(read) == len(model["results"])
        cells = [row for row in found.of("cell") if row.method == run.method]
        assert model["name"] == "tiny-llama" and len(model["results"]) == len(cells)
        for result, row in zip(model["results"], cells, strict=True):
            assert result["dataset"]["config"] == str(row.length) and result["metrics"][0]["value"] == round(row.accuracy.value, 4)
        bib = (site / "data" / "runs" / f"{run.run_id}.bib").read_text()
        assert f"@misc{{seal-eval-{run.run_id}," in bib and bib.count("{") == bib.count("}")
    assert r"\toprule" in (site / "data" / "comparisons.tex").read_text()


def test_samples_data(results, site):
    """The chunks hold every sample once, with each method's reply and the ends of its prompt."""
    seen = {}
    for file in (site / "data" / "samples").glob("0-*.js"):
        name, rows = json.loads("[" + file.read_text().removeprefix("sealChunk(").removesuffix(");\n") + "]")
        assert file.stem == name
        seen |= {row["id"]: row for row in rows}
    for run, column in zip(load_runs(results), (0, 1), strict=True):
        assert len(run.records) == len(seen)
        for record in run.records:
            row = seen[record.sample_id]
            assert row["replies"][column] == [record.score, record.reason, record.answer, record.reply]
            assert row["expected"] == list(record.targets) and len(row["prompt"]) > 300 and "in the result file" not in row["prompt"][:100]


def test_methodology_is_the_docstrings(site):
    page = html.unescape((site / "methodology.html").read_text())
    for function in (stats.tango, stats.ranks, stats.clustered_difference):
        assert function.__doc__.strip().split("\n")[0] in page


def test_feed(results, site):
    from xml.etree import ElementTree

    feed = ElementTree.fromstring((site / "feed.xml").read_text())
    space = "{http://www.w3.org/2005/Atom}"
    runs = load_runs(results)
    assert [e.find(space + "id").text for e in feed.findall(space + "entry")] == [f"urn:seal-eval:run:{r.run_id}" for r in reversed(runs)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", feed.find(space + "updated").text)


def test_only_what_an_earlier_build_wrote_goes(results, tmp_path):
    """A run's page is removed with its run; other files in the folder stay."""
    some, out = shutil.copytree(results, tmp_path / "results"), tmp_path / "out"
    build(some, out)
    others = [out / ".git" / "HEAD", out / "CNAME", out / "runs" / "notes.html"]
    for file in others:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    gone = next(run for run in load_runs(some) if run.method != "plain")
    assert (out / "runs" / f"{gone.run_id}.html").is_file()
    shutil.rmtree(gone.folder)
    build(some, out)
    assert not (out / "runs" / f"{gone.run_id}.html").exists()
    assert all(file.read_text() == "mine" for file in others)
    listed = (out / "site.txt").read_text().splitlines()[1:]
    assert {*listed, "site.txt", ".lock"} == {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and p not in others}


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
            assert link.startswith(("#", "data:")) or (page.parent / link.partition("#")[0]).is_file(), (page, link)


def test_foreign_folder_is_left_alone(results, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SealError, match="not empty and not a site"):
        build(results, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def hostile(folder, change_results=None, change_rows=None):
    for file in folder.rglob("results_*.json"):
        data = json.loads(file.read_text())
        (change_results or (lambda d: None))(data)
        file.write_text(json.dumps(data))
    for file in folder.rglob("samples_*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            (change_rows or (lambda r: None))(row)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_hostile_strings_stay_text(results, tmp_path):
    def words(data):
        data["config"]["seal_eval"] |= {"model": EVIL, "hardware": EVIL, "settings": {EVIL: EVIL}}
        data["config"]["model_dtype"] = EVIL

    def replies(row):
        row["filtered_resps"] = ["</script>" + EVIL + "\u2028" + "x" * 10_000_000 if row["doc_id"] == 0 else EVIL]
        row["acc"] = 0.0

    copy = hostile(shutil.copytree(results, tmp_path / "r"), words, replies)
    build(copy, tmp_path / "site")
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text()
        scripts = re.findall(r"<script[^>]*>", text)
        assert all(re.fullmatch(r'<script src="(\.\./)?static/\w+\.js" defer>', s) for s in scripts) and "<img src=x" not in text
        assert not re.search(r"\s(style|on\w+)=", re.sub(r"&\w+;.*?&gt;", "", text)), page
    assert max(f.stat().st_size for f in (tmp_path / "site").rglob("*.js")) < 300_000  # a long reply is cut


def test_a_file_named_as_method_is_not_run(results, tmp_path):
    """A method's name comes from a result file: building the site must not import the file that it points to."""
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass X: pass\n")

    def name(data):
        if data["config"]["seal_eval"]["method"] == "seal":
            data["config"]["seal_eval"]["method"] = f"{tmp_path / 'evil.py'}:X"

    build(hostile(shutil.copytree(results, tmp_path / "r"), name), tmp_path / "site")
    assert not (tmp_path / "ran").exists()
    assert any("not installed where the page was built" in p.read_text() for p in (tmp_path / "site" / "methods").iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(config=[]), "not an lm-eval results file"),
        (lambda d: d["config"].update(seal_eval=[1]), "config.seal_eval is"),
        (lambda d: d["config"]["seal_eval"].update(about=5), "config.seal_eval.about is 5"),
        (
            lambda d: d["config"]["seal_eval"].update(about={"prose_perplexity_ratio": "low"}),
            'about.prose_perplexity_ratio is "low", must be a number',
        ),
        (lambda d: d["config"]["seal_eval"].update(about={"tuning_seconds": float("nan")}), "about.tuning_seconds: NaN is not JSON"),
        (lambda d: d["config"]["seal_eval"].update(about={"mean_scales": [[1], "x"]}), "about.mean_scales[1] is"),
        (
            lambda d: d["config"]["seal_eval"].update(pace={"prompt_tokens": 5, "seconds": 0, "others": 0}),
            "config.seal_eval.pace.seconds is 0, must be greater than 0",
        ),
        (lambda d: d.update(total_evaluation_time_seconds="soon"), 'total_evaluation_time_seconds is "soon"'),
    ],
)
def test_wrong_types_are_named(results, tmp_path, change, message):
    copy = hostile(shutil.copytree(results, tmp_path / "r"), change)
    with pytest.raises(SealError, match=re.escape(message)) as error:
        build(copy, tmp_path / "site")
    assert "results_" in str(error.value) and not (tmp_path / "site").exists()


def test_cut_and_prompt_ends():
    assert samples.cut("abc", 3) == "abc" and samples.cut("abcd", 3) == "abc … [4 characters in all]"
