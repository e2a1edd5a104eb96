"""The documentation site: make docs builds it from the pages of docs/, without a network."""

import importlib
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
DOCS, ROOT = HERE.parent, HERE.parents[1]
sys.path.insert(0, str(HERE))

docstrings, generated = map(importlib.import_module, ("docstrings", "generated"))

project, author = "eigcore", "The eigcore developers"
release = metadata.version("eigcore")
copyright = "the eigcore developers, BSD-3-Clause"
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "sphinx_gallery.gen_gallery"]
exclude_patterns = [
    "site",
    "examples",
    "gallery/*",
    "built/gallery/index.rst",
    "built/gallery/sg_*",
]
default_role = "py:obj"
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
numpydoc_show_class_members = False
myst_heading_anchors = 4
suppress_warnings = ["config.cache", "ref.python"]

html_theme = "furo"
html_title = "eigcore"
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fa8", "color-brand-content": "#1f5fa8"},
    "dark_css_variables": {"color-brand-primary": "#8fbce8", "color-brand-content": "#8fbce8"},
}
linkcheck_timeout, linkcheck_workers, linkcheck_retries = 20, 4, 2
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]  # anchors that a script makes

pygments_style, pygments_dark_style = "friendly", "github-dark"

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "built/gallery",
    "filename_pattern": r"\.py$",
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "capture_repr": (),
    "nested_sections": False,
    "write_computation_times": False,
}


def setup(app):
    """Write the pages that follow from the code, and mend links to files beside docs/."""
    app.connect("builder-inited", lambda app: generated.write(ROOT, DOCS / "built"), priority=1)
    app.connect("source-read", generated.mend)
    app.connect("autodoc-process-docstring", docstrings.plain, priority=900)
