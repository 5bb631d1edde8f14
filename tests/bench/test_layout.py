"""The layout of the harness: modules lie in rooms, and few lie directly in ``bench/``."""

from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"


def test_few_modules_lie_outside_a_room():
    loose = sorted(path.name for path in BENCH.glob("*.py"))
    assert len(loose) <= 15, f"put the new module into a room (docs/architecture.md): {', '.join(loose)}"
