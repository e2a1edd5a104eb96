"""Pages in headless Chromium: a driver in each page moves its controls and tells what it shows."""

from __future__ import annotations

import base64
import functools
import html
import json
import re
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
EARLY = """<script>
window.faults = [];
addEventListener("error", (event) => faults.push(event.message));
addEventListener("securitypolicyviolation", (event) => faults.push(event.violatedDirective));
console.error = console.warn = (...words) => faults.push(words.join(" "));
</script>"""
DRIVER = """<script>
(async () => {
  const wait = () => new Promise((done) => setTimeout(done, 5));
  const at = (id) => document.getElementById(id);
  const move = (each, value) => { each.value = value; each.dispatchEvent(new Event("input")); };
  const tick = (each, on) => { if (each && each.checked !== on) each.click(); };
  const read = (each) => each.dataset.values ? JSON.parse(each.dataset.values) : null;
  const seen = [];
  try {
    for (const { row, exact } of ROWS) {
      const cells = row.map((cell, j) => {
        const each = at(`c${j}`), missing = at(`c${j}m`);
        if (each.tagName === "SELECT") { move(each, cell === null ? "NaN" : cell); return cell; }
        tick(missing, cell === null);
        if (cell === null) return null;
        const line = exact ? each : each.parentElement.querySelector("[type=range]");
        move(line, cell);
        return line.valueAsNumber;
      });
      at("along").value = 2;
      at("along").dispatchEvent(new Event("input"));
      while (!at("contributions").dataset.values) await wait();
      const [decision, contributions, slopes, spectrum] =
        ["prediction", "contributions", "slopes", "spectrum"].map((id) => read(at(id)));
      const prediction = [...document.querySelectorAll("output")]
        .map((each) => Number(each.dataset.value));
      const pictures = document.querySelectorAll("#answers svg").length;
      const [words, fault] = [document.body.innerText, at("fault").textContent];
      seen.push({ cells, decision, contributions, slopes, spectrum, prediction, pictures, words,
        fault });
    }
  } catch (fault) { faults.push(String(fault)); }
  const markup = document.querySelectorAll("b, i").length;
  parent.postMessage({ seen, faults, markup, scripts: document.scripts.length }, "*");
})();
</script>"""
COLLECT = """<script>
const answers = [];
addEventListener("message", ({ source, data }) => {
  const frames = [...document.querySelectorAll("iframe")];
  answers[frames.findIndex((each) => each.contentWindow === source)] = data;
  const bytes = Array.from(new TextEncoder().encode(JSON.stringify(answers)));
  const text = bytes.map((byte) => String.fromCharCode(byte)).join("");
  document.getElementById("answers").textContent = btoa(text);
});
</script><pre id="answers"></pre>"""


@functools.cache
def chromium():
    """The path of a browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed; type: apt-get install chromium")
    return found


def driven(pages, rows, folder):
    """What each page shows after its controls were set to each of its rows, and its faults.

    rows : for each page, pairs (cells, whether they are typed rather than slid)
    """
    frames = []
    for page, own in zip(pages, rows, strict=True):
        asked = json.dumps([{"row": row, "exact": exact} for row, exact in own])
        text = page.replace("<head>", f"<head>{EARLY}", 1)
        text = text.replace("</body>", f"{DRIVER.replace('ROWS', asked, 1)}</body>")
        frames.append(f'<iframe width="390" height="900" srcdoc="{html.escape(text)}"></iframe>')
    path = folder / "pages.html"
    path.write_text(f"<!doctype html>{COLLECT}{''.join(frames)}", "utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'u'}"]
    done = subprocess.run(
        [chromium(), *options, "--virtual-time-budget=60000", "--dump-dom", path.as_uri()],
        capture_output=True,
        check=True,
        timeout=120,
    )
    told = re.search(r'<pre id="answers">([^<]*)</pre>', done.stdout.decode("utf-8"))
    assert told, "the browser told nothing"
    return json.loads(base64.b64decode(told[1]))
