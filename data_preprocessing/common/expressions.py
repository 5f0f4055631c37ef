"""What data sets call facial expressions: the one table of their words."""

WORDS = {  # class -> further words for it, in folders and lists
    "anger": ("angry",),
    "contempt": (),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid"),
    "happiness": ("happy", "joy"),
    "neutral": ("neutrality",),
    "sadness": ("sad",),
    "surprise": ("surprised",),
}
CLASSES = {word: name for name, words in WORDS.items() for word in (name, *words)}  # by each of their words
EXPRESSIONS = {  # whatever tells that a folder holds one expression; not all of them are one of these classes
    *CLASSES,
    *("anxiety", "calm", "embarrassment", "hurt", "joyful", "sorrow"),
    *("기쁨", "당황", "분노", "불안", "상처", "슬픔", "중립"),
}


def class_of(word: str) -> str | None:
    """The class of an expression as data sets call it, in any case: happy and Joy are happiness; None of another word."""
    return CLASSES.get(word.strip().lower())
