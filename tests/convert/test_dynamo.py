"""torch's exporter writes modules with eigcore's operator in ONNX."""

import sys

import numpy as np
import pytest

import eigcore
from eigcore.convert import onnx_value
from eigcore.errors import MissingPackage, NotSupported

torch = pytest.importorskip("torch")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_stack_of_layers():
    """Kinds of matrices and functions, any number of rows; rows with NaN give NaN alone."""
    pytest.importorskip("onnxscript", reason="needs onnxscript")
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    from eigcore_torch import SpectralLayer

    kind = {"dtype": torch.float64, "nonfinite": "propagate"}

    class Middle(torch.nn.Module):
        def forward(self, x):
            return eigcore.eigenvalues(
                x[..., :, None] + x[..., None, :], 1, 2, nonfinite="propagate"
            )

    net = torch.nn.Sequential(
        SpectralLayer(3, 4, dim=5, index=(0, 2, 3, 4), **kind),
        Middle(),
        SpectralLayer(2, 2, dim=4, structure="tridiagonal", functional="smooth", alpha=0.5, **kind),
        SpectralLayer(2, 1, dim=3, functional="softmax", t=0.3, **kind),
    ).eval()
    x = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[4, 1] = torch.nan
    table = {torch.ops.eigcore.value.default: onnx_value}
    rows = ({0: torch.export.Dim.DYNAMIC},)
    with torch.no_grad():
        program = torch.onnx.export(
            net,
            (x[:3],),
            dynamo=True,
            custom_translation_table=table,
            dynamic_shapes=rows,
            verbose=False,
        )
        expected = net(x).numpy()
    session = runtime.InferenceSession(program.model_proto.SerializeToString())
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert np.isnan(found).ravel().tolist() == [i == 4 for i in range(9)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_what_cannot_be_said():
    with pytest.raises(NotSupported, match="without singular values"):
        onnx_value(None, '["value", 3, 2, "nuclear", 0]')


def test_without_onnxscript(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript.onnx_opset", None)
    with pytest.raises(MissingPackage, match="pip install onnxscript"):
        onnx_value(None, '[3, 2, "packed", "kth", 1]')
