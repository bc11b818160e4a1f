// SPDX-License-Identifier: Apache-2.0
/* Every method of the server, called by the real client on a real store. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>

#include "rpc_fixture.h"

static void test_add_again_confirm_check_del(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_add_request request = fixture_request(fixture, 1, 1000);
        struct ipam_confirm_request confirm = {"net", request.container_id, "eth0"};
        struct ipam_check_request check = {"net", request.container_id, "eth0"};
        struct ip address;
        struct ipam_del_request del = {"net", request.container_id, "eth0"};
        struct ipam_add_reply add, again;
        struct ipam_check_reply checked;
        struct ipam_del_reply released;
        struct err err;

        request.pod_namespace = "default";
        request.pod_name = "web-0";
        assert_ok(ipam_add(client, &request, &add, &err), &err);
        assert_int_equal(add.n_addresses, 1);
        address = add.addresses[0].address;
        assert_string_equal(IP_TEXT(address), "10.0.1.1");
        assert_string_equal(IP_TEXT(add.addresses[0].gateway), "169.254.1.1");
        assert_string_equal(add.addresses[0].eni_id, "eni-primary");
        assert_true(add.addresses[0].device_index == 0 && add.addresses[0].network_card == 0);
        assert_true(add.addresses[0].mtu == 9001 && !add.reused);
        assert_int_equal(atomic_load(&fixture->wakes), 1);
        assert_ok(ipam_add(client, &request, &again, &err), &err);
        assert_true(again.reused && ip_equal(again.addresses[0].address, address));

        assert_ok(ipam_check(client, &check, &checked, &err), &err);
        assert_int_equal(checked.state, IPAM_LEASE_STATE_RESERVED);
        confirm.addresses = &address;
        confirm.n_addresses = 1;
        assert_ok(ipam_confirm(client, &confirm, &err), &err);
        assert_ok(ipam_confirm(client, &confirm, &err), &err);
        check.addresses = &address;
        check.n_addresses = 1;
        assert_ok(ipam_check(client, &check, &checked, &err), &err);
        assert_int_equal(checked.state, IPAM_LEASE_STATE_WIRED);
        assert_int_equal(checked.n_addresses, 1);
        assert_true(ip_equal(checked.addresses[0].address, address));

        assert_ok(ipam_del(client, &del, &released, &err), &err);
        assert_true(released.released && released.n_addresses == 1 &&
                    ip_equal(released.addresses[0], address));
        for (int i = 0; i < 2; i++) {
                assert_ok(ipam_del(client, &del, &released, &err), &err);
                assert_true(!released.released && released.n_addresses == 0);
        }
}

static void test_lease_not_found(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_add_request request = fixture_request(fixture, 1, 1000);
        struct ip others[2];
        struct ipam_confirm_request confirm = {"net", "nobody", "eth0", .addresses = others,
                                               .n_addresses = 1};
        struct ipam_check_request check = {"net", "nobody", "eth0"};
        struct ipam_check_reply checked;
        struct ipam_add_reply add;
        struct err err;

        assert_ok(ip_parse("10.0.1.99", &others[0], &err), &err);
        assert_fails(ipam_confirm(client, &confirm, &err), ERR_NOT_FOUND);
        assert_int_equal(ipam_client_error(client)->id, IPAM_ERROR_LEASE_NOT_FOUND);
        assert_string_equal(ipam_client_error(client)->container_id, "nobody");
        assert_fails(ipam_check(client, &check, &checked, &err), ERR_NOT_FOUND);
        /* The right key with another address is not found, either. */
        assert_ok(ipam_add(client, &request, &add, &err), &err);
        confirm.container_id = check.container_id = request.container_id;
        check.addresses = others;
        check.n_addresses = 1;
        assert_fails(ipam_confirm(client, &confirm, &err), ERR_NOT_FOUND);
        assert_fails(ipam_check(client, &check, &checked, &err), ERR_NOT_FOUND);
        /* Nor is it with its address and another one. */
        others[1] = others[0];
        others[0] = add.addresses[0].address;
        confirm.n_addresses = check.n_addresses = 2;
        assert_fails(ipam_confirm(client, &confirm, &err), ERR_NOT_FOUND);
        assert_fails(ipam_check(client, &check, &checked, &err), ERR_NOT_FOUND);
        assert_contains(err.msg, request.container_id);
}

