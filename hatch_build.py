"""Adds the data of the wheel: presets and the weights of the shipped models."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# A wheel must stay a small download: weights above this belong to the zoo, not to the package.
WEIGHT_LIMIT_BYTES = 15_000_000


class DataHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts top-level data into the wheel as `plugin_bridge/_data`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map each data file to its place; an editable install reads the checkout instead."""
        if version == "editable":
            return
        root = Path(self.root)
        weights = sorted((root / "models" / "weights").glob("lastframe*.onnx"))
        for path in weights:
            size = path.stat().st_size
            if size > WEIGHT_LIMIT_BYTES:
                raise ValueError(
                    f"{path.name} has {size} bytes, a wheel carries at most {WEIGHT_LIMIT_BYTES}; "
                    "give it a name that does not start with lastframe"
                )
        include = build_data["force_include"]
        include.update({str(path): f"plugin_bridge/_data/models/{path.name}" for path in weights})
        include[str(root / "presets")] = "plugin_bridge/_data/presets"
