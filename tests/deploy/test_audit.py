"""An audit that audited nothing fails, and says why."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit"
FINE = {"name": "a", "version": "1", "vulns": []}
FIXED = {"name": "b", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}
UNFIXED = {"name": "c", "version": "1", "vulns": [{"id": "X-2", "fix_versions": []}]}
SKIPPED = {"name": "d", "skip_reason": "no data"}


@pytest.mark.parametrize(
    ("packages", "ends_with", "code", "words"),
    [
        ([FINE, SKIPPED], 0, 0, "1 of 2 packages audited"),
        ([FINE, UNFIXED], 1, 0, "no fix yet"),
        ([FINE, FIXED], 1, 1, "fixed in 2"),
        ([], 0, 3, "nothing audited: the report lists no package"),
        ([SKIPPED], 0, 3, "nothing audited: the report lists no package"),
        (None, 1, 3, "nothing audited: pip-audit wrote no report (exit code 1)"),
        ([FINE], 2, 1, "the audit is not whole"),
    ],
)
def test_an_audit_of_nothing_fails(tmp_path, packages, ends_with, code, words):
    report = "" if packages is None else json.dumps({"dependencies": packages})
    (tmp_path / "python").symlink_to(sys.executable)
    auditor = tmp_path / "pip-audit"
    auditor.write_text(f"#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --output ] && out=$2; shift; done\n"
                       f"printf '%s' '{report}' > \"$out\"\nexit {ends_with}\n")  # fmt: skip
    auditor.chmod(0o755)
    done = subprocess.run(
        [SCRIPT], env=os.environ | {"BENCH_AUDIT_BIN": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr


def test_an_audit_without_an_auditor_fails(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    done = subprocess.run(
        [SCRIPT], env=os.environ | {"BENCH_AUDIT_BIN": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "nothing audited: pip-audit cannot be installed" in done.stderr
