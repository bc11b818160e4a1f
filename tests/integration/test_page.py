# SPDX-License-Identifier: Apache-2.0
"""The node's page in headless Chromium: it shows what /v1/node says, keeps itself up to date, and says when it cannot."""
import contextlib
import json
import os
import pathlib
import re
import signal
import threading

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from vpc.browser import Browser, Told
from vpc.process import wait_until
from vpc.rpc import RpcError

pytestmark = pytest.mark.xdist_group("page")
DEADLINE_S = 60
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PICTURES = REPOSITORY / "build/log"
HOSTILE = """<img src=x onerror="window.owned=1"></span><script>window.owned=1</script>'"&amp;${1}\u202e"""
SEEN = HOSTILE.replace("\u202e", "\ufffd")  # what turns the text around is seen instead
CELLS = """return [...document.querySelectorAll('#eni-rows .cell')].map(cell => [cell.getAttribute('aria-label'), cell.dataset.state])"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def _browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def browser(_browser, node):
    """
    The module's; at a test's end, before its node goes, nothing has gone wrong in the page. A test that stops the daemon
    takes what Chromium says of it itself.
    """
    yield _browser
    _browser.leave()
    assert not _browser.log()


@contextlib.contextmanager
def told(browser, node, answer):
    """A server whose /v1/node says this."""
    server = Told(node, answer)
    try:
        yield server
    finally:
        browser.leave()
        server.close()


def says(node):
    return json.loads(node.web("/v1/node").text)


def text(browser, selector):
    return browser.script("return document.querySelector(arguments[0]).textContent", selector)


def texts(browser, selector):
    return browser.script("return [...document.querySelectorAll(arguments[0])].map(one => one.textContent)", selector)


def cell(browser, address):
    """The cell of an address."""
    return browser.script("return [...document.querySelectorAll('#eni-rows .cell')].find(cell => cell.getAttribute('aria-label').startsWith(arguments[0] + ':'))", address)


def label(browser, address):
    """What its cell is called; "" where there is none."""
    return browser.script("const cell = [...document.querySelectorAll('#eni-rows .cell')].find(cell => cell.getAttribute('aria-label').startsWith(arguments[0] + ':')); return cell ? cell.getAttribute('aria-label') : ''", address)


def tip(browser):
    """The tooltip's text; None where there is none."""
    return browser.script("const tip = document.getElementById('tip'); return tip.hidden ? null : tip.textContent")


def wait_refreshed(browser, times=1):
    """Until the page has shown another answer."""
    for _ in range(times):
        before = browser.script("return performance.getEntriesByName(location.origin + '/v1/node').length")
        wait_until(lambda: browser.script("return performance.getEntriesByName(location.origin + '/v1/node').length") > before, DEADLINE_S, why="a refresh")


def numbers(label):
    """By which addresses are sorted."""
    return [int(part) for part in label.split(":")[0].split(".")]


def check_shows(browser, node):
    """The page has every ENI, address and pod of /v1/node, and nothing else."""
    answer = says(node)
    assert sorted(texts(browser, ".eni .id")) == sorted(eni["eni_id"] for eni in answer["enis"])
    cells = browser.script(CELLS)
    expected = {address["address"]: address for eni in answer["enis"] for address in eni["addresses"]}
    assert {label.split(":")[0] for label, _ in cells} == set(expected) and len(cells) == len(expected)
    for label, state in cells:
        address = expected[label.split(":")[0]]
        assert state == {"leased": "assigned"}.get(address["state"], address["state"])
        assert ("pod" in address) == (f"pod {address.get('namespace')}/{address.get('pod')}" in label), label


