from eigcore.hookspecs import hookimpl as hookimpl  # a module of an older eigcore
