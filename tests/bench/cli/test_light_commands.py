"""A wrong name is refused, and stored results are shown, without the seconds that torch and its like take to import."""

import subprocess
import sys

from bench.runner import key_memory

HEAVY = ("torch", "lightning_fabric", "sklearn", "transformers", "mlflow", "optuna")

WRONG = """
run --method nosuch --task ptbxl-super --mode linear
run --method merl --task nosuch --mode linear
run --method merl --task ptbxl-super --mode nosuch
run --method merl --task ptbxl-super --mode linear --protocol nosuch
run --method merl --task ptbxl-super --mode linear --corpus nosuch
run --method merl --task ptbxl-super --mode linear --set epochs
run --method merl --task ptbxl-super --mode linear --set epohs=3
run --method merl --task ptbxl-super --mode linear --set linear.epohs=3
run --method merl --task ptbxl-super --mode linear --set merl.text.modle=medcpt
run --method merl --task ptbxl-super --mode linear --set kmerl.depth=3
run --method merl --task ptbxl-super --mode linear --fraction 2
run --board nosuch
pretrain nosuch
sweep --method nosuch --task ptbxl-super --mode linear
explain nosuch
explain merl nosuch
explain merl ptbxl-super --mode nosuch
audit merl nosuch
check nosuch
replay nosuch
rescore nosuch
runs show nosuch
splits verify nosuch
splits import nosuch .
leaderboard render nosuch
cite nosuch
"""


RUN = "run --method random-vit --task ptbxl-super --mode linear --set linear.epochs=1 --seed 0 --no-track"
SHOWN = f"""
{RUN}
{RUN} --json
runs
runs --json
leaderboard render ptbxl_super
leaderboard list
"""


def run_all(workspace, commands, before=""):
    """Each command in one new process: its exit code, and the heavy modules that are imported after it."""
    program = (
        "import sys\n"
        f"{before}\n"
        "from bench.cli.main import main\n"
        f"for line in {commands.split(chr(10))!r}:\n"
        "    sys.argv = ['bench', *line.split()]\n"
        "    try: code = main() if line else 0\n"
        "    except SystemExit as stop: code = stop.code\n"
        f"    heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    if line: print(f'\\n{line}|{code or 0}|{heavy}')\n"
        "    if heavy: break\n"
    )
    environment = {
        "PATH": "",
        "BENCH_WORKSPACE": str(workspace.root),
        "BENCH_SIMULATED_RECORDS": "120",
        "BENCH_TOML": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=workspace.root,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(line.split("|")) for line in done.stdout.splitlines() if line.endswith("]") and "|" in line], done


def test_what_is_wrong_is_refused_before_anything_heavy_is_imported(workspace):
    ended, done = run_all(workspace, WRONG)
    assert ended == [(line, "2", "[]") for line in WRONG.split("\n") if line]
    assert "Traceback" not in done.stderr


def test_finished_cells_are_shown_before_anything_heavy_is_imported(bench, workspace, monkeypatch):
    monkeypatch.setattr(key_memory, "_process_state", lambda: "the same")
    monkeypatch.setattr(key_memory, "_methods_are_imported", lambda: False)
    assert bench(*RUN.split()).code == 0
    same = "from bench.runner import key_memory; key_memory._process_state = lambda: 'the same'"
    ended, done = run_all(workspace, SHOWN, same)
    assert ended == [(line, "0", "[]") for line in SHOWN.split("\n") if line]
    assert "0 cells computed, 1 finished before." in done.stdout
