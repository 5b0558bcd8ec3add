"""Map the top-level folders into the package; everything else is in pyproject.toml."""

from setuptools import find_namespace_packages, find_packages, setup

packages, package_dir = find_packages(include=["videopose*"]), {}
for folder in ("pipelines", "configs", "eval"):
    package_dir[f"videopose.{folder}"] = folder
    packages += [
        f"videopose.{folder}",
        *(f"videopose.{folder}.{sub}" for sub in find_namespace_packages(folder)),
    ]

setup(
    packages=packages,
    package_dir=package_dir,
    package_data={"": ["*.yaml"], "videopose": ["py.typed", "assets/*", "io/*.json", "desk/page/*"]},
)
