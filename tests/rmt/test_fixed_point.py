import numpy as np
import pytest
from arrays import BACKENDS, host, jnp, torch

from eigcore import get_backend
from eigcore.errors import NotConverged, NotSupported
from eigcore.rmt import fixed_point, marchenko_pastur

jax = pytest.importorskip("jax")
Z = np.linspace(0.3, 2.4, 7) + 1e-6j


def step(d, c, z):
    return 1 / (1 / (1 + c * d) - z)


def solved(name, c, **options):
    B = get_backend(name)
    z = B.asarray(Z)
    return fixed_point(B, step, -1 / z, (c, z), inside=lambda d: B.xp.imag(d) > 0, **options)


@pytest.mark.parametrize("name", BACKENDS)
def test_the_solution_is_the_closed_form_on_every_backend(name):
    c = get_backend(name).asarray(np.array(0.25))
    assert abs(host(solved(name, c)) - marchenko_pastur(0.25).stieltjes(Z)).max() < 1e-12


@pytest.mark.parametrize("name", BACKENDS)
def test_a_system_solves_what_its_equations_solve_one_by_one(name):
    B = get_backend(name)
    c, z = B.asarray(np.array(0.25)), B.asarray(Z)

    def both(d, c, z):
        return B.xp.stack((step(d[..., 1], c, z), d[..., 0]), axis=-1)

    start = B.xp.stack((-1 / z, -1 / z), axis=-1)
    found = host(fixed_point(B, both, start, (c, z), system=True))
    assert abs(found - host(solved(name, c))[:, None]).max() < 1e-12


def test_first_and_second_derivatives_are_those_of_the_closed_form():
    c = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    values = []
    for f in (lambda c: solved("torch", c), lambda c: marchenko_pastur(c).stieltjes(Z)):
        (first,) = torch.autograd.grad(torch.imag(f(c)).sum(), c, create_graph=True)
        (second,) = torch.autograd.grad(first, c)
        values.append((float(first.detach()), float(second)))
    np.testing.assert_allclose(*values, rtol=1e-9)
    jaxed = jax.grad(lambda c: jnp.sum(jnp.imag(solved("jax", c))))(0.25)
    assert abs(jaxed / values[1][0] - 1) < 1e-9


def test_the_derivative_passes_through_two_steps_and_never_through_the_iteration():
    followed = []

    def counted(d, c, z):
        followed.append(c.requires_grad)
        return step(d, c, z)

    B = get_backend("torch")
    c = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    z = torch.tensor(Z)
    fixed_point(B, counted, -1 / z, (c, z))
    assert sum(followed) == 2 < len(followed) / 4


def test_a_given_slope_replaces_difference_quotients():
    B, calls = get_backend("numpy"), []

    def counted(d, c, z):
        calls.append(1)
        return step(d, c, z)

    def slope(d, c, z):
        return step(d, c, z) ** 2 * c / (1 + c * d) ** 2

    def count(**options):
        calls.clear()
        fixed_point(B, counted, -1 / Z, (0.25, Z), **options)
        return len(calls)

    assert count(slope=slope) < count()


def test_a_newton_step_stays_inside():
    B = get_backend("numpy")
    found = fixed_point(
        B, lambda d: 1 / (4.0 - d - 1e-9j), np.array([1.99 + 0j]), inside=lambda d: d.imag > 0
    )
    assert found.imag > 0
    assert abs(found[0] - (2 - 3**0.5)) < 1e-8


def test_what_is_not_reached_is_an_error_and_compiled_code_another():
    B = get_backend("numpy")
    with pytest.raises(NotConverged, match="residual"):
        fixed_point(B, lambda d: d + 1, np.array([0.0]), most=20)
    with pytest.raises(NotSupported, match=r"outside jax\.jit"):
        jax.jit(lambda c: solved("jax", c))(0.25)


def test_no_equations_have_no_solutions():
    B = get_backend("numpy")
    assert fixed_point(B, lambda d: d, np.zeros(0)).shape == (0,)
