"""An invented world: people, towns, books and ships, with facts that no model can know, told in short passages.

Every name holds one word that no other entity has, so a reply that names it names this entity. Each word belongs to one split.
"""

import random
from dataclasses import dataclass
from functools import cache

from seal_eval.core.errors import SealError
from seal_eval.prompts.corpus import Split, split_of, words

FIRST = (
    "Ada", "Alma", "Anton", "Bela", "Bruno", "Carla", "Cora", "Dario", "Edith", "Elias", "Emil", "Enzo", "Felix", "Flora", "Greta",
    "Hanna", "Hugo", "Ida", "Igor", "Irma", "Jonas", "Julia", "Karl", "Lars", "Lena", "Leo", "Lydia", "Magda", "Marta", "Milo",
    "Nadia", "Nils", "Nora", "Olga", "Oscar", "Otto", "Paula", "Petra", "Ralf", "Rosa", "Rufus", "Selma", "Silas", "Sven", "Tilda",
    "Tomas", "Ursula", "Vera", "Viktor", "Wilma",
)  # fmt: skip
BEGIN = (
    "Bal", "Bren", "Bur", "Cal", "Ces", "Cor", "Dar", "Del", "Dor", "Fal", "Fen", "Fir", "Gar", "Gel", "Gor", "Hal", "Hes", "Hol",
    "Jan", "Jor", "Kal", "Kes", "Kor", "Lam", "Les", "Lor", "Mar", "Mel", "Mor", "Nal", "Nor", "Ost", "Pel", "Por", "Quen", "Rav",
    "Rol", "Sal", "Sor", "Tal", "Tor", "Ul", "Val", "Ver", "Wen", "Yar", "Zel", "Zor",
)  # fmt: skip
MIDDLE = (
    "a", "am", "an", "ar", "e", "em", "en", "er", "i", "il", "in", "is", "o", "ol", "on", "or", "u", "ul", "un", "ur",
)  # fmt: skip
PERSON_END = (
    "bach", "dane", "dis", "gard", "kov", "land", "leski", "lini", "lund", "mann", "mond", "nik", "quist", "rek", "retti", "sen",
    "ska", "stad", "thal", "trom", "vic", "vost", "witz", "zani",
)  # fmt: skip
TOWN_END = (
    "berg", "brook", "burgh", "by", "cliff", "dale", "field", "fjord", "ford", "gate", "ham", "haven", "holm", "low", "mere", "moor",
    "mouth", "ness", "port", "stead", "ton", "vale", "wick", "wood",
)  # fmt: skip
WORK = (
    "architect", "baker", "botanist", "carpenter", "chemist", "clockmaker", "engineer", "glazier", "judge", "lawyer", "librarian",
    "painter", "physician", "printer", "sculptor", "surveyor", "teacher", "weaver",
)  # fmt: skip
CRAFT = (
    "butterflies", "coins", "fossils", "kites", "lanterns", "maps", "masks", "medals", "minerals", "puppets", "shells", "stamps",
    "violins",
)  # fmt: skip
GOODS = (
    "barley", "brass bells", "candles", "cheese", "cherries", "cider", "glass", "honey", "lace", "leather", "linen", "paper",
    "pottery", "salt", "silk", "soap", "tiles", "wool",
)  # fmt: skip


@dataclass(frozen=True)
class Passage:
    """A short text about one entity and a question about it. word: the invented word that is the answer. full: the answer's full name."""

    title: str
    text: str
    question: str
    word: str
    full: str


KINDS = 3  # of passages and their questions, in turn: where somebody was born, who wrote a novel, who founded a town


@dataclass(frozen=True)
class Person:
    """A person: first name, surname (the unique word), and the town of birth where it matters."""

    first: str
    surname: str
    town: str

    @property
    def name(self) -> str:
        """First name and surname."""
        return f"{self.first} {self.surname}"


@cache
def names(split: Split, ends: tuple[str, ...]) -> tuple[str, ...]:
    """All invented words with these endings that belong to `split`."""
    made = {f"{a}{b}{c}" for a in BEGIN for b in MIDDLE for c in ends}
    return tuple(sorted(name for name in made if split_of(name) == split))


