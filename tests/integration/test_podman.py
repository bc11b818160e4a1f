# SPDX-License-Identifier: Apache-2.0
"""A runtime without Kubernetes: Debian's podman with its CNI backend makes containers and pods with the configuration that we ship."""
import pytest

from test_containerd import INTERNET_HOST, ask, serve_once
from vpc import echo, netns, wait_until
from vpc.podman import NETWORK, Podman
from vpc.simulator import SUBNET_B

FULL = {"MAX_ENI": "1", "IP_COOLDOWN_PERIOD": "3600"}  # what is released is nobody's again while a test runs
FULL_POOL = 3  # a t3.small's, on one ENI


@pytest.fixture
def make_podman(tmp_path):
    made = []

    def make(node, **options):
        made.append(Podman(node, tmp_path / f"{node.name}-podman", **options))
        return made[-1]

    yield make
    for podman in made:
        podman.close()


@pytest.fixture
def podman(node, make_podman):
    return make_podman(node)


def nothing_left_of(node):
    assert node.leases() == [] and node.pod_links() == {} and node.pod_routes() == []
    return True


def consistent(node, podman, names):
    """podman, the books and the kernel say the same of all that run."""
    leases = {lease["pod_name"]: lease["address"] for lease in node.leases()}
    assert leases == {name: podman.address(name) for name in names}
    node.check_kernel()


def test_life_of_a_container(node, podman):
    """run, stop, start, restart, reload and rm: each leaves what runs with an address, and what does not with none."""
    container = podman.run("web")
    (lease,) = node.leases()
    assert (lease["container_id"], lease["pod_name"], "pod_namespace" in lease) == (container, "web", False)
    consistent(node, podman, ["web"])
    podman("stop", "--time", "0", "web")
    assert nothing_left_of(node)
    for action in (("start",), ("restart", "--time", "0"), ("network", "reload")):
        podman(*action, "web")
        consistent(node, podman, ["web"])
        assert podman.address("web") == lease["address"], "its own, which cools for others"
    assert node.screen("pods").splitlines()[1].split()[0] == "web"
    podman.remove("web")
    assert nothing_left_of(node)


@pytest.mark.node(env=FULL)
def test_reload_and_restart_on_a_full_node(node, podman):
    """There is no free address but the container's own, which cools: it has it again, and nobody else gets it."""
    names = [f"c{i}" for i in range(FULL_POOL)]
    for name in names:
        podman.run(name)
    addresses = {name: podman.address(name) for name in names}
    assert node.pool()["free"] == 0
    podman("network", "reload", "--all")
    podman("restart", "--time", "0", "c0")
    consistent(node, podman, names)
    assert {name: podman.address(name) for name in names} == addresses
    with echo.serving(*(podman.netns(name) for name in names)):
        echo.assert_source(podman.netns("c0"), [addresses["c1"], addresses["c2"]], addresses["c0"])
    podman.remove(*names)


def test_a_name_that_is_used_again(node, podman):
    """The first container was renamed, and runs: the second one's link is its own."""
    podman.run("web")
    podman("rename", "web", "older")
    podman.run("web")
    addresses = [podman.address("older"), podman.address("web")]
    node.check_kernel()
    with echo.serving(podman.netns("older"), podman.netns("web")):
        echo.assert_source(podman.netns("older"), [addresses[1]], addresses[0])
        echo.assert_source(podman.netns("web"), [addresses[0]], addresses[1])
    podman.remove("web")
    assert [lease["address"] for lease in node.leases()] == addresses[:1]
    node.check_kernel()
    podman.remove("older")
    assert nothing_left_of(node)


def test_a_pod_of_two(node, podman):
    """One address for all in it; it goes with the pod."""
    podman.make_pod("two")
    for name in ("a", "b"):
        podman.run(name, "--pod", "two")
    (lease,) = node.leases()
    assert lease["pod_name"] == "two"
    inside = [podman("exec", name, "ip", "-4", "address", "show", "eth0").stdout for name in ("a", "b")]
    assert all(f"inet {lease['address']}/32" in text for text in inside)
    podman("pod", "rm", "--force", "--time", "0", "two")
    assert nothing_left_of(node)


def test_a_published_port(vpc, node, podman):
    """-p: the internet comes in by the node's address."""
    podman.run("web", "--publish", "8080:80")
    vpc.ctl("internet-address", address=INTERNET_HOST)
    with netns.threads(podman.netns("web")) as inside:
        served = inside.submit(serve_once, 80)
        seen = wait_until(lambda: netns.call_in(vpc.internet, ask, node.public_address, 8080), 20, why="the port from the internet")
        served.result()
    assert seen, "the internet was answered"
    podman.remove("web")
    assert nothing_left_of(node)


def test_two_networks(node, make_podman):
    """A container is in one of ours, whichever; in two it is refused, told why, and leaves nothing. prune takes what has ended."""
    podman = make_podman(node, networks=(NETWORK, "second"))
    podman.run("web", "--network", "second")
    podman.run("db")
    assert {(lease["network"], lease["address"]) for lease in node.leases()} == {
        ("second", podman.address("web", "second")), (NETWORK, podman.address("db")),
    }
    with pytest.raises(AssertionError) as refused:
        podman.run("both", "--network", f"{NETWORK},second")
    assert "it must be called once per pod" in str(refused.value)
    node.check_kernel()
    assert len(node.leases()) == 2
    podman("stop", "--time", "0", "--all")
    assert nothing_left_of(node)
    podman("container", "prune", "--force")
    assert podman("ps", "--all", "--quiet").stdout == ""


def test_the_daemon_ends_and_starts(node, podman):
    """Under running containers; one that is removed meanwhile gives its address back."""
    for name in ("a", "b"):
        podman.run(name)
    node.restart()
    consistent(node, podman, ["a", "b"])
    node.stop()
    podman.remove("a")
    node.start()
    wait_until(lambda: len(node.leases()) == 1, 60, why="the daemon notices")
    consistent(node, podman, ["b"])
    podman.remove("b")


def test_a_reboot(node, podman):
    """podman's books say that the container runs, and its namespace is gone: started again, it has a network."""
    podman.run("web")
    node.kill9()
    podman.reboot()
    node.start()
    podman("start", "web")
    wait_until(lambda: len(node.leases()) == 1, 60, why="the lease of before the boot has ended")
    consistent(node, podman, ["web"])
    podman.remove("web")


def test_two_nodes(vpc, make_node, make_podman):
    """Containers of two nodes reach one another with their own addresses, and the internet with the node's."""
    nodes = [make_node("n1"), make_node("n2", subnet=SUBNET_B)]
    podmans = [make_podman(node) for node in nodes]
    for podman in podmans:
        podman.run("web")  # the same name on both
    addresses = [podman.address("web") for podman in podmans]
    spaces = [podman.netns("web") for podman in podmans]
    vpc.ctl("internet-address", address=INTERNET_HOST)
    with echo.serving(*spaces, vpc.internet):
        for i in (0, 1):
            echo.assert_source(spaces[i], [addresses[1 - i]], addresses[i])
            echo.assert_source(spaces[i], [INTERNET_HOST], nodes[i].public_address)
    for podman in podmans:
        podman.remove("web")
