"""Our own captions: part-of-speech tokens from a small word table, and the mirrored wording.

HumanML3D tags its captions with spaCy; the words that our builders write are few, so a table does,
and no language model has to be installed. Lemmas follow HumanML3D: nouns and verbs are reduced,
other words keep their form.
"""

from __future__ import annotations

import re

from dataset.captions import Caption
from dataset.sides import mirror_sides

_WORDS = {
    "DET": "a an the this that both some all another",
    "ADP": "in on at to from of with up down over into onto around through across by for off under "
    "like along between above before after while as",
    "PRON": "they them themselves their his her someone which something",
    "AUX": "is are be was has have",
    "NUM": "one two three four 90",
    "ADV": "forward forwards backward backwards sideways slowly quickly fast then again away back "
    "together straight steadily ahead once twice clockwise counterclockwise low normally upright "
    "out very briskly and or",
    "ADJ": "left right slow brisk long short small large full circular human other expressive "
    "exaggerated free raised sharp lively high front various steady quick strong several close "
    "roundhouse",
}
_NOUNS = (
    "person man woman figure foot leg arm hand knee elbow fist ground floor place pace circle "
    "side air stomach body direction turn line boxer ball soccer basketball head dance "
    "cartwheel somersault karate spin degree soda bottlecap traffic jack twist squat sword "
    "swordplay stride hip height arabesque pirouette jete curve style spot roll flip backflip "
    "jump step kick punch position face walk run motion window attitude rotation"
)
_VERBS = {
    "balance": "balances balancing",
    "bend": "bends bending",
    "box": "boxes boxing",
    "crawl": "crawls crawling",
    "curve": "curves curving",
    "dance": "dances dancing",
    "direct": "directs directing",
    "do": "does doing",
    "dribble": "dribbles dribbling",
    "drink": "drinks drinking",
    "fold": "folds folding",
    "get": "gets getting",
    "go": "goes going",
    "grab": "grabs grabbing",
    "hop": "hops hopping",
    "jog": "jogs jogging",
    "jump": "jumps jumping",
    "kick": "kicks kicking",
    "land": "lands landing",
    "laugh": "laughs laughing",
    "leap": "leaps leaping",
    "lie": "lies lying",
    "fight": "fights fighting",
    "lift": "lifts lifting",
    "raise": "raises raising",
    "take": "takes taking",
    "whirl": "whirls whirling",
    "make": "makes making",
    "move": "moves moving",
    "navigate": "navigates navigating",
    "perform": "performs performing",
    "play": "plays playing",
    "point": "points pointing",
    "punch": "punches punching",
    "push": "pushes pushing",
    "reach": "reaches reaching",
    "rise": "rises rising",
    "roll": "rolls rolling",
    "rotate": "rotates rotating",
    "run": "runs running",
    "scoop": "scoops scooping",
    "screw": "screws screwing",
    "shoot": "shoots shooting",
    "spin": "spins spinning",
    "squat": "squats squatting",
    "stand": "stands standing",
    "step": "steps stepping",
    "stretch": "stretches stretching",
    "strike": "strikes striking",
    "swing": "swings swinging",
    "throw": "throws throwing",
    "tiptoe": "tiptoes tiptoeing",
    "travel": "travels travelling",
    "turn": "turns turning",
    "twist": "twists twisting",
    "unscrew": "unscrews unscrewing",
    "veer": "veers veering",
    "walk": "walks walking",
    "wash": "washes washing",
    "wave": "waves waving",
}


def _token_table() -> dict[str, str]:
    table = {word: f"{word}/{tag}" for tag, words in _WORDS.items() for word in words.split()}
    for noun in _NOUNS.split():
        table.setdefault(noun, f"{noun}/NOUN")
        table.setdefault(f"{noun}s", f"{noun}/NOUN")
    table |= {"feet": "foot/NOUN", "people": "person/NOUN"}
    for lemma, forms in _VERBS.items():
        table.setdefault(lemma, f"{lemma}/VERB")
        # "walks" is far more often what somebody does than several walks
        table |= dict.fromkeys(forms.split(), f"{lemma}/VERB")
    return table


_TOKENS = _token_table()
_MORE = "painful sore hurt bad injured broken stiff tight wide super running blocks lunges"
_GLUED = {word for word in _TOKENS if len(word) > 2} | set(_MORE.split())


def tag(text: str) -> Caption:
    """Tag a caption with `lemma/POS` tokens; a word outside the table keeps its form, as OTHER."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return Caption(text, tuple(_TOKENS.get(word, f"{word}/OTHER") for word in words))


def mirror_text(text: str) -> str:
    """Word a caption for the mirrored motion; see `dataset.sides.mirror_sides`."""
    return mirror_sides(text, _GLUED)


def mirror_caption(caption: Caption) -> Caption:
    """Word and tag the caption of the mirrored motion."""
    return tag(mirror_text(caption.text))
