"""A real Slurm on this machine, of several node names, for as long as a test takes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue")

_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmctldPort={port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SlurmdTimeout=10
KillWait=5
ReturnToService=2
SwitchType=switch/none
MpiDefault=none
NodeName=n[1-3] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=1 RealMemory=2000
PartitionName=low Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=5
PartitionName=high Nodes=n[1-3] MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=off
"""


def missing() -> str | None:
    """Why no Slurm can be started here, or None."""
    if os.geteuid() != 0:
        return "only root starts the daemons of Slurm"
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    return (
        f"not installed: {', '.join(absent)} (Debian: slurmctld, slurmd, munge)" if absent else None
    )


@contextmanager
def slurm(folder: Path, port: int = 26817) -> Iterator[dict[str, str]]:
    """Start a controller and three nodes of one worker; yield the environment to talk to them."""
    host = socket.gethostname().split(".")[0]
    for part in ("state", "spool"):
        (folder / part).mkdir(parents=True)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        _CONFIGURATION.format(host=host, folder=folder, port=port, first=port + 10, last=port + 12)
    )
    environment = os.environ | {"SLURM_CONF": str(configuration), "PATH": _path()}
    _start_munge(environment)
    daemons = [["slurmctld", "-D", "-f", str(configuration)]]
    daemons += [["slurmd", "-D", "-f", str(configuration), "-N", f"n{n}"] for n in (1, 2, 3)]
    running = [
        subprocess.Popen(
            words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for words in daemons
    ]
    try:
        _wait_for_nodes(environment, folder)
        yield environment
    finally:
        for one in reversed(running):
            one.send_signal(signal.SIGTERM)
        for one in running:
            try:
                one.wait(timeout=20)
            except subprocess.TimeoutExpired:
                one.kill()


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _start_munge(environment: dict[str, str]) -> None:
    if subprocess.run(["pgrep", "munged"], capture_output=True, check=False).returncode == 0:
        return
    key = Path("/etc/munge/munge.key")
    if not key.exists():
        key.write_bytes(os.urandom(1024))
    for folder in ("/etc/munge", "/run/munge", "/var/log/munge", "/var/lib/munge"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        subprocess.run(["chown", "-R", "munge:munge", folder], check=True)
    key.chmod(0o400)
    Path("/run/munge").chmod(0o755)
    munged = shutil.which("munged", path=environment["PATH"])
    subprocess.run(["runuser", "-u", "munge", "--", str(munged)], env=environment, check=True)


def _wait_for_nodes(environment: dict[str, str], folder: Path) -> None:
    for _ in range(60):
        said = subprocess.run(
            ["sinfo", "-h", "-o", "%D %T"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if said.stdout.splitlines()[:1] == ["3 idle"]:
            return
        time.sleep(0.5)
    log = (folder / "slurmctld.log").read_text()[-2000:]
    raise RuntimeError(f"Slurm did not come up: {said.stdout}{said.stderr}\n{log}")
