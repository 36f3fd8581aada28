"""mkdocs hooks: fill reference pages from the code, rewrite links that leave docs/, build the leaderboard next to the pages."""

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Return the page with `{{ commands }}` and `{{ methods }}` filled in from the code.

    Links to files outside docs/ become links to the repository; without a `repo_url`, text and path.
    """
    for mark, text_from_code in (("{{ commands }}", commands), ("{{ methods }}", methods)):
        if mark in markdown:
            markdown = markdown.replace(mark, text_from_code())

    def repository_link(link: re.Match[str]) -> str:
        text, path = link[1], link[2]
        return f"[{text}]({config['repo_url']}/blob/main/{path})" if config.get("repo_url") else f"{text} (`{path}`)"

    up = "../" * page.file.src_uri.count("/")
    return re.sub(rf"(?<!!)\[([^\]]+)\]\({re.escape(up)}\.\./([^)#]+)\)", repository_link, markdown)


def on_post_build(config: Any, **_: Any) -> None:
    """Build the site of the published runs, as `seal-eval site` does, in the folder leaderboard of the built pages."""
    from seal_eval.leaderboard.build import build

    build(ROOT / "leaderboard" / "results", Path(config["site_dir"]) / "leaderboard")


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

    from seal_eval.baselines import get_method, method_names, method_settings

    rows = ["| method | what | settings and defaults | source |", "|---|---|---|---|"]
    for name in method_names():
        kind = get_method(name)
        fields = (f.name + ("" if f.default is dataclasses.MISSING else f"={f.default}") for f in method_settings(name))
        settings = ", ".join(f"`{field}`" for field in fields) or "none"
        rows.append(f"| `{name}` | {cell(kind.summary)} | {settings} | {cell(kind.citation or '–')} |")
    return "\n".join(rows)
