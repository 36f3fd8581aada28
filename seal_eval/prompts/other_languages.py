"""Turns of phrase in languages other than English with which replies declare, deny, correct and hedge their answers.

Each is part of a pattern. A model that answers in its user's language says in it, too, what is not the answer. Scripts without spaces
between words, and endings that follow a value, need no `\\b`: the plain text has a space between a value and such a script.
"""

# Slavic and Arabic words may begin with the one for "and"
NOT = (
    r"\b(?:nicht|niet|nie|non|não|inte|ikke|bukan|không phải|pas|weder|ni|né|nem|ни|non si tratta di|ne s'agit pas de"
    r"|no se trata de|não se trata de|kein(?:e|en|er|es)?"
    r"|keinesfalls|keineswegs|auf keinen fall|no (?:es|son|era|en|de|por)|y no|(?:n'est|est) pas"
    r"|ne sont pas|не|statt|anstatt|anstelle von|au lieu d[e']|plutôt que|en (?:lugar|vez) de|em (?:lugar|vez) de|ao invés de|invece di"
    r"|anziché|вместо|zamiast|in plaats van|(?:verwechseln|verwechselt) mit|confond\w{1,3} avec|confundi\w{1,2} (?:con|com)"
    r"|confonder\w{1,2} con|verwarren met|путать с|mylić z)\b"
    r"|no (?:aparece|figura)|(?:ne|n')\s?mentionne pas|没有(?:提到|找到|出现)|未提(?:到|及)"
    r"|不是|并非|並非|不為|而非|^\s*noch|(?<!\w)و?(?:ليس|ليست|لا)(?!\w)|بدلا? من|بدلاً من"
)
ONLY = r"(?:nur|seulement|solo|sólo|solamente|soltanto|somente|apenas|только|tylko|alleen)"  # "nicht nur A" does not deny A
BUT = r"(?:sondern|mais|sino|mas|ma|maar|bensì|lecz|utan|uten|melainkan|mà là|mà|а)\b|而是|بل"
DENIED = rf"(?:{NOT})(?! {ONLY}\b)[\s\"'(<:「«]*(?:(?!{BUT})(?!-+\s)[^\s.,;:!?]+[\s\"'(<«]+){{0,2}}$"
# Spanish: "Es A, no B" means A; in English "A, no B" corrects A. The second pattern tells the language by what stands before
COMMA_NO = r",\s+no\s+[\"'(<«]*$", r"\b(?:es|era|fue|son|está|nació|respuesta|escribió|fundó|escrit[oa] por)\b"
ALTHOUGH = r"\b(?:mais|aber|pero|ma|mas|но|maar|ale)\b"
# "first I thought it was A, but", with A behind it
THOUGHT = (
    r"\b(?:zuerst|zunächst|anfangs|erst|d'abord|au début|primero|al principio|inicialmente|prima|all'inizio|primeiro|no início|сначала"
    rf"|najpierw|eerst)\b[^.;!?\n]{{0,20}}\b(?:dacht|glaubt|vermutet|pens|cre[íy]|cru|думал|myśla)\w*(?:(?!{ALTHOUGH})[^.;!?\n]){{0,30}}$"
    rf"|\bich (?:dachte|glaubte)\b(?:(?!{ALTHOUGH})[^.;!?\n]){{0,30}}$|以为[^.;!?\n]{{0,10}}$"
)
# behind a value: that it is not the answer
IS_WRONG = (
    r"[\"')>\]}»」]*\s*(?:"
    r"(?:ist|war|wäre) (?:falsch|nicht (?:richtig|korrekt|die (?:richtige )?antwort)|inkorrekt)"
    r"|(?:est|serait) (?:faux|fausse|incorrecte?|erronée?)|n'est pas (?:correcte?|juste|exacte?|la (?:bonne )?réponse)"
    r"|es (?:incorrect[oa]|fals[oa]|erróne[oa]|un error)|no es (?:correct[oa]|la respuesta)"
    r"|è (?:sbagliat[oa]|errat[oa]|fals[oa]|scorrett[oa])|non è (?:corrett[oa]|giust[oa]|la risposta)"
    r"|(?:é|está) (?:errad[oa]|incorret[oa]|fals[oa])|não é (?:corret[oa]|a resposta)|is (?:fout|onjuist|verkeerd|niet juist)"
    r"|(?:steht|kommt) nicht (?:im|in)\b|n'(?:apparaît|est) pas (?:dans|mentionn)|no (?:aparece|figura|está) en\b|gehört woanders hin"
    r"|jest (?:błędn|niepoprawn|nieprawidłow|fałszyw)\w*|to błąd|(?:-+\s+)?(?:это )?(?:неверно|неправильно|ошиб\w+)"
    r"|(?:这个|那个)?(?:答案)?(?:是|并)?(?:错误|错|不对|不正确)的?|是干扰项"
    r"|は(?:間違い|誤り|不正解|正しくありません|正しくない|違います)|(?:では|じゃ)(?:なく|ありません|ない(?!でしょうか|か))|でなく|だと思(?:いましたが|ったが|っていました)"
    r"|(?:\(?[이가은는]\)?){0,2}\s*(?:아니|아닙|아닌(?!가)|틀렸|틀린|잘못|오답)"
    r"|(?:خطأ|غير صحيح)|(?:(?:है|हैं),? )?(?:नहीं|गलत|के बजाय)|(?:değil(?! mi)|yanlış|yerine)\b)"
)
# between a value and the one that corrects it
CORRECTS = (
    r"\b(?:entschuldigung|verzeihung|korrektur|moment|falsch|stopp|quatsch|pardon|désolée?|erreur|me suis trompée?"
    r"|corrección|perdón|perdona"
    r"|disculp\w+|lo siento|equivo\w+|mejor dicho|scus[ai]\w*|correzione|sbagli\w+|errore|correção|desculp\w+|perdão|engan\w+"
    r"|correctie|excuses|korekta|poprawka|przeprasz\w+|pomyłk\w+|извин\w+|прости\w*|ошиб\w+|исправл\w+|точнее|özür|düzelt\w+)\b(?!\.? ?\d)"
    r"|不对|不對|应该是|應該是|更正|纠正|抱歉|对不起|對不起|错了|錯了|等一下|訂正|すみません|失礼|申し訳|間違え|違います|いや"
    r"|[,.?!]\s*[不否]\s*[,.]|(?:^|[\s,.])아니(?:야)?\s*[,.]|정정|죄송|실수|잘못|아니요|عذر|آسف|أعتذر|تصحيح|क्षमा|माफ|सुधार"
    r"|(?:^|[.?!\n-])[\W_]*(?:nein|non|нет|não|nee|hayır|いいえ)\s*[,.:!–-]"
)
OR = r"oder|ou|eller|hoặc|atau|(?<!\S)o(?!\S)|oppure|lub|albo|или|либо|veya|ya da|أو|या|또는|혹은|或者?|还是|還是|または|あるいは"
MAYBE = (
    r"\b(?:vielleicht|möglicherweise|könnte auch|peut-être|pourrait (?:aussi|également)|quizás?|tal vez|también podría"
    r"|podría (?:también )?ser|forse|potrebbe anche|talvez|também pode(?:ria)?|pode(?:ria)? (?:também )?ser|misschien"
    r"|kan ook|może też|może|być może|возможно"
    r"|может быть|belki|olabilir|soit|entweder|либо)\b|可能|也许|也許|要么|かもしれ|수도 있|일지도|शायद|ربما|قد يكون"
)
# what declares an answer
ANSWER = (
    r"(?:\b(?:antwort|réponse|respuesta|risposta|resposta|antwoord|odpowiedź|svar(?:et)?|jawaban(?:nya)?"
    r"|đáp án|câu trả lời|ответ|cevap|cevabı|yanıt)\b"
    r"(?: (?:correcta?|correta|corretta|finale?|definitiva))?"
    r"|答案|答え|正解|回答|정답|(?:الإجابة|الجواب)(?: الصحيحة?| النهائية?)?|उत्तर)"
    r"[\"'*]*\s*(?:(?:lautet|ist|est|es|è|é|is|to|är|er|adalah|là|هي|هو)\b\s*:?|:|=|->|-(?=\s)|是|为|為|は|[은는])+"
)
