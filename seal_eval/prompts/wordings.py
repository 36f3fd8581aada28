"""Turns of phrase, most of them English, with which replies declare, correct, deny, hedge and order their answers, as patterns."""

import re

from seal_eval.prompts import other_languages as other

# between a value and the one that corrects it; some words do so only where they begin what follows the value
CORRECTION = re.compile(
    r"\b(?:wait|sorry|correction|corrected|scratch that|oops|hold on|i mean|mistaken?|wrong|incorrect"
    r"|on second thought|apolog(?:ies|i[sz]e)|re-?check(?:ed|ing)?|strike that|should be|should have been"
    r"|i meant|i misread|my (?:bad|mistake)|(?:disregard|forget|ignore|strike) (?:that|this|it)"
    rf")\b(?!\.? ?\d)|{other.CORRECTS}"
    r"|\b(?:second|third|last|final|new) (?:attempt|try)\b|\battempt\s*#?[2-9]\b"
    r"|\b(?:edit|update|updated|revised|revision)(?: answer)?:|\?[\"')\]]*\s*(?:hmm+|uh+|oh)\b"
    r"|\b(?:first|initially|originally) (?:read|thought|said|saw|wrote|found)[^.;\n]{0,20},? but\b"
    r"|(?:^|[.?!\n])[\W_]*(?:(?:hmm|oh|uh|well|or|but|and)\W+)?(?:(?:no|nope)\b(?!\.? ?\d)(?=\W*[.,;:!?…—–-]|\s+(?:it|that|the|i)\b|\W*$)"
    r"|(?:(?:it|that|this|the (?:answer|number|value|name|word))(?:'s| is| was)? )?(?:actually|rather|in fact|instead)\b"
    r"|(?:not really|not quite|that's not|it's not|(?:it|that|this) (?:isn't|wasn't|is not|was not))\b)",
    re.IGNORECASE,
)
# after these a reply looks again; another value that follows is its answer, the same one confirms it
CHECKED = re.compile(
    r"\b(?:let me|let's|let us|i(?:'ll| will| should| must| need to| have to| want to)|allow me to) (?:just |quickly )?"
    r"(?:(?:double|re)[- ]?)?(?:check|verify|confirm|read|recount|examine|take (?:another|a second|a closer) look"
    r"|look (?:at (?:it|this|that|the \w+) )?(?:again|more closely))\b"
    r"|\b(?:up)?on (?:a |an )?(?:rereading|(?:closer|second|further|another|re-?) ?"
    r"(?:inspection|look|reading|reflection|examination|review|check(?:ing)?))\b"
    r"|\blet me (?:re-?think|reconsider|think again)\b"
    r"|\bafter (?:a (?:closer|second|careful) (?:look|reading|check)|re-?\w+ing|(?:double-?)?checking|another look)\b"
    r"|\blooking (?:again|closer|more closely|back)\b",
    re.IGNORECASE,
)
OR = re.compile(rf"\b(?:or|either|alternatively|possibly|maybe|perhaps|{other.OR})\b", re.IGNORECASE)
# the reply leaves the answer open, where it says so of a second value: 'It could also be B', 'B is possible, too'
HEDGE = re.compile(
    r"^[\W_]*(?:or|either)\b|\b(?:alternatively|possibly|maybe|perhaps|unsure|uncertain|unclear|possible|plausible|possibility|alternative)\b"
    r"|\b(?:could|might|may|can)(?: (?:also|well|even|just|still|equally))* be\b"
    r"(?! (?:ruled out|excluded|ignored|discarded|confused|mistaken))"
    r"|\bnot (?:(?:entirely|quite|fully|completely|totally|100 ?%) )?(?:sure|certain)\b|\banother (?:option|candidate|answer|guess)\b"
    r"|\b(?:just|equally|also|as) (?:as )?(?:likely|probable|possible|right|correct|acceptable|valid)\b"
    r"|\b(?:would|could|might|may) (?:also|equally|just as well) (?:work|do|fit)\b"
    rf"|{other.MAYBE}",
    re.IGNORECASE,
)
# a reply that lists its guesses: 'Option 1: A'
GUESSES = re.compile(r"\b(?:option|answer|candidate|possibility|choice|guess)\s*#?\s*(?:1|one|a)\s*[:.)=-][\s\"'(<]*$", re.IGNORECASE)
NOTHING_BUT = re.compile(  # 'it cannot be anything but A' means A
    r"\b(?:no|none|nothing|nobody|not|never|can't|cannot|couldn't)\b[^.,;:!?\n]{0,40}"
    r"\b(?:but|other than|except(?: for)?)[\s\"'(<]+(?:the \w+ )?$",
    re.IGNORECASE,
)
NEGATED = re.compile(
    r"\b(?:not|nor|neither|never|isn't(?! it\b)|wasn't|aren't|instead of|rather than|unlike|except|excluding|different from|as opposed to"
    r"|(?:all|any(?:thing|one|body)?|every(?:thing|one|body)?) but|(?<!no )(?<!none )(?<!no one )(?<!nobody )(?<!nothing )other than)"
    r"(?! (?:more|less|fewer|later|longer|earlier|only|until|just)\b)[\s\"'(<:*]+(?:(?!but\b)[^\s.,;:!?]+[\s\"'(<]+){0,2}$"
    r"|\b(?:can't|cannot|couldn't|won't|wouldn't|shouldn't|don't|doesn't|didn't|(?<!no )doubt|(?:do|does|did|can|could) not)\s+"
    r"(?:(?:actually|really|possibly|even) )?(?:be|think|believe|say|mean|mention|name|list|that|if|whether|it|find|contain|include)\b"
    r"(?:(?!\b(?:but|than|besides|beyond)\b)[^.,;:!?\n]){0,30}$"
    r"|\bthere(?:'s| is| was| are) no[\s\"'(<]+"
    r"(?:(?:such|line|number|word|value|code|person|variable|topic|mention|of|town|named|called)\s+){0,2}[\"'(<]*$"
    r"|\b(?:confus|mistak|mix)(?:e[ds]?|ing|en|ed)?(?: up)?(?: it| this| that| them)?(?: up)? (?:with|for)[\s\"'(<]+(?:(?:the|a) )?$"
    r"|\b(?:first|initially|originally|previously|earlier|at first,?) (?:i )?"
    r"(?:thought|believed|assumed|guessed|said|wrote|answered|had|misread|mistook|considered)\b"
    r"(?:(?!\bbut\b)[^.;\n]){0,40}$"
    r"|\bmy (?:first|initial) (?:instinct|guess|thought|impression|reaction|reading|answer) was\b(?:(?!\bbut\b)[^.;\n]){0,30}$"
    r"|\bi would have (?:said|answered|written|picked|guessed|expected)\b(?:(?!\bbut\b)[^.;\n]){0,30}$"
    r"|\bwas (?:(?:about|going|tempted|inclined) to (?:say|answer|write|pick|choose|go with)|tempted by)\b(?:(?!\bbut\b)[^.;\n]){0,30}$"
    r"|\b(?:wrong|mistaken) (?:about|to (?:say|answer|assume|think))[\s\"'(<]+(?:(?:the|an?) )?$"
    r"|\bnothing\b[^.,;:!?\n]{0,30}\b(?:suggests?|supports?|indicates?|points? to|says?|mentions?)[\s\"'(<]+"
    r"(?:(?:that )?(?:it|this) (?:is|was) )?(?:(?:the|an?) )?$"
    r"|\b(?:strike|scratch|disregard|ignore|forget|contrary to|discard(?:ed|ing)?|reject(?:ed|ing)?|dismiss(?:ed|ing)?|eliminat(?:ed?|ing)"
    r"|(?<!not )(?<!cannot )(?<!can't )(?<!without )rul(?:ed?|ing) out)[\s\"'(<]+(?:(?:the|an?) )?$"
    r"|\b(?:almost|nearly) (?:said|wrote|answered|took|picked|chose)\b(?:(?!\bbut\b)[^.;\n]){0,30}$"
    r"|\bat first (?:glance|sight)\b(?:(?!\bbut\b)[^.;\n]){0,40}$"
    r"|\b(?:(?:one|you|some|people) (?:might|may|could|would)|(?:i|we) (?:might|may|could)) (?:\w+ )?"  # "I would say A" answers A
    r"(?:think|thought|expect|expected|assume|assumed|guess|suppose|believe|pick)\b(?:(?!\bbut\b)[^.,;\n]){0,40}$"
    r"|\b(?:some|people) (?:might|may|could|would) say\b(?:(?!\bbut\b)[^.,;\n]){0,40}$"
    r"|[\n.;,(]\s*(?:wrong|incorrect|false|was|formerly|previous(?:ly)?|earlier|old)(?: (?:answer|value|one|number|word|name))?"
    r"\s*[:=][\s\"'(<]*$"
    r"|\n[\s*#-]*[❌✗✘][\s\"'(<]*(?:[^\s.,;:!?]+[\s\"'(<]+)?$"
    rf"|{other.DENIED}|{other.THOUGHT}",
    re.IGNORECASE,
)
SEEMS_BUT = (  # "it looks like A, but it is", with A between the two
    re.compile(
        r"\b(?:looks? like|seems?(?: like| to be)?|appears? to be|suggests?"
        r"|(?:thought|assumed|believed|guessed)(?: that)?(?: (?:it|this|that) (?:was|is|were))?)"
        r"[\s\"'(<]+(?:[^\s.,;:!?]+[\s\"'(<]+){0,2}$",
        re.IGNORECASE,
    ),
    re.compile(
        r"[\"')>]*,? but (?:it(?:'s| is| was)|actually|really|in fact"
        r"|the (?:right|correct|actual|answer|text|record|document|passage|list|table)|an? (?:careful|closer|second) (?:reading|look))\b",
        re.IGNORECASE,
    ),
)
COMMA_NO = tuple(re.compile(part, re.IGNORECASE) for part in other.COMMA_NO)
NOT_BUT = (  # "not repaired by A but", with A between the two
    re.compile(r"\b(?:not|isn't|wasn't|aren't|weren't|never)\b(?! only\b)[^.,;:\n]{0,60}$", re.IGNORECASE),
    re.compile(r"[^.;:\n]{0,20}\bbut\b", re.IGNORECASE),
)
WITHDRAWN = re.compile(
    r"^[\"')>\]]*\s*(?:\?+\s*(?:hmm,?\s*|uh,?\s*|oh,?\s*)?(?:no|nope|wait|not)\b"
    r"|[-,.;(]*\s*(?:(?:no|sorry|wait|oops),? )?(?:that|this|it|which|that one|this one)?"
    r"\s*(?:is|was|are|'s)\s+(?:wrong|incorrect|not (?:it|right|correct|the (?:right|correct|answer|one\b(?! of)))|a mistake|mistaken"
    r"|another)\b"
    r"|[ \"')]*(?:is|was) not the\b(?! only)"
    r"|[\s.,;!]*(?:(?:no|wait|sorry|oops|hmm|actually)\b[\s,:.!]*)+(?:let me [^.\n]{0,40}[.,]\s*)?"
    r"(?:it|that|this|the (?:right |correct )?(?:answer|topic|word|number|value|code|one))\b[^.\n]{0,30}"
    r"\b(?:is|was|should)\b(?! (?:also )?(?:the )?(?:only|right|correct)\b)"
    r"|[\s.,;!]*correction:)",
    re.IGNORECASE,
)
PLURAL = re.compile(r"\b(?:are|were|have|do|don't|appear|occur|come|belong)\b", re.IGNORECASE)  # of what is ruled out
# behind a value: that it is not the answer
RULED_OUT = re.compile(
    r"^[\"')>\]}]*,? but (?:i )?(?:then )?(?:rejected|discarded|dismissed|excluded|eliminated|ruled out) (?:it|that)\b"
    r"|^[\"')>\]}]*(?:,? (?:which|that|this|it)\b| (?:looks|sounds|seems|appears) [a-z]+,? but\b)?\s*(?:"
    r"(?:is|was|are|were)(?:n't| (?:definitely |certainly |clearly |simply )?not) (?:it|right|correct|true|valid|possible|them|included"
    r"|the (?:right |correct |actual |real )?(?:answer|one|number|value|word|code|name|person|topic|target)\b"
    r"(?! (?:of|for|in|that|which)\b))"
    r"|(?:is|was|are|were|'s|would be|must be|seems|looks|appears)(?: to be)? (?:(?:an? |the )?(?:wrong|incorrect|false)|mistaken|invalid"
    r"|ruled out|excluded|out of the question"
    r"|(?:(?:only|just|merely) )?(?:an? |the )?(?:distractors?|decoys?|examples?|mistakes?|errors?))"
    r"|(?:has|have)(?: not|n't) been|did(?: not|n't) (?:write|found) it|was(?: not|n't) born"
    r"|(?:should|must|may) not be used|(?:can|could|should|may|must) be (?:ruled out|excluded|discarded|ignored|dismissed)"
    r"|(?:only )?(?:appears?|occurs?|comes?|is|are|was|were)(?: (?:only|just|merely))? (?:in|from|part of|used in|given in|taken from)"
    r" the (?:example|question|prompt|instructions?)"
    r"|(?:is|are|was|were) (?:\w+ )?(?:unrelated|irrelevant)"
    r"|(?:belongs? to|(?:is|are) (?:in|from|part of)) (?:another|some other|a different|the other) (?:chain|group|value|line|row)"
    r"|(?:is|was|are|were|belongs?|goes|stands)(?: for| to| with)? (?:(?:something|someone|somewhere) else|elsewhere)"
    r"|(?:do(?:es)?|is|are|was|were)(?: not|n't)(?=[\"')\s]*(?:[.;!]|$))"
    r"|(?:is|was|are|were)(?: not|n't) (?:(?:found|mentioned|listed|named|present) )?(?:anywhere )?in the (?:text|list|passage|documents?)"
    r"|(?:is|was|are|were)(?: not|n't) (?:found|mentioned)(?=[\"')\s]*(?:[.;!]|$))"
    r"|do(?:es)?(?: not|n't) (?:exist|appear|occur) (?:anywhere )?in the (?:text|list|passage|documents?)"
    r"|(?:may|might|could) (?:seem|look|appear|sound) (?:right|correct|plausible|likely|tempting)"
    r"|(?:also )?(?:occurs?|appears?|is (?:also )?mentioned)[^.;\n]{0,40},? but (?:it|that|this)(?:'s| is| was)? not (?:what|the|it)"
    r"|(?:(?:does|do|did|could)n't|can't|cannot|(?:does|do|did|could|can) not) "
    r"(?:fit|match|count|apply|answer the question|be (?:it|right|correct|the answer)))\b"
    r"|^[\"')>\]}]*\s+(?:at first|initially|originally|was my first (?:thought|guess|answer))\b(?=[^\n]{0,20}\b(?:but|however|yet)\b)"
    r"|^[\"')>\]}]*\s*-+\s*(?:wrong|incorrect|false|falsch|faux|incorrecto|falso)\b"
    r"|^[\"')>\]}]*\s*(?::|-+)\s*(?:no match|(?:does not|doesn't) match|not a match)\b"
    rf"|^{other.IS_WRONG}"
    r"|^[\"')>\]}]*[ \t]*[❌✗✘]",
    re.IGNORECASE,
)
# of one value too many: that the text has it, but it is not meant
ASIDE = re.compile(
    r"^[\"')>\]}]*\s*(?:(?:is|are|was|were) also (?:mentioned|listed|named|present|there|in the \w+)|also (?:appears?|occurs?)"
    r"|(?:appears?|occurs?|is mentioned)(?:,? too| as well))\b",
    re.IGNORECASE,
)
ORDERED = re.compile(
    r"\b(?:then|next|after(?:wards|ward| that)|followed by|before|later|subsequently|end(?:ed|ing) with)\b"
    r"|^[^.;\n]{0,40}\bfirst\b[\s]*(?:[;,]|and\b)|[,;.(]\s*(?:and |while )?(?:the )?(?:second|last|final)(?: one| topic)?\b",
    re.IGNORECASE,
)
BECAUSE = re.compile(r"^[^.;\n]{0,30}\b(?:because|since)\b", re.IGNORECASE)
REFUSES = re.compile(
    r"\b(?:can(?:no|')t|can not|could(?: not|n't)|unable to) (?:answer|determine|find|tell|identify|say|see|give)\b"
    r"|\b(?:do|does|did)(?:n't| not) (?:say|mention|state|specify|contain|know)\b",
    re.IGNORECASE,
)
# behind all values: that the reply answers nothing, after all
GIVES_UP = re.compile(
    r"(?:\b(?:so|therefore|thus|hence|and|but),? |;\s)"
    r"(?:i (?:can(?:no|')t|can not|am (?:not able|unable) to) (?:answer|determine|tell|say|know)"
    r"|(?:it|this|that|the (?:answer|question)) (?:can(?:no|')t|can not) be (?:answered|determined))"
    r"(?: (?:it|this|that|who|which(?: one)?(?: is (?:right|meant|correct))?|the (?:answer|question)|your question))*\s*[.!]?\s*$"
    r"|\b(?:so|therefore|thus|hence),? i (?:don't|do not) know\s*[.!]?\s*$"
    r"|\bi (?:don't|do not) know which(?: one)? is (?:right|meant|correct)\s*[.!]?\s*$",
    re.IGNORECASE,
)
MENTIONS_ONLY = re.compile(r"(?<!the )\b(?:only|merely|just)\b", re.IGNORECASE)
IN_ORDER = re.compile(r"\border\b[^.;\n]{0,40}$", re.IGNORECASE)
STATES = re.compile(r"(?:\b(?:is|are|was|were)|:)[\s\"'(<\[]*$", re.IGNORECASE)  # what stands before a value that a sentence states
# what may stand between two values of one list: marks, list numbers, brackets with counts, and a few words
LISTED = re.compile(
    r"(?:[\s,;:|/&+\"'()\[\]{}<>=\-#.?!$]|\b(?:and|also|as well as|plus|und|et|y|e|finally|lastly|then|x|times?|appears?|appeared"
    r"|occurs?|occurrences?|count|VAR)\b"
    r"|(?<![\d.])\d{1,3}(?!\d))*",
    re.IGNORECASE,
)
STRONG = re.compile(
    r"\\boxed\s*\{|<answer>|<final_answer>|####"
    r"|\"?\b(?:final|correct|my|the|short)?[ _-]?(?<!alternative )(?<!possible )(?<!long )(?<!wrong )(?<!incorrect )(?<!previous )"
    r"answers?\b\"?(?: to (?:your|the) question)?\s*"
    r"(?:(?:is|are|would be|should be)\b\s*:?|:|=|->|\n)+"
    rf"|{other.ANSWER}"
    r"|\b(?:right|correct|actual|true|real) (?:one|number|value|word|code|key|name|topic|variable)s?\s*(?:(?:is|are)\b\s*:?|:|=)"
    r"|\bfirst (?:(?:topic|one|thing|subject) )?(?:that )?(?:we |was |to be )?(?:ever )?(?:discussed |talked about |covered )?(?:was|is)\b",
    re.IGNORECASE,
)
# the list that a reply concludes with
CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so|in conclusion|in summary|overall),? (?:[^.:\n]{0,60} )?(?:are|is)\b\s*:", re.IGNORECASE
)
PER_ITEM = re.compile(r"first|(?:right|correct|actual|true|real) ")  # declarations of one value of several
NO_VALUE = re.compile(
    r"[\s*_:\"']*(?:unknown|undetermined|none\b|null\b|n/a|not (?:found|mentioned|stated|given|available|specified)|cannot be determined)",
    re.IGNORECASE,
)
WEAK = re.compile(
    r"\b(?:therefore|thus|hence|so|in conclusion|overall|in short|conclusion|result|solution"
    r"|i(?:'d| would|'ll| will)? (?:go with|choose|pick|say|settle on|opt for|lean towards)|(?:most|more) (?:likely|probabl[ey])(?! than\b)"
    r"|my (?:choice|pick|(?:best )?guess))\b",
    re.IGNORECASE,
)
# behind several values: that one of them is the answer, which follows
CHOOSES = re.compile(
    r"\b(?:the one (?:that |which )?(?:you (?:want|need|asked|mean|are)|is (?:asked|wanted|meant))\b[^.;:\n]{0,30}\b(?:is|was)\b"
    r"|(?:the|this) (?:text|record|document|passage|context|list|table) (?:\w+ly )?(?:says|states|supports|confirms|gives|shows|names)\b"
    r"|(?:of|between|from) [^.!?\n]{3,200}, (?:it is|it's|i(?:'d| would)? (?:choose|pick|go with|say)))",
    re.IGNORECASE,
)
# behind one of several values: that it is the answer
CONFIRMED = re.compile(
    r"^[\"')>\]}]*,? (?:is|was|seems|looks)(?: to be)? (?:the )?(?:right|correct)"
    r"(?: (?:one|answer|value|number|word|name))?(?=\W*(?:[.,;!]|$))|^[\"')>\]}]*\?\s*(?:yes|yep|correct|right)\b",
    re.IGNORECASE,
)
LATTER = re.compile(
    r"\b(?:it(?:'s| is| must be)|i(?:'d| would)? (?:choose|pick|say|go with)) the (?:latter|former)\b"
    r"|\bthe (?:latter|former|second|first)(?: (?:one|value|number|word|name|person|topic))? (?:is|was) (?:the )?"
    r"(?:correct|right|answer|one)\b",
    re.IGNORECASE,
)
CLAUSE_END = re.compile(r"[.,;!?]\s|\n")
SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n|>|\|[ \t]*(?:\n|$)")
NEXT_TURN = re.compile(r"\n[ \t]*(?:question|q|<?(?:user|human)>?|instruction|### ?(?:instruction|question|user|input))\s*:", re.IGNORECASE)
# a line with which a model that has answered goes on to a next task: a label, a question, or the end of a prompt like its own
NEXT_TASK = re.compile(
    r"\n[ \t#*>-]*(?:(?:(?:next|new|another|second|follow-?up)\s+)?"
    r"(?:question|q|task|prompt|problem|exercise|query|input|instruction|user|human)\s*(?:#?\s?\d{1,3})?[ \t*]*(?:[:.)]|\n)"
    r"|now,? answer (?:this|the)\b"
    r"|[^?\n]{0,400}?\b(?:what|which|who|whom|whose|where|when|why|how (?:many|much|old|far|long))\b[^?\n]{1,300}\?[ \t*]*"
    r"(?:$|\n|(?:answer|reply|respond|give|name|i need)\b)"
    r"|[^\n]{0,300}\b(?:answer|reply|respond) (?:with|in)\b[^\n]{0,60}\b(?:only|words)\b)",
    re.IGNORECASE,
)
# a question that a reply asks itself, on its way to the answer
ASKS_ITSELF = re.compile(
    r"\n[\W_]*(?:but|so|and|then|well|ok(?:ay)?|hmm+)\b(?! answer)|\b(?:do|did|does|should|am|was|must|can) (?:i|we)\b", re.IGNORECASE
)