static void test_gc(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_attachment alive[] = {{"c2", "eth0"}, {"c9", "eth0"}, {"c1", "eth1"}};
        struct ipam_gc_request gc = {"net", alive, 3};
        struct ipam_add_request foreign = fixture_request(fixture, 3, 1000);
        struct ipam_gc_reply reply;
        struct ipam_add_reply add;
        struct err err;

        for (unsigned i = 1; i <= 2; i++) {
                struct ipam_add_request request = fixture_request(fixture, i, 1000);

                assert_ok(ipam_add(client, &request, &add, &err), &err);
        }
        foreign.network = "other";
        assert_ok(ipam_add(client, &foreign, &add, &err), &err);
        assert_ok(ipam_gc(client, &gc, &reply, &err), &err);
        assert_int_equal(reply.n_released, 1);
        assert_string_equal(reply.released[0].container_id, "c1");
        assert_string_equal(reply.released[0].ifname, "eth0");
        assert_string_equal(IP_TEXT(reply.released[0].addresses[0]), "10.0.1.1");
        gc.n_attachments = 0;
        assert_ok(ipam_gc(client, &gc, &reply, &err), &err);
        assert_int_equal(reply.n_released, 1);
        assert_string_equal(reply.released[0].container_id, "c2");
        assert_ok(ipam_gc(client, &gc, &reply, &err), &err);
        assert_int_equal(reply.n_released, 0);
}

static void task_set_texts(struct fixture *fixture)
{
        struct rpc_node node = {.node = {.instance_id = "i-1", .instance_type = "t3.small"}, .max_enis = 3};

        rpc_set_node(fixture->rpc, &node);
        rpc_set_settings(
                fixture->rpc,
                &(struct rpc_settings){
                        .targets = {.warm_eni = 2, .has_minimum_ip = true, .minimum_ip = 5, .max_pods = 9},
                        .cooldown_ms = 30000,
                        .mtu = 1500});
        rpc_set_impaired(fixture->rpc, "rules cannot be written");
}

