"""`thermend train`."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from thermend.app.cli import console
from thermend.errors import MissingDependencyError, UsageError
from thermend.jobs import executors
from thermend.methods import find


def run(path: str, changes: Sequence[str], say: Callable[[str], None] = print) -> int:
    """Carry out the command; returns its exit code."""
    from thermend.training.recipe import check, read_recipe

    executors.quieten_libraries()
    values = read_recipe(path, changes, console.complain)
    if not isinstance(values.get("method"), str):
        raise UsageError(f"{path}: method is missing; it names what is trained, as in method: deal/cascade-2")
    method = find(values["method"])
    kind = method.load_recipe()
    if kind is None:
        raise UsageError(f"{path}: method: {method.full_name} is not trained")
    try:
        recipe = check(kind, values, path)  # before what takes seconds to load is loaded
        training = method.load_training()
        from thermend.training.run import LAST, train
    except ImportError as error:
        raise MissingDependencyError(
            f"training needs more packages ({error.name} is missing): pip install 'thermend[train]'"
        ) from error
    try:
        train(recipe, training, say)
    except KeyboardInterrupt:
        goes_on = f"goes on from the last checkpoint in {recipe.out}"
        anew = f"begins anew, since the first checkpoint comes after {recipe.checkpoint_every} steps (checkpoint_every)"
        console.complain(f"interrupted; the same command {goes_on if (recipe.out / LAST).is_file() else anew}")
        return 128 + signal.SIGINT
    return console.DONE
