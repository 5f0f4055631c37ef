"""Writing the images of any data set as OUT/<split>/<class>/..., with OUT/manifest.csv; what is cut off can go on.

An image gets its name only when it is complete, so whatever lies under its name is finished: going on reads it once instead
of making it anew. OUT/prepare.json, written before the first image, says what OUT is to become.
"""

import csv
import hashlib
import io
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path, PurePosixPath

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import is_hidden, read_file, reason
from data_preprocessing.common.workers import run_tasks
from data_preprocessing.prepare.crops import SAME, Form, prepare_image, prepare_pixels
from data_preprocessing.prepare.faces import NO_FACE, AlignedRecord, prepare_aligned
from data_preprocessing.sources.images import check_image
from data_preprocessing.sources.manifest import MANIFEST, PLAN
from data_preprocessing.sources.records import Record
from data_preprocessing.sources.trees import Tree

SKIPPED = "skipped.csv"
COLUMNS = ("path", "source", "class", "subject", "split", "box", "sha256")
_ALIGNED_COLUMNS = ("align", "transform", "faces")  # after these, where faces were aligned; see AlignedRecord
_PARTIAL = ".partial"  # folder of what has no name yet
_STEM_BYTES = 150  # file systems allow 255 of a name


@dataclass(frozen=True)
class Task:
    """One image to write: its record and the path it gets, relative to OUT."""

    record: Record
    path: str


@dataclass(frozen=True)
class Result:
    """What became of a task: the SHA-256 of the written file (64 hex digits), or what is wrong with the image."""

    task: Task
    sha256: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Job:
    """What every task of a run shares; pickled once for each worker process."""

    tree: Tree
    out: Path
    form: Form

    def __call__(self, task: Task) -> Result:
        """Write one image, or take it as it is where it lies complete. Raises OSError where the disk does not let it."""
        target = self.out / task.path
        if target.exists():
            data = read_file(target)
            if check_image(data) is None:  # a power cut can leave a name without content
                return Result(task, hashlib.sha256(data).hexdigest())
        try:
            data = self._content(task.record)
        except Exception as error:  # PIL's decoders raise many kinds, as check_image says
            return Result(task, problem=reason(error))
        _write(self.out, target, data)
        return Result(task, hashlib.sha256(data).hexdigest())

    def _content(self, record: Record) -> bytes:
        if record.pixels is not None:
            return prepare_pixels(record.pixels, self.form)
        data = self.tree.read(record.source)
        if not data:
            raise ValueError("the file is empty")
        if isinstance(record, AlignedRecord):
            return prepare_aligned(data, record, self.form)
        return prepare_image(data, record.box, self.form)


def write_records(
    tree: Tree,
    records: Iterable[Record],
    out: Path,
    form: Form,
    options: dict | None = None,
    resume: bool = False,
    skip_bad: bool = False,
    workers: int = 1,
    progress: Callable[[Iterable, int, str], Iterable] = lambda items, total, text: items,
    without_face: Iterable[Record] = (),
) -> tuple[list[Result], list[Result]]:
    """Write the images of `records`, all of which have a split, and OUT/manifest.csv; returns the written and the skipped.

    options: what else made the records, kept in OUT/prepare.json for the message when another run comes. resume: go on
    where the same was begun; the result is the same as without a break, to the byte. skip_bad: leave out unreadable
    images and list them in OUT/skipped.csv. workers: processes. progress: wraps the iteration, given its length and a
    text. without_face: what is left out for lack of one, listed there as well. Raises DataError where OUT holds anything else,
    for a class that can be no folder, and for an unreadable image; OSError where the disk is full. After either of the last
    two all that is written stays, and resume goes on.
    """
    tasks = plan_tasks(records, form.format)
    _begin(out, _plan(tasks, form, options or {}), resume)
    written, skipped = [], []
    results = run_tasks(Job(tree, out, form), tasks, workers)
    try:
        for result in progress(results, len(tasks), f"writing {out}"):
            if result.problem and not skip_bad:
                where = f"{tree.root}: {result.task.record.source}: unreadable image ({result.problem})"
                raise DataError(f"{where}; mend it and --resume, or --resume --skip-bad-images")
            (skipped if result.problem else written).append(result)
    finally:
        results.close()
        shutil.rmtree(out / _PARTIAL, ignore_errors=True)
    written.sort(key=lambda result: result.task.path)
    skipped.sort(key=lambda result: result.task.path)
    rows = [(r.task.record.source, r.task.record.label, r.task.record.split, r.problem) for r in skipped]
    rows += [(record.source, record.label, record.split, NO_FACE) for record in without_face]
    if rows:
        _write_table(out, SKIPPED, ("source", "class", "split", "problem"), rows)
    is_aligned = any(isinstance(task.record, AlignedRecord) for task in tasks)
    columns = COLUMNS + _ALIGNED_COLUMNS if is_aligned else COLUMNS
    _write_table(out, MANIFEST, columns, [_manifest_row(result) for result in written])
    return written, skipped


