# SPDX-License-Identifier: Apache-2.0
"""The first userland of a machine: BusyBox, guest/initrd.sh, and the modules without which there is no root."""
import lzma
import pathlib
import shutil
import tempfile

from vpc.process import run

BUSYBOX = "/bin/busybox"
SCRIPT = pathlib.Path(__file__).parent / "guest/initrd.sh"
MODULES = ("virtio_pci", "virtio_blk", "9pnet_virtio", "9p", "overlay", "crc32c_generic", "ext4", "virtio_rng")
EMPTY_FOLDERS = ("proc", "sys", "dev", "host", "disk", "share", "system")


def make(kernel, path):
    """Writes the archive for a kernels.Unpacked."""
    with tempfile.TemporaryDirectory(dir=pathlib.Path(path).parent) as name:
        folder = pathlib.Path(name)
        for empty in ("bin", "modules", *EMPTY_FOLDERS):
            (folder / empty).mkdir()
        shutil.copy(BUSYBOX, folder / "bin/busybox")
        shutil.copy(SCRIPT, folder / "init")
        (folder / "init").chmod(0o755)
        for number, module in enumerate(_in_order(kernel)):
            data = module.read_bytes()
            data = lzma.decompress(data) if module.suffix == ".xz" else data
            (folder / "modules" / f"{number:02}-{module.name.split('.')[0]}.ko").write_bytes(data)
        names = "".join(f"{found.relative_to(folder)}\n" for found in sorted(folder.rglob("*")))
        run("cpio", "--create", "--format=newc", "--quiet", f"--file={path}", cwd=folder, input=names)


def _in_order(kernel):
    """Files of MODULES and of what they need, each after what it needs; what a kernel has built in has no file."""
    needs = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        path, _, dependencies = line.partition(":")
        needs[path] = dependencies.split()  # nearest first
    by_name = {pathlib.Path(path).name.split(".")[0]: path for path in needs}
    wanted = [by_name[name] for name in MODULES if name in by_name]
    order = [path for name in wanted for path in (*reversed(needs[name]), name)]
    return [kernel.modules / path for path in dict.fromkeys(order)]
