#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
pack.py URL FOLDER: makes FOLDER/kubectl-vpcwire.zip, and FOLDER/vpcwire.yaml, krew's manifest, which says that the archive is at URL.

The archive is the same to the last byte whoever makes it: stored as it is, with one date.
"""
import hashlib
import pathlib
import sys
import zipfile

HERE = pathlib.Path(__file__).parent
PLUGIN, ARCHIVE, MANIFEST = "kubectl-vpcwire", "kubectl-vpcwire.zip", "vpcwire.yaml"
REGULAR_FILE, UNIX = 0o100755, 3


def pack(folder):
    """The archive's SHA-256."""
    with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
        for path in (HERE / PLUGIN, HERE.parent / "LICENSE"):
            entry = zipfile.ZipInfo(path.name)
            entry.external_attr, entry.create_system = REGULAR_FILE << 16, UNIX
            archive.writestr(entry, path.read_bytes())
    return hashlib.sha256((folder / ARCHIVE).read_bytes()).hexdigest()


def main(url, folder):
    folder.mkdir(parents=True, exist_ok=True)
    text = (HERE / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace("uri: URI", f"uri: {url}").replace("sha256: SHA256", f"sha256: {pack(folder)}"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} URL FOLDER")
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