@pytest.mark.node(instance_type="t3.medium", env={"IP_COOLDOWN_PERIOD": "3600"})
def test_it_shows_the_node(browser, node):
    pods = node.add_pods([f"cart-{i}" for i in range(4)])
    pods[0].delete()
    node.wait_quiet(leased=3, cooling=1, free=6)  # the second ENI is there
    browser.look_at(node)
    wait_until(lambda: check_shows(browser, node) is None, DEADLINE_S)
    answer = says(node)
    wait_until(lambda: text(browser, "#pool-verdict") == f"Meets the target of {says(node)['pool']['target']} addresses", DEADLINE_S)
    assert text(browser, "#node") == answer["status"]["node"]["instance_id"], "Kubernetes' name is not known"
    assert text(browser, "#room-summary") == answer["status"]["room_summary"]
    assert text(browser, "#health") == "Ready" and text(browser, "#version") == answer["status"]["version"]
    assert "t3.medium" in text(browser, "#node-facts")
    facts = dict(zip(texts(browser, "#targets dt"), texts(browser, "#targets dd")))
    assert (facts["WARM_ENI_TARGET"], facts["WARM_IP_TARGET"], facts["IP_COOLDOWN_PERIOD"]) == ("1", "not set", "1h00m")
    assert texts(browser, "#legend b")[:3] == ["3", "0", "1"], "assigned, being wired, cooling"
    wait_until(lambda: texts(browser, "#calls tbody td:nth-child(2) span:first-child") == [call["action"] for call in says(node)["calls"]], DEADLINE_S)
    assert [row.split()[0] for row in texts(browser, ".latency tbody tr")] == ["ADD", "ADD", "ADD", "DEL", "DEL"]
    assert texts(browser, ".latency tr td:last-child") == ["4", "4", "4", "1", "1"]
    assert browser.script("return document.querySelectorAll('.strip .quantiles').length") >= 5
    browser.screenshot(PICTURES / "page-light.png")
    browser.view(1280, 900, scheme="dark")
    browser.screenshot(PICTURES / "page-dark.png")


@pytest.mark.node(env={"IP_COOLDOWN_PERIOD": "3600"})
def test_what_happens_appears_without_a_reload(browser, node):
    node.wait_quiet(free=3)  # the cells are there, to be changed
    browser.look_at(node)
    browser.script("window.same = true; for (const cell of document.querySelectorAll('#eni-rows .cell')) cell.same = true")
    pod = node.add_pod("newcomer")

    def shown():
        """Not only being wired."""
        text = label(browser, pod.address)
        return text.startswith(f"{pod.address}: assigned") and "pod default/newcomer" in text

    wait_until(shown, DEADLINE_S, why="the pod is shown")
    assert cell(browser, pod.address).get_attribute("data-state") == "assigned"
    assert browser.script("return window.same && arguments[0].same", cell(browser, pod.address)), "the cell was changed, not replaced"
    pod.delete()
    wait_until(lambda: ": cooling" in label(browser, pod.address), DEADLINE_S, why="the pod is gone")


def test_who_has_an_address(browser, node):
    """By pointer, by keyboard, by touch; and a refresh takes away neither focus nor tooltip."""
    pod = node.add_pod("cart")
    node.wait_quiet(leased=1, free=5)  # what the ENIs have stays while it is pointed at
    browser.look_at(node)
    wait_until(lambda: "default/cart" in label(browser, pod.address), DEADLINE_S)
    assert tip(browser) is None
    ActionChains(browser.driver).move_to_element(cell(browser, pod.address)).perform()
    shown = tip(browser)
    assert pod.address in shown and "default/cart" in shown and pod.container_id[:12] in shown and pod.container_id not in shown
    assert browser.script("const tip = document.getElementById('tip').getBoundingClientRect(); return [...document.querySelectorAll('#eni-rows .cells')].every(one => one.getBoundingClientRect().left >= tip.right)"), "it hides no cell"
    ActionChains(browser.driver).move_to_element(browser.driver.find_element("id", "node")).perform()
    assert tip(browser) is None

    browser.script("document.getElementById('find').focus()")
    ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    first = browser.script(CELLS)[0][0]
    assert browser.script("return document.activeElement.getAttribute('aria-label')") == first, "one stop per ENI"
    assert first.split(":")[0] in tip(browser)
    ActionChains(browser.driver).send_keys(Keys.ARROW_RIGHT).perform()
    second = browser.script("const cell = document.activeElement; cell.same = true; return cell.getAttribute('aria-label')")
    assert second == browser.script(CELLS)[1][0] and second.split(":")[0] in tip(browser)
    wait_refreshed(browser, times=2)
    assert browser.script("return document.activeElement.same") and second.split(":")[0] in tip(browser)
    ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    assert tip(browser) is None

    browser.look_at(node, width=360, height=740, mobile=True)
    at = browser.script("const cell = arguments[0]; cell.scrollIntoView({block: 'center'}); const {x, y} = cell.getBoundingClientRect(); return {x: x + 5, y: y + 5}", cell(browser, pod.address))
    browser.cdp("Input.dispatchTouchEvent", type="touchStart", touchPoints=[at])
    browser.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    wait_until(lambda: "default/cart" in (tip(browser) or ""), DEADLINE_S, why="a tap")
    browser.screenshot(PICTURES / "page-phone-tip.png", whole=False)


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_moves_at_a_refresh(browser, node, width):
    with told(browser, node, everything(says(node))) as server:
        browser.look_at(server, width=width)
        browser.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")  # the first answer is laid out
        browser.script("window.moved = []; new PerformanceObserver(list => window.moved.push(...list.getEntries().map(one => one.value))).observe({type: 'layout-shift'})")
        wait_refreshed(browser, times=2)
        assert browser.script("return window.moved") == []


