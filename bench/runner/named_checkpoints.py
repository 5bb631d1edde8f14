"""The checkpoints of ``--checkpoint METHOD=FOLDER`` and ``METHOD=FILE``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import modes, registry
from bench.errors import ConfigError
from bench.runner.overrides import Override, method_config
from bench.runner.plan import Plan, checkpoint_method
from bench.training.find_checkpoint import find_checkpoint, published_file


def named_checkpoints(
    texts: Sequence[str],
    checkpoints: Path,
    planned: Plan,
    of_board: bool = False,
    overrides: Sequence[Override] = (),
) -> dict[str, Path]:
    """Method -> folder of each ``METHOD=FOLDER``; a folder of the workspace goes by its name alone. A published file is
    imported.

    Args:
        of_board: a checkpoint may be of another row's method.
        overrides: settings under which a file is imported; those of pretraining play no role.

    Raises:
        ConfigError: not of that form, no such folder, or a method that is not run. DataError: a file that does not fit.
    """
    from bench.training.checkpoint_files import check_readable

    named: dict[str, Path] = {}
    run = {cell.method for cell in planned.cells}
    for text in texts:
        method, written = checkpoint_method(text)
        if method in named:
            raise ConfigError(f"--checkpoint {text}: the checkpoint of {method} is given twice; give it once.")
        if method not in run:
            if of_board:
                continue
            raise ConfigError(
                f"--checkpoint {text}: expected METHOD=FOLDER or METHOD=FILE with one of {', '.join(sorted(run))}."
            )
        if (file := published_file(written, f"--checkpoint {text}")) is not None:
            from bench.weights.checkpoint import checkpoint_of_file

            cls = registry.load(registry.METHODS, method)
            config = method_config(cls, "paper", [o for o in overrides if not o.of_pretraining])
            named[method] = checkpoint_of_file(cls, config, checkpoints, file)
        else:
            named[method] = find_checkpoint(written, checkpoints, f"--checkpoint {text}", or_file=True)
        check_readable(named[method])
    return named


def refuse_unused_checkpoints(named: Iterable[str], planned: Plan, starting: Iterable[str]) -> None:
    """Refuse a checkpoint that no cell starts from.

    Args:
        named: methods with a named checkpoint.
        starting: methods of cells that start from a checkpoint.

    Raises:
        ConfigError: with the modes that use a checkpoint.
    """
    for name in sorted(set(named) - set(starting)):
        method = registry.load(registry.METHODS, name)
        if not method.starts_from_checkpoint():
            why, fix = f"{name} is not pretrained", "Leave it out."
        else:
            run = ", ".join(sorted({cell.mode for cell in planned.cells if cell.method == name}))
            using = ", ".join(mode for mode in method.modes() if modes.facts(mode).uses_checkpoint)
            why, fix = f"no cell of {name} starts from a checkpoint in {run}", f"Leave it out, or run one of {using}."
        raise ConfigError(f"--checkpoint {name}=... has no effect: {why}. {fix}")
