"""A wrong name is refused, and stored results are shown, without the seconds that torch and its like take to import."""

import subprocess
import sys

HEAVY = ("torch", "lightning_fabric", "sklearn", "transformers", "mlflow", "optuna")

WRONG = """
run --method nosuch --task ptbxl-super --mode linear
run --method merl --task nosuch --mode linear
run --method merl --task ptbxl-super --mode nosuch
run --method merl --task ptbxl-super --mode linear --protocol nosuch
run --method merl --task ptbxl-super --mode linear --corpus nosuch
run --method merl --task ptbxl-super --mode linear --set epochs
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


def run_all(tmp_path, commands):
    """Each command in one new process: its exit code, and which heavy module it was the first to import."""
    program = (
        "import sys\n"
        "from bench.cli.main import main\n"
        f"for line in {[line for line in commands.split(chr(10)) if line]!r}:\n"
        "    sys.argv = ['bench', *line.split()]\n"
        "    try: code = main()\n"
        "    except SystemExit as stop: code = stop.code\n"
        f"    heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    print(f'{line}|{code or 0}|{heavy}')\n"
        "    if heavy: break\n"
    )
    environment = {"PATH": "", "BENCH_WORKSPACE": str(tmp_path / "workspace"), "BENCH_TOML": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [line.split("|") for line in done.stdout.splitlines() if "|" in line], done.stderr


def test_what_is_wrong_is_refused_before_anything_heavy_is_imported(tmp_path):
    ended, errors = run_all(tmp_path, WRONG)
    assert [line for line in ended if line[1:] != ["2", "[]"]] == []
    assert len(ended) == len(WRONG.split("\n")) - 2
    assert "Traceback" not in errors