def test_find(browser, node):
    pods = node.add_pods(["cart", "till"])
    browser.look_at(node)
    wait_until(lambda: all(pod.name in label(browser, pod.address) for pod in pods), DEADLINE_S)
    browser.driver.find_element("id", "find").send_keys("default/TILL")
    assert text(browser, "#found") == "1 address"
    assert "miss" in cell(browser, pods[0].address).get_attribute("class") and "miss" not in cell(browser, pods[1].address).get_attribute("class")
    wait_refreshed(browser)
    assert browser.driver.find_element("id", "find").get_attribute("value") == "default/TILL" and text(browser, "#found") == "1 address"


def pods(browser):
    """The rows of the list that are seen."""
    return browser.script("return [...document.querySelectorAll('#pod-list tbody tr:not([hidden])')].map(row => [...row.children].map(cell => cell.textContent))")


def notices(browser):
    """Each as its lines that are there."""
    return browser.script("return [...document.querySelectorAll('#notices li')].map(one => one.innerText.split('\\n').filter(Boolean).join(' | '))")


def sort_by(browser, title):
    browser.script("[...document.querySelectorAll('#pod-list thead button')].find(button => button.textContent === arguments[0]).click()", title)
    return browser.script("return [...document.querySelectorAll('#pod-list thead th')].filter(head => head.getAttribute('aria-sort') !== 'none').map(head => [head.textContent, head.getAttribute('aria-sort')])")


@pytest.mark.node(instance_type="t3.medium")
def test_the_list_of_pods(browser, node):
    """Sorted by any column, filtered by Find, in place at a refresh."""
    made = node.add_pods(["cart-10", "cart-9", "till"])
    browser.look_at(node)
    wait_until(lambda: [row[4] for row in pods(browser)] == ["Assigned"] * 3, DEADLINE_S)
    assert [row[0] for row in pods(browser)] == ["cart-9", "cart-10", "till"], "numbers are numbers"
    assert text(browser, "#pods-count") == "3 pods" and not text(browser, "#pods-why")
    row = next(row for row in pods(browser) if row[0] == "till")
    assert row[1:3] == ["default", made[2].address] and re.fullmatch(r"device \d · eni-\w+", row[3]) and re.search(r"\((\d+m)?\d+s\)$", row[5]), row
    assert sort_by(browser, "Pod") == [["Pod", "descending"]]
    assert [row[0] for row in pods(browser)] == ["till", "cart-10", "cart-9"]
    assert sort_by(browser, "Address") == [["Address", "ascending"]]
    addresses = [row[2] for row in pods(browser)]
    assert addresses == sorted(addresses, key=numbers)
    browser.driver.find_element("id", "find").send_keys("TILL")
    assert [row[0] for row in pods(browser)] == ["till"] and text(browser, "#pods-count") == "1 of 3 pods"
    browser.script("for (const row of document.querySelectorAll('#pod-list tbody tr')) row.same = true")
    wait_refreshed(browser)
    assert [row[0] for row in pods(browser)] == ["till"]
    assert browser.script("return [...document.querySelectorAll('#pod-list tbody tr')].every(row => row.same)")
    head = browser.driver.find_element("css selector", "#pod-list thead button")
    browser.script("arguments[0].focus()", head)
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    assert head.find_element("xpath", "..").get_attribute("aria-sort") == "ascending", "by keyboard, too"


@contextlib.contextmanager
def waiting_pods(node, n):
    """ADDs that wait for an address as long as this lasts, the first the longest."""
    keys = [{"network": "page", "container_id": f"{0xabc + i:064x}", "ifname": "eth0"} for i in range(n)]

    def add(i):
        with contextlib.suppress(RpcError):
            node.call("Add", **keys[i], netns=f"/run/netns/w{i}", pod_namespace="shop", pod_name=f"checkout-{i}", address_only=True, timeout_ms=200_000)

    threads = [threading.Thread(target=add, args=(i,)) for i in range(n)]
    try:
        for i, thread in enumerate(threads):
            thread.start()
            node.wait_pool(lambda pool, so_far=i + 1: pool["waiting"] == so_far)
        yield
    finally:
        for key in keys:
            node.call("Del", **key)
        for thread in threads:
            if thread.ident:
                thread.join()


