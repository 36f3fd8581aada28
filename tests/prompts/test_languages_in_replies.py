"""Replies that say in other languages what is not the answer, correct themselves or hedge: {t} is the right value, {w} another one."""

# ruff: noqa: E501  (tables of replies)

import pytest
from test_ordinary_replies import ASKED, VALUES

from seal_eval.tasks import get_task

PAIRS = {**{kind: VALUES[kind] for kind in ("lines", "word", "person", "topics")}, "own": ("slate", "oak")}
RIGHT = (
    "Gemeint ist {t}, keineswegs {w}.", "Die Angabe lautet {t} (nicht zu verwechseln mit {w}).", "Statt {w} ist es {t}.", "{w} ist falsch, richtig ist {t}.", "Weder {w} noch {w}, sondern {t}.",
    "Zuerst dachte ich, es sei {w}, aber richtig ist {t}.", "Es ist nicht nur wahrscheinlich: {t}.", "Non pas {w}, mais {t}.", "{t} et non {w}.", "{t}, pas {w}.", "Au lieu de {w}, c'est {t}.", "J'ai d'abord pensé à {w}, mais c'est {t}.",
    "{w} est incorrect. La bonne réponse est {t}.", "En lugar de {w}, es {t}.", "Es {t}, no {w}.", "La respuesta es {t}, no {w}.", "Es {t}, no es {w}.", "Es {t} y no {w}.", "{w} es incorrecto; lo correcto es {t}.", "Non si tratta di {w}, ma di {t}.", "È {t}, non {w}.", "Non {w}, bensì {t}.", "{w}. Scusa, mi sono sbagliato: è {t}.",
    "É {t}, e não {w}.", "{w}. Desculpe, o correto é {t}.", "{w}是错误的，正确答案是{t}。", "{w}。抱歉，我之前说错了，答案是{t}。", "答案应为{t}，而非{w}。", "我一开始以为是{w}，但其实是{t}。", "经过仔细查找，答案是**{t}**。",
    "答えは{t}であり、{w}ではありません。", "{w}。すみません、間違えました。正しくは{t}です。", "{w}だと思いましたが、{t}でした。", "答えは{t}ではないでしょうか。", "정답은 {t}이며, {w}이 아닙니다.", "{w}. 죄송합니다, 정답은 {t}입니다.", "{w}는 틀렸고 {t}가 맞습니다.",
    "{w} — неправильно. {t} — правильно.", "Вместо {w} — {t}.", "Ни {w}, ни {w}, а {t}.", "الإجابة هي {t} وليس {w}.", "ليس {w} بل {t}.", "{w} नहीं, बल्कि {t}।", "उत्तर {t} है, {w} नहीं।", "{w} değil, {t}.", "{w} yerine {t}.", "{w}. Özür dilerim, doğrusu {t}.",
    "Nie {w}, lecz {t}.", "To {t}, a nie {w}.", "{w}. Przepraszam, to {t}.", "Niet {w}, maar {t}.",
)  # fmt: skip
WRONG = (
    "Es ist keinesfalls {t}.", "{t}. Entschuldigung, ich meinte {w}.", "Entweder {t} oder {w}.", "Vielleicht {t}, vielleicht {w}.", "{t}. Es könnte auch {w} sein.", "Ich schwanke zwischen {t} und {w}.", "{w}, pas {t}.", "{t} n'est pas la bonne réponse.", "Soit {t}, soit {w}.",
    "{t} es incorrecto.", "Es {w}, no {t}.", "Podría ser {t} o {w}.", "{w}, non {t}.", "{t}. Scusa, è {w}.", "{t} oppure {w}.", "Né {t} né {w}.", "{w}, e não {t}.", "{t}. Desculpe, é {w}.", "{t}是错误的，正确答案是{w}。", "可能是{t}，也可能是{w}。", "{t}还是{w}，我不确定。",
    "{t}。すみません、正しくは{w}です。", "{t}かもしれませんし、{w}かもしれません。", "答えは{t}ではない。", "{t}. 죄송합니다, 정답은 {w}입니다.", "{t} 또는 {w}입니다.", "{t} — неправильно.", "Либо {t}, либо {w}.", "إما {t} أو {w}.", "الجواب ليس {t}.", "{t} या {w}।", "{t} değil, {w}.", "{t} veya {w}.",
    "Nie {t}, tylko {w}.", "{t} albo {w}.",
)  # fmt: skip
RELATIONS = [
("born", "Sie wurde in {t} geboren und zog mit 27 nach {w}."), ("born", "Elle est née à {t} et a déménagé à {w} à 27 ans."), ("born", "Nació en {t} y se mudó a {w}."), ("born", "Nació en {t}, no en {w}."), ("born", "È nata a {t} e si è trasferita a {w}."), ("born", "Nasceu em {t} e mudou-se para {w}."),
("born", "她出生于{t}，后来搬到了{w}。"), ("born", "彼女は{t}で生まれ、27歳で{w}に移りました。"), ("born", "그녀는 {t}에서 태어나 27세에 {w}로 이사했습니다."), ("born", "Она родилась в {t}, а позже переехала в {w}."), ("born", "{t}'de doğdu, 27 yaşında {w}'e taşındı."), ("born", "ولدت في {t} ثم انتقلت إلى {w}."),
("born", '{{"birthplace": "{t}", "moved_to": "{w}"}}'), ("wrote", "作者是{t}，译者是{w}。"), ("wrote", "著者は{t}、翻訳者は{w}です。"), ("wrote", "Geschreven door {t} en vertaald door {w}."), ("wrote", "Yazarı {t}, çevirmeni {w}."), ("wrote", "المؤلف هو {t} والمترجم هو {w}."), ("wrote", "{t} (not the translator, {w})"),
("founded", "创始人是{t}，市长是{w}。"), ("founded", "Основатель — {t}, мэр — {w}."),
]  # fmt: skip
NAMES = {"born": ("Zorulmere", "Lamulness"), "wrote": ("Emil Cesolsen", "Petra Ostilnik"), "founded": ("Igor Naluthal", "Ada Roleska")}


def value(kind, form, right, other):
    return get_task(ASKED[kind]["task"]).score(form.format(t=right, w=other), ASKED[kind]).value


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("form", RIGHT)
def test_what_is_the_answer(kind, form):
    assert value(kind, form, *PAIRS[kind]) == 1


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("form", WRONG)
def test_what_is_not(kind, form):
    assert value(kind, form, *PAIRS[kind]) == 0


@pytest.mark.parametrize(("kind", "form"), RELATIONS)
def test_names_of_two_relations(kind, form):
    right, other = NAMES[kind]
    assert value(kind, form, right, other) == 1 and value(kind, form, other, right) == 0


def test_an_article_is_no_verb():
    """The German article "die" is the English "die" in small letters."""
    assert value("born", "Die gesuchte Stadt ist {t}, nicht {w}.", "Zorulmere", "Burenholm") == 1
