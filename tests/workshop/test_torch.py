from importlib.metadata import requires, version

from packaging.requirements import Requirement


def test_torch_is_the_version_the_exporter_was_checked_with() -> None:
    """The installed torch is exactly the one that the extra `models` names."""
    wanted = [Requirement(line) for line in requires("plugin-bridge") or []]
    (torch,) = [each for each in wanted if each.name == "torch"]
    assert torch.specifier.contains(version("torch"))
