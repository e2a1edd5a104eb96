from eigcore.plugin import hookimpl


@hookimpl
def eigcore_backend():
    return "numpy"
