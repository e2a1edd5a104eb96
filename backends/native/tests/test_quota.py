"""The quota of a container, as Linux writes it."""

import pytest
from eigcore_native.quota import cores


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


V2 = "sys/fs/cgroup/"
V1 = "sys/fs/cgroup/cpu,cpuacct/"


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/", {V2 + "cpu.max": "150000 100000\n"}, 2),
        ("0::/", {V2 + "cpu.max": "max 100000\n"}, None),
        ("0::/a/b", {V2 + "a/cpu.max": "300000 100000\n", V2 + "a/b/cpu.max": "max 100000\n"}, 3),
        ("0::/a/b", {V2 + "a/cpu.max": "300000 100000\n", V2 + "a/b/cpu.max": "50000 100000\n"}, 1),
        ("0::/of/the/host", {V2 + "cpu.max": "400000 100000\n"}, 4),
        (
            "4:memory:/m\n3:cpu,cpuacct:/g\n0::/",
            {V1 + "g/cpu.cfs_quota_us": "250000\n", V1 + "g/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        (
            "3:cpu,cpuacct:/\n",
            {V1 + "cpu.cfs_quota_us": "-1\n", V1 + "cpu.cfs_period_us": "100000\n"},
            None,
        ),
    ],
)
def test_quotas(tmp_path, group, files, expected):
    write(tmp_path, {"proc/self/cgroup": group, **files})
    assert cores(str(tmp_path)) == expected


def test_no_control_groups(tmp_path):
    assert cores(str(tmp_path)) is None
