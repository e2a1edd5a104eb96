class PanicException(BaseException):
    """As extensions written in Rust raise it."""


raise PanicException("index out of bounds")
