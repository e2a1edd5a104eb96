"""Who provides a backend: names that two claim, metadata that is missing or broken."""

import sys
from pathlib import Path

import numpy as np
import pytest

import eigcore
from eigcore.dispatch import registry
from eigcore.errors import BackendUnavailable

ROOT = Path(__file__).parents[2]
TREE = {"numpy", "torch", "jax", "strict"}


def described(folder, name, version, entry_points, encoding="utf-8"):
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entry_points, encoding)


def test_two_providers_of_one_name_are_both_named(install, plugins):
    install(plugins / "twice_a", plugins / "twice_b")
    with pytest.raises(BackendUnavailable) as caught:
        eigcore.get_backend("twice")
    message = str(caught.value)
    for fact in ("provided twice", "eigcore-test-twice-a 1.2.3", "eigcore-test-twice-b 2.0.0"):
        assert fact in message
    assert "pip uninstall eigcore-test-twice-" in message
    provenance = eigcore.backends()["twice"]
    assert provenance.state == "unavailable"
    assert "twice-a" in provenance.distribution
    assert "twice-b" in provenance.distribution


def test_one_of_two_providers_works_alone(install, plugins):
    install(plugins / "twice_a")
    assert eigcore.get_backend("twice").name == "twice"


def test_of_two_distributions_of_one_name_the_first_on_the_path_counts(install, tmp_path):
    for version in ("2.0", "1.0"):  # the last one installed comes first
        info = tmp_path / version / f"same-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: same\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("[eigcore]\nsame = same\n")
        install(tmp_path / version)
    assert eigcore.backends()["same"].version == "1.0"


@pytest.mark.parametrize("order", [1, -1], ids=["first", "last"])
def test_a_name_of_eigcore_itself_cannot_be_taken_over(install, plugins, order, monkeypatch):
    install(plugins / "thief")
    if order == -1:
        monkeypatch.setattr(sys, "path", [*sys.path[1:], sys.path[0]])
    registry._loaded.pop("numpy", None)
    assert type(eigcore.get_backend("numpy")).__module__ == "eigcore_numpy"
    assert "eigcore_test_thief" not in sys.modules
    record = eigcore.backends()["numpy"]
    assert (record.distribution, record.state) == ("eigcore", "loaded")
    assert 'the name "numpy" is eigcore\'s own' in record.note
    assert "eigcore_test_thief from eigcore-test-thief 1.2.3 is ignored" in record.note
    assert "Type: pip uninstall eigcore-test-thief" in record.note
    assert "uninstall eigcore " not in f"{record.note} "
    assert "eigcore's own" not in eigcore.backends()["torch"].note


@pytest.mark.parametrize("value", ["eigcore_test_gone", "eigcore_numpy"])
def test_a_stale_distribution_of_eigcore_is_no_reason_to_uninstall_it(install, tmp_path, value):
    described(tmp_path, "eigcore", "0.0.9", f"[eigcore]\nnumpy = {value}\ntorch = {value}\n")
    install(tmp_path)
    assert type(eigcore.get_backend("numpy")).__module__ == "eigcore_numpy"
    for note in (record.note for record in eigcore.backends().values()):
        assert "pip uninstall" not in note
    if value != "eigcore_numpy":
        note = eigcore.backends()["numpy"].note
        assert "eigcore_test_gone from eigcore 0.0.9 is ignored. Expected one installed" in note
        assert note.endswith("Type: pip install --force-reinstall eigcore")


def test_of_a_stale_eigcore_and_a_plugin_the_plugin_is_the_one_to_uninstall(install, tmp_path):
    for name in ("eigcore", "eigcore-other"):
        text = f"[eigcore]\nnumpy = gone_{name[-5:]}\nwild = gone_{name[-5:]}\n"
        described(tmp_path, name, "0.0.9", text)
    install(tmp_path)
    assert eigcore.backends()["numpy"].note.endswith("Type: pip uninstall eigcore-other")
    with pytest.raises(BackendUnavailable, match=r"provided twice.* pip uninstall eigcore-other$"):
        eigcore.get_backend("wild")


def test_entry_points_in_another_encoding_are_reported(install, tmp_path):
    described(tmp_path, "eigcore-latin", "1.2.3", "[eigcore]\nfür = mod\n", "latin-1")
    install(tmp_path)
    assert set(eigcore.backends()) == TREE
    with pytest.raises(BackendUnavailable, match=r"txt of eigcore-latin 1\.2\.3 cannot be read"):
        eigcore.get_backend("für")


def test_an_entry_point_without_a_name_is_reported_and_its_neighbour_found(install, tmp_path):
    described(tmp_path, "eigcore-nameless", "1.2.3", "[eigcore]\n = mod\nnamed = mod\n")
    install(tmp_path)
    assert set(eigcore.backends()) == {"named", *TREE}
    with pytest.raises(BackendUnavailable, match=r"eigcore-nameless 1\.2\.3 cannot be read"):
        eigcore.get_backend("nonsense")


def test_broken_metadata_of_others_is_nobodys_business(install, plugins):
    install(plugins / "unrelated", plugins / "unrelated_bytes", plugins / "twice_a")
    assert set(eigcore.backends()) == {"twice", *TREE}
    assert eigcore.get_backend("twice").name == "twice"
    with pytest.raises(BackendUnavailable) as caught:
        eigcore.get_backend("nonsense")
    assert "unrelated" not in str(caught.value)


def test_entry_points_of_eigcore_that_cannot_be_read_are_reported(install, plugins):
    install(plugins / "broken_section", plugins / "twice_a")
    assert eigcore.get_backend("twice").name == "twice"
    with pytest.raises(BackendUnavailable, match=r"eigcore-test-broken-section 1\.2\.3"):
        eigcore.get_backend("broken_section")


def test_an_empty_leftover_of_eigcore_hides_nothing(install, plugins):
    install(plugins / "leftover")
    found = eigcore.backends()
    assert set(found) == TREE
    assert {record.distribution for record in found.values()} == {"eigcore", "eigcore-strict"}


def test_without_any_metadata_the_backends_of_eigcore_are_found(tmp_path, plugins, run):
    # what a frozen application has: every package, no .dist-info
    site = Path(np.__file__).parents[1]
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in site.iterdir():
        if not entry.name.endswith((".dist-info", ".pth")):
            (packages / entry.name).symlink_to(entry)
    code = """if True:
    import importlib.metadata, eigcore
    assert not [d for d in importlib.metadata.distributions() if d.metadata["Name"] == "eigcore"]
    found = eigcore.backends(load=True)
    print({name: (p.state, p.distribution, p.version) for name, p in found.items()})
    print(eigcore.kth_eigenvalue([[2.0, 1.0], [1.0, 2.0]], 0))
    """
    result = run("-S", "-c", code, path=[ROOT, ROOT / "backends", packages])
    assert result.returncode == 0, result.stderr
    states, value = result.stdout.splitlines()
    wanted = ("loaded", "eigcore", eigcore.__version__)
    assert eval(states) == dict.fromkeys(("jax", "numpy", "torch"), wanted)
    assert float(value) == pytest.approx(1.0)


def test_a_library_of_eigcore_that_is_missing_is_asked_for_by_its_extra(install, monkeypatch):
    install()
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "eigcore_torch", raising=False)
    registry._loaded.pop("torch", None)
    with pytest.raises(BackendUnavailable, match=r'pip install "eigcore\[torch\]"'):
        eigcore.get_backend("torch")
