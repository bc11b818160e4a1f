# SPDX-License-Identifier: Apache-2.0
"""Our Debian package: made by cpack from a release build, and unpacked without installing it."""
import pathlib
import subprocess


def unpack(build, folder):
    """folder/files is what it installs, folder/control its scripts."""
    folder = pathlib.Path(folder)
    made = folder / "made"
    for command in (
        ["cpack", "-B", made, "--config", pathlib.Path(build) / "CPackConfig.cmake"],
        ["dpkg-deb", "-x", None, folder / "files"],
        ["dpkg-deb", "-e", None, folder / "control"],
    ):
        command = [str(part or next(made.glob("*.deb"))) for part in command]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    return folder
