"""The complete plugin interface of eigcore, version `eigcore.PLUGIN_API`.

A plugin is a module named by an entry point of the group ``eigcore``; the entry point's name is
the backend's name::

    [project.entry-points.eigcore]
    mine = "eigcore_mine"

and the module contains::

    from eigcore.plugin import hookimpl

    @hookimpl
    def eigcore_backend():
        return MyBackend()
"""

import pluggy

from eigcore.dispatch.backend import Backend

GROUP = "eigcore"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def eigcore_backend() -> Backend:  # type: ignore[empty-body]
    """Return the backend. Called once, when it is first requested by name."""
