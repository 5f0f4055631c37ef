"""`--seeds 0,1,2`: one ordinary training run per seed, and what they come to together. Imports no torch."""

from engine.commands.series import Member, result_of, series_name, train_series, without_seeds
from engine.compare.statistics import summarise_seeds
from engine.compare.wording import FIGURES, shown, shown_interval, title
from engine.config.settings import seed_numbers
from engine.run_folder import layout


def train_seeds(flags: dict, command: list[str]) -> int:
    """Train the runs NAME_seed<k> one after the other, then write log/NAME/seeds.json and print a table.

    flags: the command line's, only those given. command: the script and its arguments. Returns the exit status, and raises,
    as train_series does.
    """
    name, seeds = series_name(flags, "--seeds"), seed_numbers(flags["seeds"])
    members = [Member(f"seed {seed}", f"{name}_seed{seed}", ("--seed", str(seed))) for seed in seeds]
    status = train_series(name, members, flags, without_seeds(command))
    if status == 0:
        print(summarise(name, seeds, [member.run for member in members]))
    return status


def summarise(name: str, seeds: tuple[int, ...], runs: list[str]) -> str:
    """Write log/<name>/seeds.json and return its table as text. Raises UsageError where a run has no result."""
    results = [result_of(run, name, FIGURES) for run in runs]
    figures = {figure: summarise_seeds([result[figure] for result in results]) for figure in FIGURES}
    content = {"seeds": seeds, "runs": runs, "split": results[0]["split"], "pictures": results[0]["pictures"]}
    content["warnings"] = list(dict.fromkeys(text for result in results for text in result.get("warnings", [])))
    for figure, found in figures.items():
        values = [result[figure] for result in results]
        content[figure] = {"values": values, "mean": found.mean, "sd": found.sd, "interval": found.interval}
    folder = layout.LOG_ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    layout.write_json(folder / layout.SEEDS, content)
    rows = {run: [shown(figure, result[figure]) for figure in FIGURES] for run, result in zip(runs, results)}
    rows["mean"] = [shown(figure, found.mean) for figure, found in figures.items()]
    rows["standard deviation"] = [shown(figure, found.sd) for figure, found in figures.items()]
    rows["95 % interval"] = [shown_interval(figure, found.interval) for figure, found in figures.items()]
    width = max(map(len, rows))
    lines = [f"{label:<{width}}" + "".join(f"{cell:>22}" for cell in row) for label, row in rows.items()]
    head = " " * width + "".join(f"{title(figure):>22}" for figure in FIGURES)
    tail = f"over {len(seeds)} seeds on {content['split']} (Student's t); written: {folder / layout.SEEDS}"
    return "\n".join([head, *lines, *(f"{layout.WARNING}{text}" for text in content["warnings"]), tail])
