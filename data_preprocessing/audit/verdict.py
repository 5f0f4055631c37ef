"""What the figures of an audit mean: can this split support a claim about new people?"""

from data_preprocessing.common.words import only_if, quantity

# drawn faces of 250 people: 3 in 1,000 pairs of different people look alike; photographs of 653: 2 in 1,000,000
_COMMON, _FEWEST = 1e-4, 20
_OUTSTANDING = 3.0
_FEW_SUBJECTS = 10  # of the reported split: below, one person more or less turns the result


def decide(figures: dict, alike: bool) -> dict:
    """`verdict` ("supported", "leakage" or "unknown"), `text` (a few sentences) and `summary` (lines) for audit.json.

    `few_subjects` is a sentence where the split that results are reported on shows few people, else None. alike: see
    alike_by_nature.
    """
    few = _few_subjects(figures)
    if reasons := _leaks(figures, alike):
        verdict, text = "leakage", f"No: {'; '.join(reasons)}. {_remedy(figures)}"
    elif doubt := _doubt(figures, alike):
        verdict, text = "unknown", f"Cannot be told: {doubt}"
    else:
        verdict = "supported"
        people = quantity(figures["subjects"]["known"], "subject")
        text = f"Yes: each of the {people} is in one split, and no image has a copy in another.{f' {few}' if few else ''}"
    more = {"few_subjects": few, "alike_by_nature": alike, "summary": _summary(figures)}
    return {"verdict": verdict, "text": text} | more


def alike_by_nature(figures: dict) -> bool:
    """Whether near-duplicates say nothing here, as among drawn faces, which all look alike at 32x32.

    Told by pairs of different subjects: a leak makes them commoner across splits than within one, likeness does not.
    """
    across, within = figures["near"]["strangers_across"], figures["near"]["strangers_within"]
    sizes = [split["pictures"] for split in figures["splits"].values()]
    inside = sum(n * (n - 1) / 2 for n in sizes)
    between = sum(sizes) * (sum(sizes) - 1) / 2 - inside
    return within >= max(_FEWEST, _COMMON * inside) and across <= _OUTSTANDING * within * between / inside


def _leaks(figures: dict, alike: bool) -> list[str]:
    shared, leaking = figures["subjects"]["in_two_splits"]["total"], figures["leaking"]
    reasons = only_if(shared, f"{quantity(shared, 'subject')} in more than one split")
    for name, count in leaking["exact" if alike else "any"].items():
        exact = leaking["exact"][name]
        kinds = "an exact copy" if count == exact else "an exact or near copy" if exact else "a near copy"
        before = "train" if name == "valid" else "another split"
        total = figures["splits"][name]["pictures"]
        have = "has" if count == 1 else "have"
        reasons += only_if(count, f"{count:,} of {quantity(total, 'image')} of {name} {have} {kinds} in {before}")
    return reasons


def _remedy(figures: dict) -> str:
    leave_out = " and ".join(f"{count:,} of {name}" for name, count in figures["copied"]["leave_out"].items())
    copies = f"leave the copies out ({figures['copied']['table']} lists all of them, and marks {leave_out} to be left out)"
    shared = bool(figures["subjects"]["in_two_splits"]["total"])
    ways = only_if(leave_out, copies) + only_if(shared, "split again by subject")
    return f"Before you report results on new people, {' and '.join(ways)}."


def _few_subjects(figures: dict) -> str | None:
    name, split = list(figures["splits"].items())[-1]
    count = split["subjects"]
    if not 0 < count < _FEW_SUBJECTS or len(figures["splits"]) < 2:
        return None
    these = "this one" if count == 1 else "these few"
    return f"The {name} split shows only {quantity(count, 'person')}: a claim about new people rests on {these}."


def _doubt(figures: dict, alike: bool) -> str | None:
    subjects, near = figures["subjects"], figures["near"]
    if len(figures["splits"]) < 2:
        return "there is only one split; a claim about new people needs a second one, of other people."
    remedy = "name them in manifest.csv (columns path, subject) or find them in the file names with --subject-regex."
    if not subjects["known"]:
        return f"no copies across splits were found, but no subjects are known; {remedy}"
    if subjects["pictures_without"]:
        return f"the subjects of {quantity(subjects['pictures_without'], 'image')} are not known; {remedy}"
    if not near["complete"]:
        return "the images are so much alike that the search for near-duplicates was given up; no subject is in two splits."
    if alike and near["across_splits"]:
        return (
            "no subject is in two splits, but different people look so much alike here "
            f"({quantity(near['strangers_within'], 'pair')} within splits), as drawn faces do, that near-duplicates across "
            "splits say nothing; look at some of them."
        )
    return None


def _summary(figures: dict) -> list[str]:
    lines = []
    for name, split in figures["splits"].items():
        people = f", {quantity(split['subjects'], 'subject')}" if split["subjects"] else ""
        lines.append(f"{name}: {quantity(split['pictures'], 'image')} in {quantity(len(split['classes']), 'class')}{people}")
    for name, classes in figures["classes"]["missing"].items():
        lines.append(f"{name} lacks {', '.join(classes)}")
    exact, near = figures["exact"], figures["near"]
    lines.append(
        f"unreadable: {figures['unreadable']['total']:,}, short side under 32 pixels: {figures['tiny']['total']:,}, "
        f"blank: {figures['blank']['total']:,}"
    )
    lines.append(
        f"exact duplicates (SHA-256 of the file): {quantity(exact['groups'], 'group')}, {exact['groups_across_splits']:,} "
        f"across splits, {exact['groups_across_classes']:,} across classes"
    )
    least = "" if near["complete"] else "at least "
    lines.append(
        f"near-duplicates: {least}{quantity(near['pairs'], 'pair')} ({near['mirrored']:,} mirrored), "
        f"{near['across_splits']:,} across splits, {near['across_classes']:,} across classes"
    )
    if near["same_subject_across_classes"]:
        pairs = quantity(near["same_subject_across_classes"], "pair")
        lines.append(
            f"near-duplicates of one person under two classes: {least}{pairs}, as between frames of a sequence; these are no "
            "label conflicts"
        )
    return lines
