from eigcore.errors import BackendUnavailable
from eigcore.plugin import hookimpl


@hookimpl
def eigcore_backend():
    raise BackendUnavailable("no driver")
