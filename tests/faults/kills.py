"""Kill training runs at chosen and at random moments, start them again, and compare their end with an undisturbed run's.

    python -m tests.faults.kills --kills 60 --seed 0

Each trial is one command in a folder of its own, hit once to three times and then left to its end, with another number of
loading processes at each start. Its weights, moments, random state, tables and figures must be those of the undisturbed run,
bit for bit; no process may outlive the main one by more than a few seconds; no step may be lost beyond --save-every.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.moments import Fault, faults
from tests.faults.processes import Forked, Fresh
from tests.faults.trials import Attempt, Shape, Trial, differences

ORPHANS_SECONDS = 10  # a loading process looks every 5 s whether its parent is there


@dataclass
class Count:
    """Of one fault: times tried, times that it came at its moment, most steps done again, all of those."""

    tried: int = 0
    came: int = 0
    most: int = 0
    lost: int = 0


@dataclass
class Hit:
    """One blow: how it ended, and how far the run had come by then."""

    fault: Fault
    attempt: Attempt
    status: int
    reached: int
    came: bool


class Bench:
    """The undisturbed run, and trials that are compared with it. faults: to deal. counts: by the fault's name."""

    def __init__(self, folder: Path, shape: Shape, launcher: Fresh | Forked):
        self.folder, self.shape, self.launcher = folder, shape, launcher
        self.data = shape.draw(folder / "data")
        self.counts: dict[str, Count] = {}
        self.problems: list[str] = []
        whole = self.trial("whole", folder / "cache")
        begin = time.monotonic()
        attempt = whole.finish(workers=1)
        self.seconds, self.reference = time.monotonic() - begin, whole.folder
        self.faults = faults(self.seconds, json.loads((attempt.log / "result.json").read_text(encoding="utf-8"))["epoch"])

    def trial(self, name: str, cache: object = "off") -> Trial:
        """A new one."""
        return Trial(self.folder / name, self.data, self.shape, self.launcher, cache)

    def run(self, name: str, chain: list[Fault], rng: random.Random) -> tuple[list[Hit], list[str]]:
        """One trial: the blows of `chain` that find their moment, then the run's end. Returns them and what is wrong."""
        cache = "auto" if any(fault.own_cache for fault in chain) else rng.choice(["auto", "off", self.folder / "cache"])
        trial = self.trial(name, cache)
        hits, problems = [], []
        for fault in chain:
            attempt = trial.start(**{"workers": rng.randint(0, 2), **fault.needs})
            if fault.moment(attempt, rng):
                fault.blow(attempt, rng)
            status = attempt.process.wait()
            if status != 0:  # otherwise the run was over first
                hits.append(Hit(fault, attempt, status, attempt.position(), fault.came(attempt)))
                problems += self._after(hits[-1])
        try:
            trial.finish(workers=rng.randint(0, 2))
            problems += differences(trial.folder, self.reference)
        except AssertionError as error:
            problems.append(f"does not end well: {error}")
        problems += self._lost(hits, trial.attempts)
        problems += _orphans(hits)
        if not problems:
            shutil.rmtree(trial.folder)
        return hits, problems

    def _after(self, hit: Hit) -> list[str]:
        lines, wrong = hit.attempt.error_lines(), []
        if hit.status != hit.fault.status:
            wrong.append(f"{hit.fault.name}: exit status {hit.status} instead of {hit.fault.status}: {lines[-1:]}")
        elif hit.status > 0 and (len(lines) != 1 or (hit.came and hit.fault.says not in lines[0])):
            wrong.append(f"{hit.fault.name}: says {lines}")
        count = self.counts.setdefault(hit.fault.name, Count())
        count.tried += 1
        count.came += hit.came
        return wrong

    def _lost(self, hits: list[Hit], attempts: list[Attempt]) -> list[str]:
        """Count the steps that each blow made the next attempt do again."""
        wrong = []
        for hit in hits:
            later = attempts[attempts.index(hit.attempt) + 1 :]
            resumed = next((r for r in (attempt.resumed() for attempt in later) if r is not None), self.shape.total)
            if hit.reached < 0:
                continue
            lost, count = max(hit.reached - resumed, 0), self.counts[hit.fault.name]
            count.most, count.lost = max(count.most, lost), count.lost + lost
            if lost > (self.shape.save_every if hit.fault.loses else 0):
                wrong.append(f"{hit.fault.name}: {lost} steps lost, from {hit.reached} to {resumed}")
        return wrong

    def table(self) -> str:
        """Markdown: what was tried and what was lost."""
        rows = ["| fault | times | of them at that very moment | steps done again, at most (mean) |", "|---|---|---|---|"]
        for fault in self.faults:
            if fault.name in self.counts:
                count = self.counts[fault.name]
                rows.append(f"| {fault.name} | {count.tried} | {count.came} | {count.most} ({count.lost / count.tried:.1f}) |")
        tried = sum(count.tried for count in self.counts.values())
        came = sum(count.came for count in self.counts.values())
        return "\n".join([*rows, f"| all | {tried} | {came} | {max((c.most for c in self.counts.values()), default=0)} |"])


