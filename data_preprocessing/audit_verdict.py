"""What the figures of an audit mean: can this split support a claim about new people?"""

# drawn faces of 250 people: 3 in 1,000 pairs of different people look alike; photographs of 653: 2 in 1,000,000
_COMMON, _FEWEST = 1e-4, 20
_OUTSTANDING = 3.0


def decide(figures: dict) -> dict:
    """`verdict` ("supported", "leakage" or "unknown"), `text` (one or two sentences) and `summary` (lines) for audit.json."""
    shared, leaking = figures["subjects"]["in_two_splits"]["total"], figures["leaking"]
    alike = _alike_by_nature(figures)
    copies = leaking["exact"] if alike else leaking["any"]
    reasons = [f"{_count(shared, 'subject')} in more than one split"] * bool(shared)
    for name, count in copies.items():
        exact = leaking["exact"][name]
        kinds = "an exact copy" if count == exact else "an exact or near copy" if exact else "a near copy"
        before = "train" if name == "valid" else "another split"
        total = figures["splits"][name]["pictures"]
        reasons += [f"{count:,} of {_count(total, 'picture')} of {name} with {kinds} in {before}"] * bool(count)
    if reasons:
        verdict = "leakage"
        text = f"No: {'; '.join(reasons)}. Take these out, or split again by subject, before reporting results on new people."
    elif doubt := _doubt(figures, alike):
        verdict, text = "unknown", f"Cannot be told: {doubt}"
    else:
        verdict = "supported"
        people = _count(figures["subjects"]["known"], "subject")
        text = f"Yes: each of the {people} is in one split, and no picture has a copy in another."
    return {"verdict": verdict, "text": text, "alike_by_nature": alike, "summary": _summary(figures)}


def _alike_by_nature(figures: dict) -> bool:
    """Whether near-duplicates say nothing here, as among drawn faces, which all look alike at 32x32.

    Told by pairs of different subjects: a leak makes them commoner across splits than within one, likeness does not.
    """
    across, within = figures["near"]["strangers_across"], figures["near"]["strangers_within"]
    sizes = [split["pictures"] for split in figures["splits"].values()]
    inside = sum(n * (n - 1) / 2 for n in sizes)
    between = sum(sizes) * (sum(sizes) - 1) / 2 - inside
    return within >= max(_FEWEST, _COMMON * inside) and across <= _OUTSTANDING * within * between / inside


def _doubt(figures: dict, alike: bool) -> str | None:
    subjects, near = figures["subjects"], figures["near"]
    if len(figures["splits"]) < 2:
        return "there is only one split; a claim about new people needs a second one, of other people."
    remedy = "name them in manifest.csv (columns path, subject) or find them in the file names with --subject-regex."
    if not subjects["known"]:
        return f"no copies across splits were found, but no subjects are known; {remedy}"
    if subjects["pictures_without"]:
        return f"the subjects of {_count(subjects['pictures_without'], 'picture')} are not known; {remedy}"
    if not near["complete"]:
        return "the pictures are so much alike that the search for near-duplicates was given up; no subject is in two splits."
    if alike and near["across_splits"]:
        return (
            f"no subject is in two splits, but different people look so much alike here ({near['strangers_within']:,} pairs "
            "within splits), as drawn faces do, that near-duplicates across splits say nothing; look at some of them."
        )
    return None


def _summary(figures: dict) -> list[str]:
    lines = []
    for name, split in figures["splits"].items():
        people = f", {_count(split['subjects'], 'subject')}" if split["subjects"] else ""
        lines.append(f"{name}: {_count(split['pictures'], 'picture')} in {len(split['classes'])} classes{people}")
    for name, classes in figures["classes"]["missing"].items():
        lines.append(f"{name} lacks {', '.join(classes)}")
    exact, near = figures["exact"], figures["near"]
    lines.append(
        f"unreadable: {figures['unreadable']['total']:,}, short side under 32 pixels: {figures['tiny']['total']:,}, "
        f"blank: {figures['blank']['total']:,}"
    )
    lines.append(
        f"exact duplicates (SHA-256 of the file): {exact['groups']:,} groups, {exact['groups_across_splits']:,} across splits, "
        f"{exact['groups_across_classes']:,} across classes"
    )
    least = "" if near["complete"] else "at least "
    lines.append(
        f"near-duplicates: {least}{near['pairs']:,} pairs ({near['mirrored']:,} mirrored), {near['across_splits']:,} across "
        f"splits, {near['across_classes']:,} across classes"
    )
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
