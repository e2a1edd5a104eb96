import eigcore_no_such_library.part  # noqa: F401
