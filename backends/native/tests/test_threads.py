"""The threads that sleep between calls: same results, forks, many callers at once."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from door import eigenpair, value_and_gradient

HERE = os.path.dirname(__file__)
FORK = """
import os
import numpy as np
from door import eigenpair


def threads():
    tasks = "/proc/self/task"
    return len(os.listdir(tasks)) if os.path.exists(tasks) else None


m = np.random.default_rng(0).standard_normal((4096, 5, 5))
expected = eigenpair(m, 2, threads=3)[0]
for generation in range(3):
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    before = threads()
    assert (eigenpair(m, 2, threads=3)[0] == expected).all()
    assert before is None or threads() == before + 2
"""

CORES = """
import os
import numpy as np
from door import eigenpair

two = set(sorted(os.sched_getaffinity(0))[:2])
m = np.random.default_rng(0).standard_normal((4096, 5, 5))
before = set(os.listdir("/proc/self/task"))
for core in sorted(two) * 2:
    os.sched_setaffinity(0, {core})
    os.sched_setaffinity(0, two)
    eigenpair(m, 2, threads=2)
    (helper,) = set(os.listdir("/proc/self/task")) - before
    allowed = os.sched_getaffinity(int(helper))
    assert len(allowed) == 1 and allowed < two, (core, allowed)
"""

DAEMON = """
import threading
import time
import numpy as np
from door import eigenpair

m = np.random.default_rng(0).standard_normal((4096, 5, 5))
inside = threading.Event()


def work():
    while True:
        eigenpair(m, 2, threads=2)
        inside.set()


for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
inside.wait()
"""

MEMORY = """
import numpy as np
import eigcore_native as en


def megabytes():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096 / 2**20


m = np.random.default_rng(0).standard_normal((1, 1200, 1200))
en.eigenpairs(m[:, :50, :50], 0, 1)
before = megabytes()
en.eigenpairs(m, 0, 1)
assert megabytes() - before < 10, megabytes() - before
"""


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_results_do_not_depend_on_the_number_of_threads(dtype):
    m = np.random.default_rng(0).standard_normal((20_000, 5, 5)).astype(dtype)
    one = value_and_gradient("square", m, 2, threads=1)
    for threads in (2, 3, 7):
        for a, b in zip(value_and_gradient("square", m, 2, threads), one, strict=True):
            np.testing.assert_array_equal(a, b)


def test_callers_at_once_share_the_threads():
    m = np.random.default_rng(0).standard_normal((4096, 5, 5))
    expected, _ = eigenpair(m, 2, threads=1)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: eigenpair(m, 2, threads=4)[0], range(200)):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_makes_its_own_threads():
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, cwd=HERE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", [DAEMON, MEMORY], ids=["daemon", "memory"])
def test_what_a_call_leaves(script):
    """Python ends while daemon threads compute; large matrices leave no memory in the threads."""
    if script is MEMORY and not os.path.exists("/proc/self/statm"):
        pytest.skip("needs Linux")
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, cwd=HERE)
    assert (done.returncode, done.stderr) == (0, "")


def test_numbers_of_threads():
    m = np.zeros((4096, 5, 5))
    np.testing.assert_array_equal(eigenpair(m, 2, threads=500)[0], 0)
    with pytest.raises(ValueError, match="threads >= 0"):
        eigenpair(m, 2, threads=-1)


def test_a_helper_stays_off_the_core_of_its_caller():
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs Linux and two cores")
    subprocess.run([sys.executable, "-c", CORES], check=True, timeout=60, cwd=HERE)
