"""Tables in the terminal."""

from seal_eval.results import tables
from seal_eval.results.tables import Table
from seal_eval.results.text_table import latex


def test_brackets_are_no_markup(monkeypatch, capsys):
    """Brackets in names, titles, column heads and notes are shown, not taken for markup."""
    table = Table("m: against seal(run[a])", ("method", "− seal(run[a]), points"), (("seal(run[b])", "[/INST] 1"),), "Than seal(run[a]).")
    monkeypatch.setattr(tables, "tables", lambda *_: [table])
    tables.show(None)
    shown = capsys.readouterr().out
    assert all(text in shown for text in (table.title, table.columns[1], *table.rows[0], table.note))


def test_latex_shows_text_as_it_is():
    """A cell that begins with a bracket or a star is no argument of the line's end before it, and two dashes stay two."""
    table = Table("org--m", ("method", "n"), (("plain", "1"), ("[a]*|b|", "2"), ("org--model's ``x''", "–1")), "note")
    lines = latex(table).splitlines()
    assert r"{[}a{]}{*}\textbar{}b\textbar{} & 2 \\" in lines and r"org-{}-model's `{}`x'{}' & --1 \\" in lines
    assert r"\caption{org-{}-m. note}" in lines
