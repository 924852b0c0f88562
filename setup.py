"""Which packages the wheel holds; all else is in pyproject.toml.

``checkpoints/`` stands beside the code in the source tree and goes into the wheel as ``cocreate/checkpoints``, where
``cocreate.model.checkpoint`` looks first. The state of a training run (``checkpoints/*/training``) stays out.
"""

from pathlib import Path

from setuptools import find_packages, setup

packages = find_packages(include=["cocreate", "cocreate.*"])
package_dir, package_data = {}, {"cocreate": ["py.typed"], "cocreate.model.corpus": ["*.npy"]}
package_data |= {"cocreate.files": ["sounds/*"], "cocreate.taste": ["*.npz"], "cocreate.music": ["data/*"]}
here = Path(__file__).resolve().parent
if (here / "checkpoints").is_dir():
    packages.append("cocreate.checkpoints")
    package_dir["cocreate.checkpoints"] = "checkpoints"
    package_data["cocreate.checkpoints"] = [
        f"{depth}/*.{kind}" for depth in ("*", "*/*") for kind in ("json", "safetensors", "npz", "md", "png")
    ]

if (here / "samples" / "catalogue").is_dir():
    packages.append("cocreate.samples")
    package_dir["cocreate.samples"] = "samples/catalogue"
    package_data["cocreate.samples"] = ["*.mid", "*.csv", "*.json", "*.md"]

setup(packages=packages, package_dir=package_dir, package_data=package_data)
