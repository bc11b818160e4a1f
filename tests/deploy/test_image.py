# SPDX-License-Identifier: Apache-2.0
"""The image's Dockerfile held against the repository: what it names is there, and what it builds is what it installs.

Nothing is built here, so it takes no root and no network; tests/integration/test_daemonset.py builds the image and runs it.
"""
import fnmatch
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import TOP, run

DOCKERFILE = TOP / "deploy/image/Dockerfile"
LOADER = re.compile(r"linux-vdso|ld-linux")


def instructions():
    """(instruction, rest) in order; lines that go on are joined, comments left out."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.M)
    return [tuple(line.split(None, 1)) for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]


def stages():
    """Name -> its instructions; the last one has no name."""
    found = []
    for name, rest in instructions():
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            found.append((alias, base, []))
        else:
            found[-1][2].append((name, rest))
    return found


def ignored():
    lines = (TOP / "deploy/image/Dockerfile.dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def is_ignored(path):
    return any(fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/") for pattern in ignored())


def test_two_stages_of_the_debian_that_we_build_on():
    (build, build_base, _), (last, base, rest) = stages()
    assert (build, last) == ("build", "") and build_base == base == "debian:12-slim"
    assert [value for name, value in rest if name == "ENTRYPOINT"] == ['["/usr/sbin/ipamd"]']
    assert not [value for name, value in rest if name == "USER"], "the manifest drops its rights; the host's folders are root's"


def test_what_it_names_is_there():
    presets = {preset["name"] for preset in json.loads((TOP / "CMakePresets.json").read_text())["buildPresets"]}
    (_, _, build), (_, _, last) = stages()
    script = " ".join(value for name, value in build if name == "RUN")
    for path in re.findall(r"\bdeploy/[\w./-]+", script):
        assert (TOP / path).is_file() and not is_ignored(path), path
    used = re.findall(r"--preset (\w+)", script)
    assert used and set(used) <= presets
    assert set(re.findall(r"cd build/(\w+) && cpack", script)) == set(used)
    (copied,) = [value for name, value in last if name == "COPY"]
    stage, source, _ = re.fullmatch(r"--from=(\w+) (\S+) (\S+)", copied).groups()
    folder = re.fullmatch(r"/src/build/(\w+)/vpcwire_\*\.deb", source).group(1)
    assert stage == "build" and folder in used
    assert ("WORKDIR", "/src") in build and ("COPY", ". .") in build


def test_programs_belong_to_somebody_else(shipped, tmp_path):
    """Root without CAP_DAC_OVERRIDE, as the daemon is, cannot write to them; folders stay as they are."""
    (_, _, _), (_, _, last) = stages()
    (install,) = [value for name, value in last if name == "RUN"]
    (owning,) = [command.strip() for command in install.split("&&") if "chown" in command]
    files = shutil.copytree(shipped / "files", tmp_path / "files")
    run("sh", "-ec", f'dpkg() {{ test "$*" = "-L vpcwire"; find "{files}"; }}; {owning}')
    owners = {path.is_dir(): (path.lstat().st_uid, path.lstat().st_gid) for path in files.rglob("*")}
    assert owners == {True: (0, 0), False: (65532, 65532)}
    for path in files.rglob("*"):
        assert path.is_symlink() or path.stat().st_mode & 0o022 == 0, path


def test_its_packages_are_debians():
    """What the first stage installs is what prepare.sh lists, and the tests have installed it."""
    (_, _, build), _ = stages()
    (install,) = [value for name, value in build if name == "RUN" and "packages_install" in value]
    names = run("bash", "-ec", install.replace("packages_install", "echo"), cwd=TOP).split()
    assert {"gcc", "cmake", "libnftables-dev", "dpkg-dev"} <= set(names)
    for name in names:
        assert run("dpkg-query", "-W", "-f", "${db:Status-Status}", name) == "installed", name


@pytest.fixture
def context(tmp_path):
    """What `COPY . .` copies, without what other tests' Pythons write there meanwhile."""

    def left_out(folder, names):
        return [name for name in names if name == "__pycache__" or is_ignored(str((pathlib.Path(folder) / name).relative_to(TOP)))]

    return shutil.copytree(TOP, tmp_path / "src", ignore=left_out)


def test_it_builds_from_what_it_copies(context):
    """Configuring names every file and library; nothing of git or of an older build is needed."""
    assert not (context / ".git").exists() and not (context / "build").exists()
    run("cmake", "--preset", "release", cwd=context)
    assert 'set(CPACK_PACKAGE_NAME "vpcwire")' in (context / "build/release/CPackConfig.cmake").read_text()


def test_the_package_brings_its_libraries(shipped):
    """Each library that a program asks the loader for is in a package that ours depends on."""
    control = (shipped / "control/control").read_text()
    depends = set(re.findall(r"([a-z0-9][a-z0-9+.-]+)(?: \([^)]*\))?(?:, |$)", re.search(r"^Depends: (.*)$", control, re.M).group(1)))
    for program in ("usr/sbin/ipamd", "usr/bin/ipamctl"):
        file = shipped / "files" / program
        needed = re.findall(r"\(NEEDED\)\s+Shared library: \[(.+?)\]", run("readelf", "-d", file))
        where = dict(re.findall(r"(\S+) => (\S+) \(0x", run("ldd", file)))
        assert len(needed) > 4
        for library in needed:
            if LOADER.search(library):
                continue
            owners = set()
            for path in {where[library], where[library].removeprefix("/usr"), "/usr" + where[library]}:
                done = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True)
                owners |= {line.split(":")[0] for line in done.stdout.splitlines()}
            assert owners & depends, (program, library, owners, depends)
    static = run("readelf", "-d", shipped / "files/usr/lib/vpcwire/vpcwire")
    assert "NEEDED" not in static, "the plugin runs on any host"


def test_its_scripts_do_without_systemd(shipped, tmp_path):
    """In an image there is none: they make folders and no more."""
    script = (shipped / "control/postinst").read_text().replace("/opt/cni", f"{tmp_path}/opt/cni").replace("/etc/cni", f"{tmp_path}/etc/cni")
    script = script.replace("/run/systemd/system", f"{tmp_path}/run/systemd/system")
    run("sh", "-ec", script, "postinst", "configure", env={"PATH": "/usr/bin:/bin"})
    assert (tmp_path / "opt/cni/bin").is_dir() and (tmp_path / "etc/cni/net.d").is_dir()
