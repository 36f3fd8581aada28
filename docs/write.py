"""Write the documentation as plain Markdown, for any builder: python docs/write.py [FOLDER] (default: build/docs).

Copies the pages and pictures of docs/, fills the reference pages from the code, turns links that leave docs/ into links to the repository
(or into text), and builds the published leaderboard next to the pages.
"""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def main(out: Path, repository: str = "") -> None:
    """Write everything into `out`, in place of what an earlier call wrote there.

    repository: address of the repository on the web, '' if it has none.
    """
    from seal_eval.leaderboard.build import MARKER, build

    docs, out = ROOT / "docs", out.resolve()
    if out.exists() and any(out.iterdir()) and not (out / "leaderboard" / MARKER).is_file():
        sys.exit(f"{out} is not empty and was not written by docs/write.py; name a new folder, nothing is overwritten")
    part = out.with_name(f".{out.name}.part")  # a killed call leaves what was there
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(docs, part, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for page in sorted(docs.rglob("*.md")):
        place = page.relative_to(docs)
        (part / place).write_text(finished(page.read_text(encoding="utf-8"), len(place.parts) - 1, repository), encoding="utf-8")
    build(ROOT / "leaderboard" / "results", part / "leaderboard")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def finished(markdown: str, depth: int, repository: str) -> str:
    """A page with `{{ commands }}` and `{{ methods }}` filled in from the code, and links out of docs/ rewritten. depth: of its folder."""
    for mark, text_from_code in (("{{ commands }}", commands), ("{{ methods }}", methods)):
        if mark in markdown:
            markdown = markdown.replace(mark, text_from_code())

    def repository_link(link: re.Match[str]) -> str:
        text, path = link[1], link[2]
        return f"[{text}]({repository}/blob/main/{path})" if repository else f"{text} (`{path}`)"

    return re.sub(rf"(?<!!)\[([^\]]+)\]\({re.escape('../' * (depth + 1))}([^)#]+)\)", repository_link, markdown)


def commands() -> str:
    """Return Markdown with every command and its options, read from the command line itself."""
    import typer

    from seal_eval.cli import app

    def section(command: Any, path: str) -> str:
        context = command.make_context(path, [], resilient_parsing=True)
        text = [f"## {path}\n", f"{plain(command.help)}\n"]
        rows = [p.get_help_record(context) for p in command.params]
        options = [row for row in rows if row and row[0] not in ("--help", "-h, --help")]
        if options:
            text += ["| option | meaning |", "|---|---|", *(f"| `{cell(name)}` | {cell(plain(about))} |" for name, about in options), ""]
        inner = getattr(command, "commands", {})
        return "\n".join(text) + "\n" + "".join(section(inner[name], f"{path} {name}") for name in inner)

    return section(typer.main.get_command(app), "seal-eval")


def plain(text: str | None) -> str:
    """Return the text without rich's bold markup."""
    return re.sub(r"\[/?b\]", "", text or "")


def cell(text: str) -> str:
    """Return the text as one table cell: pipes escaped, line breaks as spaces."""
    return text.replace("|", "\\|").replace("\n", " ")


def methods() -> str:
    """Return a Markdown table of every method: summary, settings with defaults, and paper, read from the method classes."""
    import dataclasses

    from seal_eval.baselines import get_method, method_names, method_notes, method_settings

    rows = ["| method | what | settings and defaults | source |", "|---|---|---|---|"]
    for name in method_names():
        kind = get_method(name)
        fields = (f.name + ("" if f.default is dataclasses.MISSING else f"={f.default}") for f in method_settings(name))
        settings = ", ".join(f"`{field}`" for field in fields) or "none"
        what = " ".join([f"{kind.summary[0].upper()}{kind.summary[1:]}.", *method_notes(name)])
        rows.append(f"| `{name}` | {cell(what)} | {settings} | {cell(kind.citation or '–')} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "docs", os.environ.get("REPOSITORY", ""))
