#!/bin/sh
# Every row of the table in docs/reference/speed.md, one after the other, at sizes that take about a quarter of an hour on two free
# cores. For the numbers of that page, on a machine that does nothing else:
#
#     sh benchmarks/all.sh PTBXL_ROOT [python] > speed.txt
#
# PTBXL_ROOT has records500/. Each script tells more with --help, and what bounds it.
set -u
root=${1:?a PTB-XL data root with records500/}
python=${2:-python}
cd "$(dirname "$0")/.." || exit 1
PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH

run() {
    echo
    echo "== $*  ($(date +%H:%M:%S), load $(cut -d ' ' -f 1 /proc/loadavg))"
    "$python" "benchmarks/$@" || echo "FAILED: $*"
}

grep -m 1 "model name" /proc/cpuinfo
echo "$(nproc) cores"
run startup.py
run bootstrap.py
run comparison.py
run zeroshot.py
run knn.py
run augmentation.py
run tracking.py --cells 200
run loader.py "$root"
run exact_probe.py --timed 1
run linear_probe.py --epochs 20 --plain-epochs 2
run linear_column.py "$root" --records 200
run pretraining_step.py "$root"
echo
date +%H:%M:%S