@pytest.mark.node(env={"MY_NODE_NAME": "ip-10-0-1-23.ec2.internal"})
def test_a_full_node(browser, node):
    """It is ready and well; that there is no room is said by a sign of its own, all the time; who waits is a notice and in the list."""
    node.wait_pool(lambda pool: pool["free"] > 0)
    for i in range(node.status()["addresses_limit"]):
        lease(node, i)
    wait_until(lambda: node.status()["room"] == "none" and not node.status()["pool"]["waiting"], DEADLINE_S)
    wait_until(lambda: any(blocked["kind"] == "grow" for blocked in node.status()["blocked"]), DEADLINE_S)
    browser.look_at(node)
    status = node.status()
    assert text(browser, "#health") == "Ready" and browser.driver.find_element("id", "lamp").get_attribute("data-health") == "ok"
    assert browser.driver.find_element("id", "room").get_attribute("data-room") == "none"
    assert text(browser, "#room-summary") == status["room_summary"] and "t3.small's limit" in status["room_summary"]
    assert text(browser, "#room-fix") == f"Fix: {status['room_remedy']}"
    assert notices(browser) == [] and text(browser, "#node") == "ip-10-0-1-23.ec2.internal" and status["node"]["instance_id"] in text(browser, "#node-facts")
    with waiting_pods(node, 2):
        wait_until(lambda: text(browser, "#pods-count") == f"{status['addresses_limit']} pods, and 2 waiting", DEADLINE_S)  # not only the first
        assert text(browser, "#health") == "Ready, 1 notice"
        (notice,) = notices(browser)
        assert re.match(r"2 pods wait for an address.*the longest for (\d+m)?\d+s", notice) and "Show who waits" in notice
        assert [(row[0], row[1], row[4]) for row in pods(browser)[:2]] == [("checkout-0", "shop", "Waiting"), ("checkout-1", "shop", "Waiting")]
        assert text(browser, "#pods-why") == f"Why pods wait: {node.status()['waiting_reason']}"
        sort_by(browser, "Since")
        assert [row[4] for row in pods(browser)[:3]] == ["Waiting", "Waiting", "Assigned"], "who waits stays first"
    wait_until(lambda: text(browser, "#health") == "Ready" and not text(browser, "#pods-why"), DEADLINE_S)


@pytest.mark.node(instance_type="t3.large", env={"WARM_ENI_TARGET": "0", "WARM_IP_TARGET": "1"})
def test_a_denied_node(browser, node, vpc):
    """What, why, the remedy, and the next try; EC2's own answer is folded."""
    node.wait_quiet(free=1)
    vpc.ctl("set-denied", actions=["AssignPrivateIpAddresses", "CreateNetworkInterface"])
    while node.pool()["free"]:
        lease(node, node.pool()["leased"])
    wait_until(lambda: any(blocked["cause"] == "denied" for blocked in node.status()["blocked"]), DEADLINE_S)
    browser.look_at(node)

    def shown():
        """The page is some seconds old, and says that it is retrying while EC2 is asked again."""
        (blocked, *_) = [blocked for blocked in node.status()["blocked"] if blocked["cause"] == "denied"]
        (notice, *_) = [notice for notice in notices(browser) if blocked["reason"] in notice and "Next try in" in notice]
        return blocked, notice

    blocked, notice = wait_until(shown, DEADLINE_S)
    assert notice.startswith("Cannot ") and blocked["reason"] in notice and f"Fix: {blocked['remedy']}" in notice
    assert re.search(r"Next try in (\d+m\d\ds|\d+s), at \d\d:\d\d:\d\d", notice), notice
    assert "EC2's answer" in notice and blocked["detail"] not in notice, "folded"
    browser.driver.find_element("css selector", "#notices summary").click()
    wait_refreshed(browser)
    assert any(blocked["detail"] in notice for notice in notices(browser)), "unfolded, over refreshes too"
    assert not text(browser, "#room-fix"), "a notice has it"


