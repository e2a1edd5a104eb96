import eigcore_no_such_library  # noqa: F401
