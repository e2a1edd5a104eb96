raise ImportError("libfoo.so.1: cannot open shared object file")