def test_one_notice_of_one_reason(browser, node):
    """However many calls it stops; and none of what the room says."""
    answer = says(node)
    now = answer["now_ms"]

    def blocked(kind, subject, cause, reason, seconds):
        return {"action": kind, "subject": subject, "kind": kind, "cause": cause, "reason": reason, "until_ms": now + seconds * 1000 if seconds else 0, "remedy": "ask", "detail": f"answer {cause}"}

    answer["status"] |= {"ready": True, "blocked": [blocked("assign", "eni-1", "throttled", "EC2 throttles", 60), blocked("assign", "eni-2", "throttled", "EC2 throttles", 60), blocked("create", "", "throttled", "EC2 throttles", 5),
                                                    blocked("grow", "", "assign_blocked", "EC2 refused", 0), blocked("unheard_of", "eni-2", "unheard_of", "something new", 0),
                                                    blocked("attach", "eni-3", "transport", "EC2 hangs", -2)]}
    with told(browser, node, answer) as server:
        browser.look_at(server)
        assert text(browser, "#health") == "Ready, 3 notices"
        first, second, third = notices(browser)
        assert re.match(r"Cannot add addresses on eni-1, eni-2; cannot create an ENI.*EC2 throttles.*Next try in 5s, at", first) and first.count("EC2 throttles") == 1, first
        assert second.startswith("Unheard_of eni-2") and "something new" in second and "Next try" not in second, "of a newer daemon"
        assert "EC2 hangs" in third and "Retrying now" in third, third