def _orphans(hits: list[Hit]) -> list[str]:
    left = [(hit, hit.attempt.process.members_after(ORPHANS_SECONDS)) for hit in hits]
    return [f"{hit.fault.name}: processes {pids} are left" for hit, pids in left if pids]


def deal(bench: Bench, kills: int, rng: random.Random, say) -> None:
    """Trials until `kills` blows have been dealt, every fault as often as every other."""
    deck: list[Fault] = []
    dealt = number = 0
    while dealt < kills and number < 3 * kills:
        number += 1
        length = min(rng.randint(1, 3), kills - dealt)
        while len(deck) < length:
            deck = rng.sample(bench.faults, len(bench.faults)) + deck
        chain = sorted((deck.pop() for _ in range(length)), key=lambda fault: fault.stage)
        begin = time.monotonic()
        hits, problems = bench.run(f"trial{number}", chain, rng)
        dealt += len(hits)
        came = [hit.fault for hit in hits]
        deck = [fault for fault in chain if fault not in came] + deck  # for which the run was over too soon
        bench.problems += [f"trial {number} ({'; '.join(fault.name for fault in chain)}): {text}" for text in problems]
        outcome = f"NOT AS IT SHOULD BE: {'; '.join(problems)}" if problems else "identical"
        names = "; ".join(fault.name for fault in came)
        say(f"trial {number}, {dealt}/{kills} ({time.monotonic() - begin:.0f} s): {names}: {outcome}")


def get_args_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.kills", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=60, help="blows in all, 1 to 10000 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of moments and chains (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="to work in; trials that went wrong stay there (default: a temporary one)")
    parser.add_argument("--patience", type=int, default=0, help="of a run of up to 9 epochs; 0: 3 epochs (default)")
    parser.add_argument("--forked", action="store_true", help="start runs from a process that has torch imported: more an hour")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0 where every trial ended as it should."""
    parser = get_args_parser()
    args = parser.parse_args(argv)
    if not 1 <= args.kills <= 10000:
        parser.error(f"--kills {args.kills}: choose 1 to 10000")
    folder = args.folder or Path(tempfile.mkdtemp(prefix="kills_"))
    shape = Shape(epochs=9, patience=args.patience) if args.patience > 0 else Shape()
    launcher = Forked() if args.forked else Fresh()
    begin = time.monotonic()
    try:
        bench = Bench(folder.absolute(), shape, launcher)
        print(f"undisturbed: {bench.seconds:.1f} s, {bench.shape.total} steps, a checkpoint every {bench.shape.save_every}")
        deal(bench, args.kills, random.Random(args.seed), lambda text: print(text, flush=True))
    finally:
        launcher.close()
    print(f"\n{bench.table()}\n\n{time.monotonic() - begin:.0f} s; {len(bench.problems)} problems")
    print("\n".join(bench.problems))
    if not args.folder and not bench.problems:
        shutil.rmtree(folder)
    return 1 if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())