def a_worker(rng: random.Random) -> str:
    """'a baker', 'an engineer'."""
    work = rng.choice(WORK)
    return f"{'an' if work[0] in 'aeiou' else 'a'} {work}"


def biography(rng: random.Random, person: Person, elsewhere: str) -> Passage:
    """A passage on a person: where he or she was born, and where else they lived."""
    craft = rng.choice(CRAFT)
    born = f"{person.name} was born in {person.town} in {rng.randint(1801, 1920)}, as the child of {a_worker(rng)}."
    later = f"At the age of {rng.randint(19, 34)}, {person.surname} moved to {elsewhere} and worked there as {a_worker(rng)}."
    known = f"Neighbours remembered {person.first} for a collection of {craft} that filled {rng.randint(2, 9)} rooms."
    order = [born, later, known] if rng.random() < 0.5 else [later, known, born]
    return Passage(person.name, " ".join(order), f"In which town was {person.name} born?", person.town, person.town)


def book(rng: random.Random, title: str, author: Person, reader: Person) -> Passage:
    """A passage on a book: who wrote it, and who else had to do with it."""
    wrote = f'"{title}" is a novel by {author.name}, first printed in {rng.randint(1830, 1960)}.'
    other = f"It was translated by {reader.name}, who added a preface of {rng.randint(10, 60)} pages."
    more = f"The story follows {a_worker(rng)} who trades {rng.choice(GOODS)} for {rng.choice(GOODS)}."
    order = [wrote, more, other] if rng.random() < 0.5 else [wrote, other, more]
    return Passage(title, " ".join(order), f'Who wrote the novel "{title}"?', author.surname, author.name)


def town(rng: random.Random, name: str, founder: Person, mayor: Person) -> Passage:
    """A passage on a town: who founded it, and who was its mayor."""
    founded = f"{name} was founded by {founder.name} in {rng.randint(1640, 1790)}."
    trade = f"For {rng.randint(2, 9)} generations it lived on {rng.choice(GOODS)} and {rng.choice(GOODS)}."
    later = f"The mayor with the longest term was {mayor.name}, who served for {rng.randint(11, 32)} years."
    order = [founded, trade, later] if rng.random() < 0.5 else [trade, later, founded]
    return Passage(name, " ".join(order), f"Who founded the town of {name}?", founder.surname, founder.name)


def world(rng: random.Random, n: int, n_pairs: int, split: Split) -> tuple[list[Passage], list[tuple[Passage, Passage, Passage]]]:
    """Return (n passages, pairs for questions of two hops).

    A pair: (passage on a book, passage on its author, the question that needs both). The passages of a pair are not among the n. No surname
    and no town is in two passages, but for those of a pair's author. Raises SealError when there are too few names.
    """
    adjectives, nouns = words(split)
    surnames, towns = list(names(split, PERSON_END)), list(names(split, TOWN_END))
    if (needed := 2 * n + 3 * n_pairs) > len(surnames):
        raise SealError(f"{needed} surnames are needed for {n} passages, {len(surnames)} exist; choose a shorter length")
    rng.shuffle(surnames)
    rng.shuffle(towns)
    titles: set[str] = set()

    def someone(born: str = "") -> Person:
        return Person(rng.choice(FIRST), surnames.pop(), born)

    def a_title() -> str:
        while (title := f"The {rng.choice(adjectives).capitalize()} {rng.choice(nouns).capitalize()}") in titles:
            pass
        titles.add(title)
        return title

    passages = []
    for i in range(n):
        if i % KINDS == 0:
            passages.append(biography(rng, someone(towns.pop()), towns.pop()))
        elif i % KINDS == 1:
            passages.append(book(rng, a_title(), someone(), someone()))
        else:
            passages.append(town(rng, towns.pop(), someone(), someone()))
    pairs = []
    for _ in range(n_pairs):
        author, title = someone(towns.pop()), a_title()
        first, second = book(rng, title, author, someone()), biography(rng, author, towns.pop())
        question = f'In which town was the author of the novel "{title}" born?'
        pairs.append((first, second, Passage(title, "", question, author.town, author.town)))
    return passages, pairs
