"""Docstrings are written to be read in an editor; here they become reStructuredText."""

import re

ENTRY = re.compile(r"^([\w\"'][\w\"'*, .\[\]]*) : (.+)")
CODE = re.compile(r"(``.*?``|`.*?`)")
ESCAPED = re.compile(r"\||(?<=\w)_(?!\w)|(?<![\w*])\*(?=\w+[,) ])")
"""Bars of absolute values, names that end in _, and stars of arguments."""


def plain(app, what, name, value, options, lines):
    """Make lists of entries "name : text", and keep the signs of mathematics."""
    lines[:] = [escaped(line) for line in entries(lines)]


def escaped(line):
    """Escape a line outside its code."""
    if line.lstrip().startswith((">>>", "...", "..", ":")):
        return line
    parts = CODE.split(line)
    parts[::2] = [ESCAPED.sub(lambda sign: "\\" + sign[0], part) for part in parts[::2]]
    return "".join(parts)


def entries(lines):
    """Yield lines, with a bullet for each entry and blank lines around the list."""
    inside = False
    for line in lines:
        entry = ENTRY.match(line)
        if entry:
            if not inside:
                yield ""
            yield f"- ``{entry[1]}``: {entry[2]}"
            inside = True
        elif inside and line.startswith(" "):
            yield "  " + line.strip()
        else:
            if inside and line.strip():
                yield ""
            inside = inside and not line.strip()
            yield line