static void test_status(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_add_request request = fixture_request(fixture, 1, 1000);
        const struct condition blocked = {CONDITION_CREATE, "subnet-1", CAUSE_CAPACITY_SUBNET,
                                          "subnet is full", 1,          clock_boottime_ms() + 60000};
        struct subnet_count counts[] = {{.id = "subnet-1", .available = 250, .seen_wall_ms = 1700000000000},
                                        {.id = "subnet-2", .available = 0, .seen_wall_ms = 1700000000000}};
        struct ipam_status_reply status;
        struct ipam_add_reply add;
        struct err err;

        assert_ok(prefix_parse("10.0.0.0/24", &counts[0].cidr, &err), &err);
        assert_ok(prefix_parse("10.0.2.0/28", &counts[1].cidr, &err), &err);
        assert_ok(ipam_status(client, &status, &err), &err);
        assert_int_equal(status.n_subnets, 0);
        assert_true(status.ready && !status.reason && !status.impaired);
        assert_string_equal(status.version, "9.8.7");
        assert_null(status.node.instance_id);
        assert_true(status.targets.warm_eni == 1 && status.targets.warm_ip == -1 &&
                    status.targets.minimum_ip == -1 && status.targets.max_eni == -1 &&
                    status.targets.max_pods == -1 && status.targets.cooldown_ms == 0);
        assert_int_equal(status.pool.total, 3);
        assert_int_equal(status.pool.free, 3);
        assert_true(status.started_ms >= status.booted_ms && status.started_ms <= clock_wall_ms());

        fixture_run(fixture, task_set_texts);
        assert_ok(store_condition_set(fixture->store, &blocked, &err), &err);
        assert_ok(store_subnets_set(fixture->store, counts, ARRAY_SIZE(counts), &err), &err);
        assert_ok(ipam_add(client, &request, &add, &err), &err);
        assert_int_equal(add.addresses[0].mtu, 1500);
        assert_ok(ipam_status(client, &status, &err), &err);
        assert_string_equal(status.node.instance_type, "t3.small");
        assert_true(status.impaired);
        assert_string_equal(status.impaired_reason, "rules cannot be written");
        assert_true(status.enis == 1 && status.max_enis == 3);
        assert_true(status.pool.leased == 1 && status.pool.free == 2);
        assert_true(status.targets.warm_eni == 2 && status.targets.warm_ip == -1 &&
                    status.targets.minimum_ip == 5 && status.targets.max_pods == 9 &&
                    status.targets.cooldown_ms == 30000);
        assert_int_equal(status.n_subnets, 2);
        assert_string_equal(status.subnets[0].subnet_id, "subnet-1");
        assert_string_equal(PREFIX_TEXT(status.subnets[0].cidr), "10.0.0.0/24");
        assert_true(status.subnets[0].available == 250 && status.subnets[1].available == 0);
        assert_int_equal(status.subnets[0].seen_at_ms, 1700000000000);
        assert_int_equal(status.n_blocked, 1);
        assert_string_equal(status.blocked[0].reason, "subnet subnet-1 has no free addresses");
        assert_string_equal(status.blocked[0].detail, "subnet is full");
        assert_contains(status.blocked[0].remedy, "kubernetes.io/role/cni=1");
        assert_int_equal(status.room, IPAM_ROOM_STATE_AVAILABLE);
        assert_string_equal(status.blocked[0].action, "create");
        assert_int_equal(status.blocked[0].kind, IPAM_CONDITION_KIND_CREATE);
        assert_int_equal(status.blocked[0].cause, IPAM_CONDITION_CAUSE_CAPACITY_SUBNET);
        assert_in_range(status.blocked[0].until_ms, clock_wall_ms() + 30000, clock_wall_ms() + 61000);
}

static void test_list(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_add_request request = fixture_request(fixture, 1, 1000);
        struct ipam_list_reply list;
        struct ipam_add_reply add;
        struct err err;

        request.pod_namespace = "default";
        request.pod_name = "web-0";
        request.host_ifname = "eni0123456789a";
        request.netns = "/var/run/netns/x";
        assert_ok(ipam_add(client, &request, &add, &err), &err);
        assert_ok(ipam_list(client, &list, &err), &err);
        assert_int_equal(list.n_enis, 1);
        assert_string_equal(list.enis[0].eni_id, "eni-primary");
        assert_int_equal(list.enis[0].state, IPAM_ENI_STATE_READY);
        assert_string_equal(list.enis[0].mac, "02:00:00:00:00:01");
        assert_true(list.enis[0].primary && list.enis[0].total == 3 && list.enis[0].leased == 1);
        assert_int_equal(list.n_leases, 1);
        assert_string_equal(list.leases[0].container_id, "c1");
        assert_string_equal(list.leases[0].host_ifname, "eni0123456789a");
        assert_string_equal(list.leases[0].netns, "/var/run/netns/x");
        assert_string_equal(list.leases[0].pod_name, "web-0");
        assert_null(list.leases[0].pod_uid);
        assert_int_equal(list.leases[0].state, IPAM_LEASE_STATE_RESERVED);
        assert_string_equal(list.leases[0].addresses[0].eni_id, "eni-primary");
        assert_in_range(list.leases[0].since_ms, clock_wall_ms() - 20000, clock_wall_ms());
}

