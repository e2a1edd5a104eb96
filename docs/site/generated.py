"""Pages of the site that follow from the code: the reference, and the files of the root."""

import importlib
import inspect
import re
import shutil

ROOMS = {
    "eigcore": "Arrays, specs, backends",
    "eigcore.fit": "Fitting",
    "eigcore.estimators": "scikit-learn estimators",
    "eigcore.encoding": "Columns of tables",
    "eigcore.plots": "Pictures",
    "eigcore.report": "Reports",
    "eigcore.convert": "Other formats",
    "eigcore.layers": "Layers",
    "eigcore_torch": "Layers and optimisers of torch",
    "eigcore_jax": "Layers and optimisers of JAX",
    "eigcore.operators": "Matrices known by products",
    "eigcore.rmt": "Random-matrix theory",
    "eigcore.spectra": "Spectra of weights",
    "eigcore.lowrank": "Low rank",
    "eigcore.dynamics": "Matrices that are not symmetric",
    "eigcore.graph": "Graphs",
    "eigcore.plugin": "For backends",
    "eigcore.testing": "Laws and checks",
    "eigcore.errors": "Errors",
}
"""Modules whose public names the reference documents, and what they are about."""
FILES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Files of the root; their copies in the site have names in small letters."""
CHECKER = "eigcore/guarantees/checker.py"


def public(room):
    """Return the public names of a module and what they stand for, in the order of the alphabet."""
    module = importlib.import_module(room)
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith(room)
    ]
    return {name: getattr(module, name) for name in sorted(names, key=str.lower)}


def directive(name, value):
    """Return the lines that document a name, without what it inherits from others than eigcore."""
    if not inspect.isclass(value):
        return f".. auto{'function' if callable(value) else 'data'}:: {name}\n"
    kind = "exception" if issubclass(value, BaseException) else "class"
    foreign = [each.__name__ for each in value.__mro__ if not each.__module__.startswith("eigcore")]
    routed = [each for each in dir(value) if re.fullmatch(r"set_\w+_request", each)]
    lines = [f".. auto{kind}:: {name}", f"   :inherited-members: {', '.join(foreign)}"]
    return "\n".join(
        [*lines, *([f"   :exclude-members: {', '.join(routed)}"] if routed else []), ""]
    )


def page(room, title, homes):
    """Return a page of the reference; homes knows by id where a value is documented already."""
    shown = f"``{room}``: {title}"
    about = (importlib.import_module(room).__doc__ or "").split("\n\n")[0]
    links, blocks = [], []
    for name, value in public(room).items():
        home = homes.setdefault(id(value), f"{room}.{name}")
        links.append(f":py:obj:`{name} <{home}>`")
        if home == f"{room}.{name}":
            blocks.append(directive(home, value))
    return "\n\n".join([shown + "\n" + "=" * len(shown), about, " · ".join(links), *blocks])


def write(root, folder):
    """Write the reference and copies of the files of the root into a folder."""
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    homes = {}
    for room, title in ROOMS.items():
        put(folder / "reference" / f"{room}.rst", page(room, title, homes))
    listed = "\n".join(f"   {room}" for room in ROOMS)
    title = "Every public name\n=================\n"
    text = "Shapes, dtypes, errors and formulas of every public name, by module."
    put(folder / "reference" / "index.rst", f"{title}\n{text}\n\n.. toctree::\n\n{listed}\n")
    for name in FILES:
        text = re.sub(r"\]\(docs/", "](../", (root / name).read_text())
        put(folder / name.lower(), re.sub(r"\]\([A-Z]+\.md", lambda link: link[0].lower(), text))
    shutil.copy(root / CHECKER, folder / "checker.py")


def put(path, text):
    """Write a page if it is new, so that Sphinx reads again only what has changed."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def mend(app, name, source):
    """Lead links to files beside docs/ to their copies in the site."""
    depth = "../" * name.count("/")
    for file in FILES:
        source[0] = source[0].replace(f"](../{depth}{file}", f"]({depth}built/{file.lower()}")
    source[0] = source[0].replace(f"](../{CHECKER})", "](built/checker.py)")
    source[0] = re.sub(r"\]\(../../README.md[^)]*\)", "](../index.md)", source[0])