def test_the_last_events(browser, node):
    """The newest first, with ipamctl's names, and in which zone its times are; nowhere a container's whole id."""
    pod = node.add_pod("cart")
    gone = node.add_pod("gone")
    gone.delete()
    browser.look_at(node)

    def shown():
        expected = [[event["kind"], event["text"]] for event in says(node)["events"]]
        assert [kind for kind, _ in expected] == [event["kind"] for event in node.call("Events", max=20)["events"]]
        rows = browser.script("return [...document.querySelectorAll('#events tbody tr')].map(row => [...row.children].map(cell => cell.textContent))")
        return expected == [[row[1], row[3]] for row in rows] and any(row[1] == "lease-wired" and "default/cart" in row[2] for row in rows)

    wait_until(shown, DEADLINE_S)
    assert pod.container_id not in node.web("/v1/node").text and gone.container_id not in node.web("/v1/node").text
    zone = browser.script("return Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert text(browser, "#zone") == f"Times are your browser's: {zone}; ipamctl says UTC"


def test_few_addresses_in_a_subnet(browser, node):
    """Too few for another ENI: it is said, and amber."""
    answer = says(node)
    worth = answer["status"]["addresses_per_eni"] + 1
    answer["status"]["subnets"] = [{"subnet_id": f"subnet-{n}", "cidr": "10.0.1.0/24", "available": n, "seen_at_ms": answer["now_ms"]} for n in (worth, worth - 1)]
    with told(browser, node, answer) as server:
        browser.look_at(server)
        at = text(browser, "#data-age").split(",")[0]
        assert texts(browser, "#subnets dd") == [f"10.0.1.0/24: {worth} free at {at}", f"10.0.1.0/24: {worth - 1} free at {at}, too few for an ENI"]
        assert texts(browser, "#subnets [data-kind=warn] dt") == [f"subnet-{worth - 1}"]


@pytest.mark.parametrize("seconds,said", [(0, "0s"), (59, "59s"), (725, "12m05s"), (12_000, "3h20m"), (442_800, "5d3h")])
def test_durations_are_said_as_ipamctl_says_them(browser, node, seconds, said):
    answer = says(node)
    answer["waiting"] = [{"namespace": "a", "pod": "b", "since_ms": answer["now_ms"] - seconds * 1000, "deadline_ms": answer["now_ms"]}]
    with told(browser, node, answer) as server:
        browser.look_at(server)
        assert f"the longest for {said}" in text(browser, "#notices")


def everything(answer):
    """/v1/node with every state, notice and failure that there can be, and hostile text wherever text is."""
    now = answer["now_ms"]
    (eni, *_) = answer["enis"]
    states = ["leased", "leased", "leased", "free", "cooling", "preparing", "leaving", "lost"]
    lease = {"pod": HOSTILE, "namespace": HOSTILE, "container": "0123456789ab", "since_ms": now - 90_000}

    def addresses(network, n):
        for i in range(n):
            state = states[i * 7 % len(states)] if i > 6 else "leased"
            more = {**lease, "lease": "reserved" if i % 5 == 4 else "wired"} if state in ("leased", "lost") else {"until_ms": now + 20_000} if state == "cooling" else {}
            yield {"address": f"10.0.{network}.{i + 4}", "state": state, **more}

    def quantiles(i, us):
        p50 = us + us * (i * 7 % 13) // 10
        return {"n": 5 + i % 7, "p50_us": p50, "p99_us": p50 * (2 + i % 5), "max_us": p50 * (2 + i % 5) * (1 + i % 3)}

    answer["enis"] = [{**eni, "key": key, "eni_id": f"eni-{key}{HOSTILE}", "device_index": key, "state": state, "primary": key == 0, "managed": key < 4,
                       "subnet_id": HOSTILE, "addresses": list(addresses(key, n))}
                      for key, (state, n) in enumerate([("ready", 29), ("ready", 29), ("draining", 9), ("creating", 0), ("ready", 0)])]
    answer["pool"] = {"target": 80, "missing": 13, "surplus": 0, "why": ["create-blocked", HOSTILE]}
    answer["status"] |= {"ready": False, "reason": HOSTILE, "impaired": True, "impaired_reason": HOSTILE, "version": HOSTILE,
                         "blocked": [{"action": "create", "subject": HOSTILE, "reason": "CreateNetworkInterface: not authorised " + HOSTILE, "until_ms": now + 60_000,
                                      "kind": "create", "cause": "denied", "remedy": HOSTILE, "detail": HOSTILE},
                                     {"action": "shrink", "subject": "", "reason": HOSTILE, "until_ms": 0, "kind": "shrink", "cause": "public_address"}],
                         "warnings": [{"subject": "subnet-2", "reason": HOSTILE, "remedy": HOSTILE}],
                         "room": "none", "room_summary": "none, " + HOSTILE, "room_cause": "denied", "room_remedy": HOSTILE, "waiting_reason": HOSTILE,
                         "subnets": [{"subnet_id": HOSTILE, "cidr": HOSTILE, "available": 3, "seen_at_ms": now - 9_000}]}
    answer["status"]["node"] |= {"name": HOSTILE, "instance_id": HOSTILE, "vpc_id": HOSTILE}
    answer["waiting"] = [{"namespace": HOSTILE, "pod": HOSTILE, "since_ms": now - 9_000, "deadline_ms": now + 9_000}, {"container": "fedcba987654", "since_ms": now - 5_000, "deadline_ms": now + 9_000}]
    answer["events"] = [{"id": i, "at_ms": now - i * 60_000, "kind": HOSTILE if i else "lease-added", "subject": HOSTILE, "text": HOSTILE, "pod": HOSTILE} for i in range(20)]
    failures = [("ok", 200, ""), ("throttled", 503, "RequestLimitExceeded"), ("denied", 403, HOSTILE), ("transport", 0, "")]
    answer["calls"] = [{"at_ms": now - i * 9_000, "action": "AssignPrivateIpAddresses", "class": failures[i % 4][0], "http_status": failures[i % 4][1],
                        "code": failures[i % 4][2], "why": HOSTILE, "took_us": 81_000 * (i + 1)} for i in range(64)]
    answer["minutes"] = [{"at_ms": now - (59 - i) * 60_000 - 30_000, "add": {"rpc": quantiles(i, 400), "wait": quantiles(i, 3000 if i % 9 else 2_000_000), "wire": quantiles(i, 14_000)},
                          "del": {"rpc": quantiles(i, 300), "wire": quantiles(i, 9_000)} if i % 3 else {}} for i in range(60) if i % 11]
    answer["hour"] = {"add": answer["minutes"][-1]["add"], "del": answer["minutes"][1]["del"]}
    return answer


def test_hostile_text_stays_text(browser, node):
    with told(browser, node, everything(says(node))) as server:
        browser.look_at(server)
        wait_refreshed(browser)
        assert browser.script("return window.owned") is None
        assert browser.script("return document.querySelectorAll('img, script:not([src]), #eni-rows script').length") == 0
        assert text(browser, "#node") == SEEN and all(SEEN in text(browser, part) for part in ("#notices", "#room", "#subnets", "#pod-list tbody", "#pods-why", "#events tbody", "#calls tbody"))
        assert text(browser, "#notices").count("Next try in 1m") == 1, "nothing is tried for the other"
        label = browser.script(CELLS)[0][0]
        assert f"pod {SEEN}/{SEEN}" in label
        ActionChains(browser.driver).move_to_element(cell(browser, "10.0.0.4")).perform()
        assert f"{SEEN}/{SEEN}" in tip(browser)
        assert {state for _, state in browser.script(CELLS)} == {"assigned", "reserved", "free", "cooling", "preparing", "leaving", "lost"}
        assert text(browser, "#health") == "Not ready" and "13 short of the target of 80" in text(browser, "#pool-verdict")
        assert browser.script(OVERFLOW) <= 0
        browser.screenshot(PICTURES / "page-everything.png")
        browser.view(360, 740, scheme="dark", mobile=True)
        wait_until(lambda: browser.script(OVERFLOW) <= 0, DEADLINE_S, why="nothing is wider than a phone")
        browser.screenshot(PICTURES / "page-everything-phone.png")


def test_a_policy_forbids_what_the_page_does_not_do(browser, node):
    """The headers are there, and Chromium acts on them: a script in the markup, or markup from text, does nothing."""
    browser.look_at(node)
    browser.script("const script = document.createElement('script'); try { script.text = 'window.owned = 1'; document.body.append(script) } catch {}")
    refused = browser.script("try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return false } catch (error) { return error.name === 'TypeError' }")
    assert refused and browser.script("return window.owned") is None
    said = []
    wait_until(lambda: said.extend(browser.log()) or len(said) >= 2, DEADLINE_S, why="Chromium tells of both")


def test_a_hidden_page_asks_nothing(browser, node):
    """And asks at once when it is seen again."""
    with told(browser, node, says(node)) as server:
        browser.look_at(server)
        browser.script("const fetch = window.fetch; window.asked = 0; window.fetch = (...what) => (++window.asked, fetch(...what))")
        asked = browser.script("Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); return window.asked")
        browser.driver.execute_async_script("setTimeout(arguments[0], 7000)")
        assert browser.script("return window.asked") == asked
        browser.script("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        wait_until(lambda: browser.script("return window.asked") > asked, DEADLINE_S)


def test_after_an_upgrade_the_new_page_comes(browser, node):
    with told(browser, node, says(node)) as server:
        browser.look_at(server)
        browser.script("window.old = true")
        server.answer["status"]["version"] = "99.0"

        def reloaded():
            with contextlib.suppress(WebDriverException):  # the page goes while it is asked
                return browser.script("return !window.old && document.getElementById('version').textContent") == "99.0"

        wait_until(reloaded, DEADLINE_S)


def stale(browser):
    """What it says of the daemon that does not answer; "" while it does."""
    return browser.script("const bar = document.getElementById('stale'); return bar.hidden ? '' : bar.innerText")


def test_a_daemon_that_is_away(browser, node):
    pod = node.add_pod("cart")
    browser.look_at(node)
    wait_until(lambda: "default/cart" in label(browser, pod.address), DEADLINE_S)
    assert not stale(browser)
    node.stop()
    wait_until(lambda: stale(browser), DEADLINE_S, why="it is said that the daemon is away")
    assert "No answer from ipamd" in stale(browser) and re.search(r"What you see is (\d+m)?\d+s old", stale(browser))
    assert text(browser, "#health") == "No answer" and "No answer" in browser.driver.title
    assert "default/cart" in label(browser, pod.address), "what was known is still there"
    browser.screenshot(PICTURES / "page-stale.png", whole=False)
    assert browser.script(OVERFLOW) <= 0
    node.start()
    wait_until(lambda: not stale(browser) and text(browser, "#health") == "Ready", DEADLINE_S, why="the daemon is back")

    os.kill(node.proc.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: "takes longer than" in stale(browser), DEADLINE_S, why="the daemon stands still")
    finally:
        os.kill(node.proc.pid, signal.SIGCONT)
    wait_until(lambda: not stale(browser), DEADLINE_S, why="the daemon goes on")
    assert all("Failed to load resource" in line for line in browser.log()), "Chromium's own words of it"


def test_on_a_phone(browser, node):
    node.add_pods(["cart", "till"])
    backs = {}
    for scheme in ("light", "dark"):
        browser.look_at(node, width=360, height=740, scheme=scheme, mobile=True)
        assert browser.script("return window.innerWidth") == 360 and browser.script(OVERFLOW) <= 0
        backs[scheme] = browser.script("return getComputedStyle(document.body).backgroundColor")
        browser.screenshot(PICTURES / f"page-phone-{scheme}.png")
    assert backs["light"] != backs["dark"]


def test_names_for_who_does_not_see(browser, node):
    """Whatever can be operated has a name, and the page says its language and parts."""
    node.add_pod("cart")
    node.wait_quiet(leased=1, free=5)  # no cell comes while they are counted
    browser.look_at(node)
    browser.cdp("Accessibility.enable")
    tree = [entry for entry in browser.cdp("Accessibility.getFullAXTree")["nodes"] if not entry["ignored"]]
    operated = [entry for entry in tree if entry["role"]["value"] in ("button", "link", "searchbox", "textbox", "region", "table", "group")]
    sorting = browser.script("return document.querySelectorAll('#pod-list thead button').length")
    assert len([entry for entry in operated if entry["role"]["value"] == "button"]) == len(browser.script(CELLS)) + sorting
    assert not [entry for entry in operated if entry["role"]["value"] != "table" and not entry["name"]["value"]], "without a name"
    assert browser.script("return document.documentElement.lang") == "en"


def test_each_file_is_served(node):
    """With its type; and nothing that the page loads is missing."""
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    files = sorted((REPOSITORY / "ipamd/http/page").iterdir())
    assert len(files) >= 3
    for file in files:
        answer = node.web("/" if file.name == "index.html" else f"/page/{file.name}")
        assert answer.status == 200 and answer.text == file.read_text(), file
        assert answer.headers["Content-Type"].split(";")[0] == types[file.suffix[1:]]
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "require-trusted-types-for 'script'" in answer.headers["Content-Security-Policy"]
        for path in re.findall(r'(?:href|src|from )="?(/[^"#]*|\./[^"]*)"', answer.text):
            assert node.web(path.replace("./", "/page/")).status == 200, (file, path)
    commands = json.loads(node.web("/v1").text)["AvailableCommands"]
    assert "/v1/node" in commands and "/" not in commands


def lease(node, i):
    """A pod that somebody else wires: an address and a name are all that the page knows of any."""
    key = {"network": "page", "container_id": f"{i:064x}", "ifname": "eth0"}
    given = node.call("Add", **key, netns=f"/run/netns/{i}", pod_namespace=f"team-{i % 9}", pod_name=f"worker-{i}-7d9c5b8f6-x2x{i % 10}z", address_only=True, timeout_ms=60_000)
    node.call("Confirm", **key, address=given["address"])
    return given["address"]


@pytest.mark.slow
@pytest.mark.world(subnets=[{"id": "subnet-aaaa0000000000001", "cidr": "10.0.16.0/20", "zone": "us-east-1a"}])
@pytest.mark.node(instance_type="m5.24xlarge", env={"MINIMUM_IP_TARGET": "710", "WARM_IP_TARGET": "1", "MAX_ENI": "15"})
def test_700_pods(browser, node):
    node.wait_pool(lambda pool: pool["free"] >= 710, 120)
    addresses = [lease(node, i) for i in range(700)]
    browser.look_at(node)
    wait_until(lambda: sum(state == "assigned" for _, state in browser.script(CELLS)) == 700, DEADLINE_S)
    wait_until(lambda: check_shows(browser, node) is None, DEADLINE_S)
    order = browser.script("return [...document.querySelectorAll('.cells')].map(cells => [...cells.children].map(cell => cell.getAttribute('aria-label')))")
    assert all(labels == sorted(labels, key=numbers) for labels in order) and len(order) == len(says(node)["enis"])
    assert len(says(node)["minutes"]) >= 1 and len(node.web("/v1/node").text) < 512 * 1024
    browser.script("for (const cell of document.querySelectorAll('#eni-rows .cell')) cell.same = true; arguments[0].focus()", cell(browser, addresses[350]))
    more = lease(node, 700)
    wait_until(lambda: ": assigned" in label(browser, more), DEADLINE_S)
    assert browser.script("return document.querySelectorAll('#eni-rows .cell').length - [...document.querySelectorAll('#eni-rows .cell')].filter(cell => cell.same).length") <= 2, "in place"
    assert browser.script("return document.activeElement.getAttribute('aria-label')").startswith(addresses[350] + ":")
    browser.screenshot(PICTURES / "page-700.png")
    browser.look_at(node, width=360, height=740, scheme="dark", mobile=True)
    assert browser.script(OVERFLOW) <= 0
    browser.screenshot(PICTURES / "page-700-phone.png")
