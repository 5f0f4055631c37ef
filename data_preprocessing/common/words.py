"""How a message says a number of things, and names the first of many."""

from collections.abc import Sequence

_IRREGULAR = {"person": "people", "epoch": "epochs"}


def quantity(number: int, noun: str) -> str:
    """The number and the noun in singular or plural: "1 class", "2,000 classes", "0 people". The last word alone changes."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun, or of a group of words that ends in one."""
    before, _, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "es" if last.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{before} {last}".lstrip()


def first_of(names: Sequence[str], most: int = 3) -> str:
    """The first `most` of the names and how many more there are: "a, b, c and 4 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def only_if(condition: object, item: object) -> list:
    """[item] where the condition holds, otherwise []: for lists of notes."""
    return [item] if condition else []


def in_brackets(text: str) -> str:
    """A remark behind other words: " (text)"; "" for none."""
    return f" ({text})" if text else ""