def plan_tasks(records: Iterable[Record], format: str) -> list[Task]:
    """The path of every record: <split>/<class>/<stem of its source>, with a hash of the source where stems are equal
    (and of its box, where the source has several faces).

    format: of the files, as in crops.Form.

    Stems are made safe for every file system and count as equal without regard to case. The order of the records does not
    matter. Raises DataError for a class name that can be no folder's, or that differs from another in case alone.
    """
    records = tuple(records)
    _check_classes({record.label for record in records})
    stems = [_stem(record) for record in records]
    keys = [(record.split, record.label, stem.casefold()) for record, stem in zip(records, stems)]
    counts, faces = Counter(keys), Counter(record.source for record in records)
    tasks = []
    for record, stem, key in zip(records, stems, keys):
        several = faces[record.source] > 1
        if counts[key] > 1:
            stem += "-" + hashlib.sha256(_identity(record, several).encode()).hexdigest()[:16]
        tasks.append(Task(record, f"{record.split}/{record.label}/{stem}{_ending(record, format)}"))
    twice = [path for path, count in Counter(task.path.casefold() for task in tasks).items() if count > 1]
    if twice:
        raise DataError(f"two images would be called {min(twice)}; rename one in the source")
    return tasks


def _identity(record: Record, several: bool) -> str:
    """What no other record has: its source, with the box where several faces are cut out of one image."""
    return f"{record.source} {_box(record)}" if several else record.source


def _stem(record: Record) -> str:
    name = record.source.rpartition("/")[2]
    stem = name if record.pixels is not None else name.rpartition(".")[0] or name
    safe = re.sub(r'[\s<>:"/\\|?*\x00-\x1f\x7f]', "_", stem).strip(" .") or "picture"
    return safe.encode()[:_STEM_BYTES].decode(errors="ignore")


def _ending(record: Record, format: str) -> str:
    return f".{format}" if format != SAME else re.sub(r"[^.\w]", "_", PurePosixPath(record.source).suffix)


def _check_classes(labels: set[str]) -> None:
    first: dict[str, str] = {}
    for label in sorted(labels):
        if not label or label != label.strip(" ") or is_hidden(label) or re.search(r'[<>:"/\\|?*\x00-\x1f]', label):
            raise DataError(f"{label!r} can be no folder's name; give the class another with --classes NEW={label}")
        if first.setdefault(label.casefold(), label) != label:
            raise DataError(f"the classes {first[label.casefold()]} and {label} differ in case alone; join them with --classes")


def _plan(tasks: list[Task], form: Form, options: dict) -> dict:
    """What identifies the result: the options, and a hash over every image's source, class, split, box, pixels, and path."""
    digest = hashlib.sha256()
    for task in sorted(tasks, key=lambda task: task.path):
        record = replace(task.record, pixels=None)
        pixels = hashlib.sha256(task.record.pixels or b"").hexdigest()
        digest.update(f"{task.path} {astuple(record)!r} {pixels}\n".encode())
    plan = {**options, **asdict(form), "pictures": len(tasks), "records": digest.hexdigest()}
    return json.loads(json.dumps(plan))  # as it will be read again: tuples are lists


def _begin(out: Path, plan: dict, resume: bool) -> None:
    """Make OUT and its plan, or see that it is the same. Raises DataError where OUT holds anything else."""
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out}: this is a file; name a folder")
    held = sorted(p.name for p in out.iterdir() if p.name != _PARTIAL) if out.is_dir() else []
    if held and not resume:
        remedy = "--resume goes on with it, or" if PLAN in held else "remove it, or"
        raise DataError(f"--out {out}: is not empty (it holds {', '.join(held[:3])}); {remedy} choose another --out")
    if not held:
        out.mkdir(parents=True, exist_ok=True)
        _write(out, out / PLAN, (json.dumps(plan, indent=1) + "\n").encode())
        return
    try:
        before = json.loads((out / PLAN).read_text())
    except (OSError, ValueError):
        raise DataError(f"--out {out}: has no readable {PLAN}, so nothing can go on there; choose another --out") from None
    changed = [key for key in (*plan, *before) if plan.get(key) != before.get(key)]
    if changed:
        key = changed[0]
        raise DataError(
            f"--resume: {out} was begun with {key} {before.get(key)}, and this is {plan.get(key)}; "
            "repeat the command it was begun with, or choose another --out"
        )


def _manifest_row(result: Result) -> tuple[str, ...]:
    record = result.task.record
    subject, split = record.subject or "", record.split or ""
    row = result.task.path, record.source, record.label, subject, split, _box(record), result.sha256
    if not isinstance(record, AlignedRecord):
        return row
    return *row, record.align, " ".join(f"{value:.10g}" for value in record.transform), str(record.faces)


def _box(record: Record) -> str:
    return " ".join(f"{side:.10g}" for side in record.box) if record.box else ""


def _write_table(out: Path, name: str, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    _write(out, out / name, text.getvalue().encode())
    shutil.rmtree(out / _PARTIAL, ignore_errors=True)


def _write(out: Path, target: Path, data: bytes) -> None:
    """The whole of `data` under the name `target`, or nothing. Raises OSError."""
    partial = out / _PARTIAL / f"{os.getpid()}"
    partial.parent.mkdir(exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.write_bytes(data)
    partial.replace(target)
