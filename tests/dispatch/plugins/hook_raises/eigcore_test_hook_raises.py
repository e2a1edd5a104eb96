from eigcore.plugin import hookimpl


@hookimpl
def eigcore_backend():
    raise RuntimeError("no device")
