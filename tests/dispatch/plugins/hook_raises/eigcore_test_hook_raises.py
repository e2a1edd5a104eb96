from eigcore.dispatch.hookspecs import hookimpl


@hookimpl
def eigcore_backend():
    raise RuntimeError("no device")
