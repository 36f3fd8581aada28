"""Tables in the terminal."""

from seal_eval.results import tables
from seal_eval.results.tables import Table


def test_brackets_are_no_markup(monkeypatch, capsys):
    """Brackets in names, titles, column heads and notes are shown, not taken for markup."""
    table = Table("m: against seal(run[a])", ("method", "− seal(run[a]), points"), (("seal(run[b])", "[/INST] 1"),), "Than seal(run[a]).")
    monkeypatch.setattr(tables, "tables", lambda *_: [table])
    tables.show(None)
    shown = capsys.readouterr().out
    assert all(text in shown for text in (table.title, table.columns[1], *table.rows[0], table.note))
