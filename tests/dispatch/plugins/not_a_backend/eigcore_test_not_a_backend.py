from eigcore.dispatch.hookspecs import hookimpl


@hookimpl
def eigcore_backend():
    return "numpy"
