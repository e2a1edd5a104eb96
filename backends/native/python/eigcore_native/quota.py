"""How many cores the quota of a container leaves to the process."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def cores(root: str = "/") -> int | None:
    """Return the least CPU quota of the process's control groups in cores, rounded up.

    Parameters
    ----------
    root : str
        Where ``proc`` and ``sys`` are mounted.

    Returns
    -------
    int or None
        None without a quota, and outside Linux.

    Notes
    -----
    ``cpu.max`` of control groups v2, ``cpu.cfs_quota_us`` of v1
    (https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files). A group inside a
    container is seen from its own top, so folders that are not there are passed over.
    """
    found = []
    try:
        lines = Path(root, "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers not in ("", "cpu", "cpu,cpuacct", "cpuacct,cpu"):
            continue
        inside = PurePosixPath(group.lstrip("/"))
        top = Path(root, "sys/fs/cgroup", controllers)
        found.extend(_cores(top / folder) for folder in (inside, *inside.parents))
    return min((n for n in found if n), default=None)


def _cores(folder: Path) -> int | None:
    """Return the quota of one group, None where it has none."""
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            numbers = " ".join((folder / name).read_text() for name in names).split()
            allowed, period = int(numbers[0]), int(numbers[1])
        except (OSError, ValueError):  # "max": no quota
            continue
        if allowed > 0 and period > 0:
            return -(-allowed // period)
    return None
