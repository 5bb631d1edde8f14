"""Run jobs on a Ray cluster, with the same artifacts, in a workspace that every node reaches."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.progress import track
from bench.runner.executors import settle
from bench.runner.executors.worker import JobOutcome
from bench.runner.failures import OUT_OF_MEMORY, explain
from bench.runner.schedule import Job, Schedule
from bench.runner.session import Session

TRIES = 2
"""How often a job is tried again when its process or its machine dies; a separate error is final."""

POLL_SECONDS = 1.0


def _job_config() -> Any:
    """Ray puts the current folder first on the module path of its processes, unless a working folder is set.
    They get what the user has on the path of this process: the script's folder, and in an interactive session this one."""
    from ray.job_config import JobConfig

    class NoCurrentFolder(JobConfig):
        def _runtime_env_has_working_dir(self) -> bool:
            return True

    script = os.path.dirname(os.path.realpath(sys.argv[0]))
    folders = [script] if script in sys.path else []
    return NoCurrentFolder(_py_driver_sys_path=[*folders, *([os.getcwd()] if "" in sys.path else [])])


class RayCluster:
    """The executor of ``--executor ray``.

    Args:
        address: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT`` of a cluster; a cluster on this machine without one.
        jobs: jobs at a time of a cluster started here; a named one runs as many as fit.
    """

    shares = True

    def __init__(self, address: str | None, jobs: int):
        try:
            import ray
        except ImportError as error:
            raise ConfigError("--executor ray needs Ray: pip install 'ecg-bench[ray]'.") from error
        self._ray, self._started = ray, not ray.is_initialized()
        options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        if self._started:
            # "local" starts one, whatever other cluster runs on this machine.
            own = {"address": "local", "num_cpus": jobs, "include_dashboard": False}
            here = own if address is None else {"address": address}
            if not (address or "").startswith("ray://"):
                options["job_config"] = _job_config()  # a client gets no separate folder
            try:
                ray.init(**here, **options)
            except Exception as error:
                raise ConfigError(f"no Ray cluster can be reached at {address or 'this machine'}: {error}") from error
        resources = ray.cluster_resources()
        self.gpus = int(resources.get("GPU", 0))
        self.slots = max(1, int(resources.get("CPU", 1)))
        # A job that wants more than any machine has would wait for ever; whether it fits, the machine then tells.
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._memory = max((int(node.get("memory", 0)) for node in alive), default=0)

    def run(self, schedule: Schedule, session: Session, again: bool) -> Generator[tuple[Job, JobOutcome], None, None]:
        """Hand out as many jobs as the cluster has places for, so that what is ready later can still come first."""
        ray = self._ray
        settings = ray.put(session.settings())
        total = len(schedule.jobs)
        waiting: dict[Any, Job] = {}
        try:
            with track("jobs") as progress:
                while schedule.unfinished:
                    while len(waiting) < 2 * self.slots and (taken := schedule.next(self.gpus, float("inf"))):
                        job, put_off = taken
                        waiting[self._submit(settings, job, again, put_off)] = job
                    ready, _ = ray.wait(list(waiting), timeout=POLL_SECONDS)
                    for task in ready:
                        job = waiting.pop(task)
                        outcome = self._outcome(task)
                        if outcome is None:
                            schedule.put_off(job)
                        else:
                            yield from settle(schedule, job, outcome)
                    progress(total - len(schedule.jobs), total, f"{len(waiting)} handed out")
        finally:
            for task in waiting:
                ray.cancel(task, force=True)
            if self._started:
                ray.shutdown()

    def _submit(self, settings: Any, job: Job, again: bool, wait: bool) -> Any:
        wanted = job.resources
        memory = min(wanted.memory, self._memory) or None
        remote = self._ray.remote(_perform).options(
            num_cpus=wanted.cpus, num_gpus=wanted.gpus, memory=memory, max_retries=TRIES, name=str(job)
        )
        return remote.remote(settings, job, again, wait)

    def _outcome(self, task: Any) -> JobOutcome | None:
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:  # before it was begun: what a job raises comes in JobOutcome
            reason, trace = explain(error.cause)
            return JobOutcome(
                error=f"a machine of the cluster could not start the job: {reason.strip().splitlines()[-1]}. Install the "
                "same bench, plugins and packages on every machine.",
                trace=f"{error}\n{trace}",
            )
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            return JobOutcome(error=f"its process or machine was lost {TRIES + 1} times: {reason} {OUT_OF_MEMORY}")


def here(source: DataSource) -> DataSource:
    """The source as this machine of the cluster has it: with an object store, each may have a separate workspace."""
    own = os.environ.get("BENCH_NODE_WORKSPACE")
    if not own or not source.workspace.artifacts:
        return source
    return replace(source, workspace=replace(source.workspace, root=Path(own).expanduser().absolute()))


_session: tuple[dict[str, Any], Session] | None = None


def _perform(settings: dict[str, Any], job: Job, again: bool, wait: bool) -> JobOutcome | None:
    """In a process of the cluster, which keeps the session for the next job of the same run."""
    global _session
    from bench import progress
    from bench.runner.executors.worker import perform, use_threads

    if _session is None or _session[0] != settings:
        progress.set_quiet(True)
        use_threads(max(1, job.resources.cpus))
        _session = settings, Session(**(settings | {"source": here(settings["source"])}))
    return perform(job, _session[1], again, wait)
