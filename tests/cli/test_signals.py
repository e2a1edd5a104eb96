"""Ctrl-C, the signal to terminate, and closed pipes end the command with one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

pytest.importorskip("typer")
pytest.importorskip("pyarrow")

from samples import linear_model

EXIT = {signal.SIGINT: (130, "Ctrl-C"), signal.SIGTERM: (143, "SIGTERM")}

COMMAND = """
import builtins, os, signal, sys
from eigcore.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
number, moment, *args = sys.argv[1:]
number, times, real = int(number), [], builtins.__import__

def press(*_):
    times.append(1)
    os.kill(os.getpid(), number)

def importing(name, *more, **others):
    if name == moment and not times:
        press()
    return real(name, *more, **others)

builtins.__import__ = importing
if moment in ("reading", "fitting"):
    import eigcore.cli.app as app
    place = {"reading": "read_table", "fitting": "fit_with"}[moment]
    setattr(app, place, press)
if moment == "saving":
    import eigcore.cli.app as app
    app.save_model = press
sys.exit(main(args))
"""


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        *((signal.SIGINT, moment) for moment in ("typer", "numpy", "pandas", "reading", "saving")),
        *((signal.SIGTERM, moment) for moment in ("pandas", "fitting")),
    ],
)
def test_a_signal_at_any_moment_is_one_line(houses, number, moment):
    words = ["fit", houses, "--target", "price", "-o", houses.with_name("m.eig"), "--dim", "1"]
    words += ["--knots", "0", "--members", "1", "--penalty", "1"]
    command = [sys.executable, "-c", COMMAND, str(int(number)), moment, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    code, name = EXIT[number]
    assert done.returncode == code, done.stderr
    assert [line for line in done.stderr.splitlines() if line.strip()] == [
        f"eigcore: Stopped by {name} before the work was done; no file is left half written. "
        "Type the command again to start."
    ]
    assert os.listdir(houses.parent) == ["houses.csv"]


def test_a_signal_whose_exception_got_lost_ends_the_fit(fit, houses, capfd, monkeypatch):
    """As in foreign code that drops exceptions."""
    import eigcore.cli.app as app

    before, real, steps = signal.signal(signal.SIGINT, signal.default_int_handler), app.fit_with, []

    def losing(table, target, weights, options, callback, processes):
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        told = lambda step: steps.append(step) or callback(step)  # noqa: E731
        return real(table, target, weights, options, told, processes)

    monkeypatch.setattr(app, "fit_with", losing)
    try:
        assert fit("--max-iter", "2000") == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(steps) < 5
    assert "Stopped by Ctrl-C: this is the best model so far" in capfd.readouterr().out
    assert houses.with_name("m.eig").exists()


def test_handlers_are_given_back(run):
    before = [signal.getsignal(number) for number in EXIT]
    assert run("--version") == 0
    assert [signal.getsignal(number) for number in EXIT] == before
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run("--version")))
    thread.start()
    thread.join()
    assert codes == [0]


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize("words", ["show m.eig", "show m.eig --json", "fit --help"])
def test_a_closed_pipe_is_no_error(tmp_path, words):
    linear_model().save(tmp_path / "m.eig")
    command = f"{sys.executable} -m eigcore {words} | true"
    options = {"shell": True, "capture_output": True, "text": True, "cwd": tmp_path}
    done = subprocess.run(command, check=False, **options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_package_is_the_command():
    command = [sys.executable, "-m", "eigcore", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("eigcore ")