static void test_watch(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *watcher = fixture_connect(fixture);
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_add_request request = fixture_request(fixture, 1, 1000);
        struct ipam_status_reply status;
        struct ipam_add_reply add;
        struct ipam_event event;
        int64_t last_id;
        struct err err;

        /* Everything from the start: the ENI's history is there. */
        assert_ok(ipam_watch(watcher, &(struct ipam_watch_request){.after = 0}, &err), &err);
        assert_ok(ipam_watch_next(watcher, TEST_PATIENCE_MS, &event, &err), &err);
        assert_true(event.id >= 1 && event.kind[0] && event.at_ms <= clock_wall_ms());
        assert_ok(store_event_last_id(fixture->store, &last_id, &err), &err);
        while (event.id < last_id)
                assert_ok(ipam_watch_next(watcher, TEST_PATIENCE_MS, &event, &err), &err);
        assert_fails(ipam_watch_next(watcher, 20, &event, &err), ERR_TIMEOUT);
        ipam_client_free(watcher);

        /* From now on: what the loop does, and what the other thread does without telling. */
        watcher = fixture_connect(fixture);
        assert_ok(ipam_watch(watcher, &(struct ipam_watch_request){.after = -1}, &err), &err);
        fixture_catch_up(fixture); /* else "now" is after the ADD where the loop is late */
        assert_fails(ipam_watch_next(watcher, 50, &event, &err), ERR_TIMEOUT);
        assert_ok(ipam_add(client, &request, &add, &err), &err);
        assert_ok(ipam_watch_next(watcher, TEST_PATIENCE_MS, &event, &err), &err);
        assert_true(event.id > last_id);
        assert_string_equal(event.subject, "10.0.1.1");
        assert_ok(store_event_add(fixture->store, EVENT_ENI_SEEN, "eni-7", "from the reconciler", &err),
                  &err);
        assert_ok(ipam_watch_next(watcher, TEST_PATIENCE_MS, &event, &err), &err);
        assert_string_equal(event.text, "from the reconciler");
        assert_ok(ipam_status(client, &status, &err), &err);
}

static void test_socket_file(void **state)
{
        struct fixture *fixture = *state;
        struct rpc_options options = fixture->options;
        char path[128];
        struct stat st;
        struct rpc *second = NULL;
        uv_loop_t loop;
        struct err err;

        assert_int_equal(stat(fixture->socket_path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        uv_loop_init(&loop);
        assert_fails(rpc_new(&loop, &options, &second, &err), ERR_BUSY);
        assert_contains(err.msg, fixture->socket_path);
        /* The one that was refused has removed nothing. */
        ipam_client_free(fixture_connect(fixture));
        snprintf(path, sizeof(path), "%s/ipam.db", fixture->folder);
        options.socket_path = path;
        assert_fails(rpc_new(&loop, &options, &second, &err), ERR_EXISTS);
        assert_contains(err.msg, "not a socket");
        options.socket_path = "/dev/null/x/s";
        assert_true(rpc_new(&loop, &options, &second, &err) < 0);
        uv_loop_close(&loop);
}

static void test_stale_socket_is_replaced(void **state _unused_)
{
        struct fixture *fixture = fixture_new(1000);
        char folder[80];
        int fd;

        snprintf(folder, sizeof(folder), "%s/run", fixture->folder);
        assert_int_equal(mkdir(folder, 0755), 0);
        fd = raw_connect(fixture->socket_path);
        assert_int_equal(fd, -1);
        /* What a killed daemon leaves: a socket that no daemon listens on. */
        {
                uv_loop_t loop;
                struct rpc *dead;
                char copy[80];
                struct err err;

                uv_loop_init(&loop);
                assert_ok(rpc_new(&loop, &fixture->options, &dead, &err), &err);
                snprintf(copy, sizeof(copy), "%s.kept", fixture->socket_path);
                assert_int_equal(link(fixture->socket_path, copy), 0);
                rpc_free(dead);
                uv_run(&loop, UV_RUN_DEFAULT);
                assert_int_equal(uv_loop_close(&loop), 0);
                assert_int_equal(rename(copy, fixture->socket_path), 0);
        }
        fixture_start(fixture);
        ipam_client_free(fixture_connect(fixture));
        fixture_free(fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_add_again_confirm_check_del, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_lease_not_found, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_gc, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_status, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_list, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_watch, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_socket_file, fixture_setup, fixture_teardown),
                cmocka_unit_test(test_stale_socket_is_replaced),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
