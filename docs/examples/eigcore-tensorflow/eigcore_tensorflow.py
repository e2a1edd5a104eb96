"""A backend for eigcore: TensorFlow, eager, inside tf.function and in Keras."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from eigcore.plugin import Backend, Capabilities, forward, hookimpl, window


def argsort(a, *, axis):
    """Return the order as int64, the integers of the array API standard."""
    return tf.cast(tf.argsort(a, axis, stable=True), tf.int64)


def reshape(a, shape):
    """Reshape; None is an axis that Keras does not know yet."""
    return tf.reshape(a, [-1 if n is None else n for n in shape])


def where(condition, a, b):
    """Choose; a Python number takes the dtype of the other argument."""
    dtype = (a if tf.is_tensor(a) else tf.convert_to_tensor(b)).dtype
    a, b = (c if tf.is_tensor(c) else tf.constant(c, dtype) for c in (a, b))
    return tf.where(condition, tf.cast(a, dtype), tf.cast(b, dtype))


XP = {f.__name__: f for f in (argsort, reshape, where)}
XP |= {name: getattr(tf, name) for name in ("abs", "broadcast_to", "concat", "exp", "maximum")}
XP |= {name: getattr(tf, f"reduce_{name}") for name in ("all", "max", "min", "sum")}
SAME = ("conj", "finfo", "imag", "isfinite", "log", "moveaxis", "real")
XP |= {name: getattr(tf.experimental.numpy, name) for name in SAME}
XP |= {"astype": tf.cast, "clip": tf.clip_by_value, "cumulative_sum": tf.cumsum, "take": tf.gather}
XP["matrix_transpose"] = tf.linalg.matrix_transpose


class TensorFlowBackend(Backend):
    """Eigenpairs by ``tf.linalg.eigh``; derivatives by ``tf.custom_gradient``."""

    name = "tensorflow"
    plugin_api = 3
    capabilities = Capabilities(
        arrays=("tensorflow", "keras"),
        dtypes=("float64", "float32", "float16", "bfloat16"),
        devices=("cpu", "gpu"),
        autodiff=True,
        second_order=True,
        compiled=True,
    )
    xp = SimpleNamespace(**XP)
    note = f"TensorFlow {tf.__version__}"

    def asarray(self, a, *, like=None, dtype=None, device=None):
        own = tf.is_tensor(a) or hasattr(a, "__tf_tensor__")  # the latter: a variable of Keras
        a = tf.convert_to_tensor(a if own else np.asarray(a))
        if like is not None and a.dtype.is_floating:
            dtype = like.dtype
        return a if dtype is None else tf.cast(a, dtype)

    def to_numpy(self, a):
        return np.asarray(a)

    def dtype_name(self, a):
        return tf.as_dtype(a.dtype).name

    def is_concrete(self, a):
        return not tf.is_symbolic_tensor(a)

    def eigenpairs(self, M, lo, hi):
        return window(self.solve("tf.linalg.eigh", tf.linalg.eigh, M), lo, hi)

    def with_vjp(self, function, vjp):
        @tf.custom_gradient
        def attached(p):
            outputs = function(p)
            return outputs, lambda *cotangents: vjp(p, outputs, *cotangents)

        return attached

    def detach(self, a):
        return tf.stop_gradient(a)

    def gradient(self, function, *arrays):
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            value = function(*arrays)
        return tuple(tape.gradient(value, arrays, unconnected_gradients="zero"))

    def compiled(self, function):
        return tf.function(function, autograph=False)

    def wrap(self, model):
        return SpectralModel(model)

    def unwrap(self, obj):
        if isinstance(obj, SpectralModel):
            return obj.static, obj.get_weights(), dict(obj.provenance)
        return None


class SpectralModel(tf.keras.Model):
    """A `SpectralModel` of eigcore whose matrices, `members`, are weights that Keras trains."""

    def __init__(self, model):
        super().__init__(dtype="float64")
        self.static, self.provenance = model.static, dict(model.provenance)
        self.members = [self.add_weight(shape=p.shape) for p in model.params]
        self.set_weights(model.params)

    def call(self, x):
        """Predictions (...) for rows x (..., columns)."""
        return forward(self.static, self.members, x, "tensorflow")


@hookimpl
def eigcore_backend():
    """Return the backend."""
    return TensorFlowBackend()
