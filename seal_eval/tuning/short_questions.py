"""Short closed-book questions for the forgetting check: does a model that was tuned for long contexts still answer them?

Some questions have several right answers; only the listed one counts. Compare the same questions before and after tuning.
"""

from functools import cache

# template → pairs 'word answer'; an underscore in a word stands for a space
RELATIONS = {
    "The capital of {} is": (
        "France Paris, Italy Rome, Spain Madrid, Germany Berlin, Japan Tokyo, China Beijing, Russia Moscow, Egypt Cairo, Greece "
        "Athens, Austria Vienna, Portugal Lisbon, Poland Warsaw, Hungary Budapest, Ireland Dublin, Norway Oslo, Sweden "
        "Stockholm, Denmark Copenhagen, Finland Helsinki, Belgium Brussels, Cuba Havana, Peru Lima, Chile Santiago, Kenya "
        "Nairobi, Iran Tehran, Iraq Baghdad, Thailand Bangkok, Canada Ottawa, Turkey Ankara"
    ),
    "The opposite of {} is": (
        "hot cold, big small, up down, left right, good bad, day night, black white, fast slow, rich poor, happy sad, open "
        "closed, young old, strong weak, wet dry, high low, early late, hard soft, long short, light dark, love hate, war "
        "peace, true false, win lose, empty full"
    ),
    "The past tense of the verb '{}' is '": (
        "go went, see saw, eat ate, take took, give gave, come came, run ran, write wrote, speak spoke, break broke, begin "
        "began, sing sang, know knew, think thought, buy bought, bring brought, teach taught, find found, make made, leave left"
    ),
    "The plural of the noun '{}' is '": (
        "child children, man men, woman women, foot feet, tooth teeth, mouse mice, goose geese, leaf leaves, knife knives, wife "
        "wives, city cities, box boxes, dog dogs, church churches, baby babies, wolf wolves"
    ),
    "The chemical symbol of {} is": (
        "oxygen O, hydrogen H, carbon C, nitrogen N, iron Fe, gold Au, silver Ag, sodium Na, potassium K, helium He, calcium "
        "Ca, chlorine Cl"
    ),
    "The language spoken by most people in {} is": (
        "Brazil Portuguese, Mexico Spanish, Austria German, Egypt Arabic, England English, France French, Italy Italian, Japan "
        "Japanese, Russia Russian, Greece Greek, Turkey Turkish, Poland Polish, Israel Hebrew, Hungary Hungarian, Argentina "
        "Spanish, Iran Persian"
    ),
    "The month that comes after {} is": (
        "January February, February March, March April, April May, May June, June July, July August, August September, "
        "September October, October November, November December"
    ),
    "The number that comes after {} is": (
        "one two, two three, three four, four five, five six, six seven, seven eight, eight nine, nine ten, ten eleven, eleven "
        "twelve, nineteen twenty"
    ),
    "A baby {} is called a": (
        "dog puppy, cat kitten, cow calf, sheep lamb, horse foal, bear cub, goat kid, frog tadpole, deer fawn, lion cub"
    ),
    "The sum of {} is": (
        "2_and_2 4, 1_and_1 2, 3_and_2 5, 5_and_5 10, 4_and_4 8, 2_and_6 8, 7_and_1 8, 6_and_3 9, 10_and_10 20, 20_and_5 25, "
        "5_and_1 6, 3_and_4 7"
    ),
}


@cache
def questions() -> tuple[tuple[str, str], ...]:
    """Return (question, the continuation that answers it) for every pair in RELATIONS."""
    question_answers = []
    for template, pairs in RELATIONS.items():
        gap = "" if template.endswith("'") else " "
        for pair in pairs.split(", "):
            word, answer = pair.split(" ")
            question_answers.append((template.format(word.replace("_", " ")), gap + answer))
    return tuple(question_answers)
