"""English turns of phrase with which replies declare, correct, deny, hedge and order their answers, as patterns."""

import re

# between a value and the one that corrects it; some words do so only where they begin what follows the value
CORRECTION = re.compile(
    r"\b(?:wait|sorry|correction|corrected|scratch that|oops|hold on|i mean|mistaken?|wrong|incorrect"
    r"|on second thought|apologies|re-?check(?:ed|ing)?|strike that|should be|should have been)\b(?!\.? ?\d)"
    r"|(?:^|[.?!\n])[\W_]*(?:(?:hmm|oh|uh|well|or|but|and)\W+)?(?:(?:no|nope)\b(?!\.? ?\d)(?=\W*[.,;:!?…—–-]|\s+(?:it|that|the|i)\b|\W*$)"
    r"|(?:(?:it|that|this|the (?:answer|number|value|name|word))(?:'s| is| was)? )?(?:actually|rather|in fact|instead)\b"
    r"|(?:not really|not quite|that's not|it's not|(?:it|that|this) (?:isn't|wasn't|is not|was not))\b)",
    re.IGNORECASE,
)
OR = re.compile(r"\b(?:or|either|alternatively|possibly|maybe|perhaps)\b", re.IGNORECASE)
NEGATED = re.compile(
    r"\b(?:not|nor|never|isn't|wasn't|aren't|instead of|rather than|unlike|except|excluding|different from|as opposed to)"
    r"[\s\"'(<:*]+(?:(?!but\b)[^\s.,;:!?]+[\s\"'(<]+){0,2}$"
    r"|\b(?:confus|mistak|mix)(?:e[ds]?|ing|en|ed)?(?: up)?(?: it| this| that| them)? (?:with|for)[\s\"'(<]+(?:(?:the|a) )?$"
    r"|\b(?:first|initially|originally|at first,?) (?:i )?(?:thought|believed|assumed|guessed)\b[^.;\n]{0,40}$",
    re.IGNORECASE,
)
NOT_BUT = (  # "not repaired by A but", with A between the two
    re.compile(r"\b(?:not|isn't|wasn't|aren't|weren't|never)\b(?! only\b)[^.,;:\n]{0,60}$", re.IGNORECASE),
    re.compile(r"[^.;:\n]{0,20}\bbut\b", re.IGNORECASE),
)
WITHDRAWN = re.compile(
    r"^[\"')>\]]*\s*(?:\?\s*(?:hmm,?\s*|uh,?\s*|oh,?\s*)?(?:no|nope|wait|not)\b"
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
ORDERED = re.compile(
    r"\b(?:then|next|after(?:wards|ward| that)|followed by|before|later|subsequently)\b"
    r"|^[^.;\n]{0,40}\bfirst\b[\s]*(?:[;,]|and\b)|[,;.(]\s*(?:and |while )?(?:the )?second(?: one| topic)?\b",
    re.IGNORECASE,
)
BECAUSE = re.compile(r"^[^.;\n]{0,30}\b(?:because|since)\b", re.IGNORECASE)
REFUSES = re.compile(
    r"\b(?:can(?:no|')t|can not|could(?: not|n't)|unable to) (?:answer|determine|find|tell|identify|say|see|give)\b"
    r"|\b(?:do|does|did)(?:n't| not) (?:say|mention|state|specify|contain|know)\b",
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
    r"|\"?\b(?:final|correct|my|the|short)?[ _-]?answers?\b\"?(?: to (?:your|the) question)?\s*"
    r"(?:(?:is|are|would be|should be)\b\s*:?|:|=|->|\n)+"
    r"|\b(?:right|correct|actual|true|real) (?:one|number|value|word|code|key|name|topic|variable)s?\s*(?:(?:is|are)\b\s*:?|:|=)"
    r"|\bfirst (?:topic )?(?:that )?(?:we |was |to be )?(?:ever )?(?:discussed |talked about |covered )?(?:was|is)\b",
    re.IGNORECASE,
)
WEAK = re.compile(r"\b(?:therefore|thus|hence|so|in conclusion|overall|in short|conclusion|result|solution)\b", re.IGNORECASE)
CLAUSE_END = re.compile(r"[.,;!?]\s|\n")
SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n|>|\|[ \t]*(?:\n|$)")
NEXT_TURN = re.compile(r"\n[ \t]*(?:question|q|user|human|instruction|### ?(?:instruction|question|user|input))\s*:", re.IGNORECASE)
