"""A table of text cells, and its forms: on the terminal, in Markdown, in LaTeX."""

from dataclasses import dataclass

from seal_eval.core.progress import console
from seal_eval.results.escapes import latex_text, markdown_text

LEFT = {"task", "method", "reasons"}  # columns of words, the others hold numbers


@dataclass(frozen=True)
class Table:
    """A table of text cells, rows × columns. sections: indexes of the rows that are followed by a line."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str
    sections: frozenset[int] = frozenset()


def show_table(table: Table) -> None:
    """Print one table with its note to the terminal."""
    from rich import box
    from rich.table import Table as RichTable

    page = console()
    drawn = RichTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1))
    for i, name in enumerate(table.columns):
        words = [word for text in (name, *(row[i] for row in table.rows)) for word in text.split()]
        longest = max(map(len, words), default=1)  # so that a narrow terminal breaks no word
        drawn.add_column(name, justify="left" if name in LEFT else "right", min_width=longest)
    for i, cells in enumerate(table.rows):
        drawn.add_row(*cells, end_section=i in table.sections)
    page.print(drawn)
    page.print(table.note + "\n", style="dim", highlight=False)


def markdown(table: Table) -> str:
    """A table in Markdown, its title in bold above it, its note below."""

    def line(cells: tuple[str, ...]) -> str:
        return f"| {' | '.join(map(markdown_text, cells))} |"

    rule = "|" + "|".join("---" if name in LEFT else "---:" for name in table.columns) + "|"
    note = map(markdown_text, table.note.splitlines())
    return "\n".join([f"**{markdown_text(table.title)}**", "", line(table.columns), rule, *map(line, table.rows), "", *note, ""])


def latex(table: Table) -> str:
    """A table in LaTeX, for the package booktabs, with title and note as its caption."""

    def line(cells: tuple[str, ...]) -> str:
        return " & ".join(map(latex_text, cells)) + r" \\"

    shape = "".join("l" if name in LEFT else "r" for name in table.columns)
    body = [part for i, cells in enumerate(table.rows) for part in ([line(cells)] + ([r"\midrule"] if i in table.sections else []))]
    head = [
        r"\begin{table}",
        rf"\caption{{{latex_text(table.title)}. {latex_text(table.note)}}}",
        rf"\begin{{tabular}}{{{shape}}}",
        r"\toprule",
    ]
    return "\n".join([*head, line(table.columns), r"\midrule", *body, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])
