// SPDX-License-Identifier: Apache-2.0
/*
 * io.vpcwire.ipam: each request and reply over the wire format and back, each error, and the client against servers
 * that misbehave.
 */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpcwire/ipam_client.h>
#include <vpcwire/varlink.h>
#include <vpcwire/varlink_client.h>

/* ---- types ---- */

static json_t *sample(const struct jsonx_schema *schema, int *seed);

/* A value of its own for one item of the field. */
static json_t *sample_item(const struct jsonx_field *field, int *seed)
{
        char text[32];

        (*seed)++;
        snprintf(text, sizeof(text), "text%d", *seed);
        switch (field->type) {
        case JSONX_BOOL: return json_boolean(*seed % 2);
        case JSONX_INT:
        case JSONX_UNSIGNED: return json_integer(*seed);
        case JSONX_STRING:
        case JSONX_STRINGS:
        case JSONX_TEXT: return json_string(text);
        case JSONX_ENUM: return json_string(field->names->names[2 + (size_t)*seed % (field->names->n - 2)]);
        case JSONX_IP:
        case JSONX_IPS: return json_string(IP_TEXT(ip_from_u32(0x0a000000 + (uint32_t)*seed)));
        case JSONX_MAC: return json_string(MAC_TEXT(((struct mac){{2, 0, 0, 0, 0, (uint8_t)*seed}})));
        case JSONX_PREFIX:
        case JSONX_PREFIXES:
                return json_string(
                        PREFIX_TEXT(((struct prefix){ip_from_u32(0x0a000000 + ((uint32_t)*seed << 8)), 24})));
        case JSONX_OBJECT:
        case JSONX_OBJECTS: return sample(field->of, seed);
        }
        return NULL;
}

static bool is_list(const struct jsonx_field *field)
{
        return field->type == JSONX_OBJECTS || field->type == JSONX_STRINGS || field->type == JSONX_IPS ||
               field->type == JSONX_PREFIXES;
}

/* What a peer that knows one only says: the same as the first item of the list. */
static json_t *sample_first(const struct jsonx_field *field, const json_t *object)
{
        const json_t *item = json_array_get(json_object_get(object, field->first_of), 0);

        if (!field->of)
                return json_deep_copy(item);
        for (size_t i = 0; i < field->of->n; i++)
                if (strcmp(field->of->fields[i].name, field->item_name) == 0)
                        return json_deep_copy(json_object_get(item, field->of->fields[i].name));
        fail_msg("%s is first of nothing", field->name);
        return NULL;
}

/* A document that uses every field of a schema with values of its own, made from the schema. */
static json_t *sample(const struct jsonx_schema *schema, int *seed)
{
        json_t *object = json_object();

        for (size_t i = 0; i < schema->n; i++) {
                const struct jsonx_field *field = &schema->fields[i];
                json_t *value = field->first_of  ? sample_first(field, object)
                                : is_list(field) ? json_array()
                                                 : sample_item(field, seed);

                for (int k = 0; k < 3 && is_list(field); k++)
                        json_array_append_new(value, sample_item(field, seed));
                json_object_set_new(object, field->name, value);
        }
        return object;
}

static void round_trip(const char *name, const struct jsonx_schema *schema)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        void *value = arena_alloc(arena, 1, schema->bytes);
        int seed = 0;
        _cleanup_json_ json_t *in = sample(schema, &seed), *out = NULL;
        struct err err;

        if (jsonx_decode(in, schema, arena, value, NULL, &err) < 0)
                fail_msg("%s: %s", name, err.msg);
        out = jsonx_encode(schema, value);
        if (!json_equal(in, out))
                fail_msg("%s: a field is lost or changed", name);
}

static void test_all_types_round_trip(void **state _unused_)
{
        for (int i = 0; i < _IPAM_METHOD_MAX; i++) {
                const struct ipam_method *method = ipam_method((enum ipam_method_id)i);

                round_trip(method->name, method->request);
                round_trip(method->name, method->reply);
        }
}

static void test_methods_by_name(void **state _unused_)
{
        enum ipam_method_id id;

        for (int i = 0; i < _IPAM_METHOD_MAX; i++) {
                assert_ptr_equal(ipam_method_find(ipam_method((enum ipam_method_id)i)->name, &id),
                                 ipam_method((enum ipam_method_id)i));
                assert_int_equal(id, i);
        }
        assert_null(ipam_method_find("add", &id));
        assert_null(ipam_method_find("", &id));
}

static int decode(const json_t *document, const struct jsonx_schema *schema, struct jsonx_problem *problem)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();

        return jsonx_decode(document, schema, arena, arena_alloc(arena, 1, schema->bytes), problem, NULL);
}

/* Takes each field that must be there out of `part`, and of what is in it: then the whole is refused. */
static void refuse_without(const char *name, const json_t *whole, const struct jsonx_schema *schema,
                           json_t *part, const struct jsonx_schema *of)
{
        for (size_t i = 0; i < of->n; i++) {
                const struct jsonx_field *field = &of->fields[i];
                _cleanup_json_ json_t *value = json_incref(json_object_get(part, field->name));

                if (field->type == JSONX_OBJECT)
                        refuse_without(name, whole, schema, value, field->of);
                else if (field->type == JSONX_OBJECTS)
                        refuse_without(name, whole, schema, json_array_get(value, 1), field->of);
                json_object_del(part, field->name);
                if ((decode(whole, schema, NULL) == 0) != !(field->flags & JSONX_REQUIRED))
                        fail_msg("%s without %s", name, field->name);
                json_object_set(part, field->name, value);
        }
}

static void test_what_must_be_there(void **state _unused_)
{
        for (int i = 0; i < _IPAM_METHOD_MAX; i++) {
                const struct ipam_method *method = ipam_method((enum ipam_method_id)i);
                int seed = 0;
                _cleanup_json_ json_t *request = sample(method->request, &seed),
                                      *reply = sample(method->reply, &seed);

                refuse_without(method->name, request, method->request, request, method->request);
                refuse_without(method->name, reply, method->reply, reply, method->reply);
        }
}

/* ---- other versions ---- */

/* Whether all of `old` is in `now`, whatever else is. */
static bool has_all(const json_t *now, const json_t *old)
{
        const char *name;
        json_t *value;
        size_t i;

        if (json_is_array(old)) {
                json_array_foreach(old, i, value) if (!has_all(json_array_get(now, i), value)) return false;
                return json_array_size(now) == json_array_size(old);
        }
        if (!json_is_object(old))
                return json_equal(now, old);
        json_object_foreach((json_t *)(uintptr_t)old, name,
                            value) if (!has_all(json_object_get(now, name), value)) return false;
        return true;
}

/* What is read as a struct says, written again, all that the older one knows. The new document. */
static json_t *there_and_back(const char *name, const struct jsonx_schema *schema, const json_t *old)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        void *value = arena_alloc(arena, 1, schema->bytes);
        json_t *now;
        struct err err;

        if (!old)
                fail_msg("%s is not in the record", name);
        if (jsonx_decode(old, schema, arena, value, NULL, &err) < 0)
                fail_msg("%s: %s", name, err.msg);
        now = jsonx_encode(schema, value);
        if (!has_all(now, old))
                fail_msg("%s: a field is lost or changed", name);
        return now;
}

static void one_address_is_listed(const json_t *now)
{
        const char *names[] = {"address", "eni_id", "gateway", "subnet", "node_address", "mtu"};
        const json_t *item = json_array_get(json_object_get(now, "addresses"), 0);

        assert_int_equal(json_array_size(json_object_get(now, "addresses")), 1);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const json_t *value = json_object_get(now, names[i]);

                if (value && json_is_object(item))
                        assert_true(json_equal(value, json_object_get(item, names[i])));
        }
        if (!json_is_object(item))
                assert_true(json_equal(item, json_object_get(now, "address")));
}

/*
 * Plugin and daemon of version 0.1.0, before there were lists of addresses: what they sent is read, and what we send has all of
 * it. The record is of the real programs.
 */
static void test_version_0_1_0(void **state _unused_)
{
        _cleanup_json_ json_t *record = json_load_file(IPAM_RECORD, 0, NULL);
        const json_t *calls = json_object_get(record, "calls"), *replies = json_object_get(record, "replies");

        assert_non_null(record);
        for (int i = 0; i < _IPAM_METHOD_MAX; i++) {
                const struct ipam_method *method = ipam_method((enum ipam_method_id)i);
                _cleanup_json_ json_t *call = NULL, *reply = NULL;

                if (i == IPAM_METHOD_NETWORK) /* younger */
                        continue;
                if (i != IPAM_METHOD_WATCH) /* no plugin calls it */
                        call = there_and_back(method->name, method->request,
                                              json_object_get(calls, method->name));
                reply = there_and_back(method->name, method->reply, json_object_get(replies, method->name));
                if (i == IPAM_METHOD_CONFIRM)
                        one_address_is_listed(call);
                if (i == IPAM_METHOD_ADD || i == IPAM_METHOD_CHECK || i == IPAM_METHOD_DEL)
                        one_address_is_listed(reply);
                if (i == IPAM_METHOD_LIST)
                        one_address_is_listed(json_array_get(json_object_get(reply, "leases"), 0));
                if (i == IPAM_METHOD_GC)
                        one_address_is_listed(json_array_get(json_object_get(reply, "released"), 0));
        }
}

static void test_errors_of_version_0_1_0(void **state _unused_)
{
        _cleanup_json_ json_t *record = json_load_file(IPAM_RECORD, 0, NULL);
        json_t *old;
        size_t i;

        json_array_foreach(json_object_get(record, "errors"), i, old)
        {
                const char *name = json_string_value(json_object_get(old, "error"));
                const json_t *parameters = json_object_get(old, "parameters");
                _cleanup_json_ json_t *now = NULL;
                struct ipam_error error;

                assert_true(ipam_error_decode(name, parameters, &error, NULL) < 0);
                if (error.id == IPAM_ERROR_OTHER)
                        continue;
                assert_string_equal(ipam_error_name(error.id), name);
                now = ipam_error_encode(&error);
                assert_true(json_equal(now, parameters));
        }
        assert_true(i >= 3);
}

static void test_names_from_the_future(void **state _unused_)
{
        const struct ipam_method *check = ipam_method(IPAM_METHOD_CHECK);
        const struct jsonx_schema *log_level = ipam_method(IPAM_METHOD_LOG_LEVEL)->request;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int seed = 0;
        _cleanup_json_ json_t *reply = sample(check->reply, &seed), *again = NULL,
                              *request = json_pack("{s:s}", "level", "loud");
        struct ipam_check_reply checked = {0};
        struct jsonx_problem problem;
        struct err err;

        json_object_set_new(reply, "state", json_string("moving"));
        assert_ok(jsonx_decode(reply, check->reply, arena, &checked, NULL, &err), &err);
        assert_int_equal(checked.state, IPAM_LEASE_STATE_UNKNOWN);
        again = jsonx_encode(check->reply, &checked);
        assert_string_equal(json_string_value(json_object_get(again, "state")), "unknown");
        /* What is asked for must be known. */
        assert_int_equal(decode(request, log_level, &problem), -ERR_INVALID);
        assert_string_equal(problem.path, "level");
        assert_string_equal(problem.value, "loud");
        assert_string_equal(problem.allowed, "debug, info, warn, error");
        json_object_set_new(request, "level", json_string("WARN"));
        assert_int_equal(decode(request, log_level, &problem), 0);
}

/* A peer that sends both means the list. */
static void test_the_list_of_addresses_counts(void **state _unused_)
{
        const struct ipam_method *add = ipam_method(IPAM_METHOD_ADD);
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int seed = 0;
        _cleanup_json_ json_t *reply = sample(add->reply, &seed);
        struct ipam_add_reply added = {0};
        struct err err;

        json_object_set_new(reply, "address", json_string("10.9.9.9"));
        json_object_set_new(reply, "eni_id", json_string("eni-9"));
        assert_ok(jsonx_decode(reply, add->reply, arena, &added, NULL, &err), &err);
        assert_int_equal(added.n_addresses, 3);
        assert_string_not_equal(IP_TEXT(added.addresses[0].address), "10.9.9.9");
        assert_string_not_equal(added.addresses[0].eni_id, "eni-9");
        /* An empty list is none. */
        json_object_set_new(reply, "addresses", json_array());
        added = (struct ipam_add_reply){0};
        assert_ok(jsonx_decode(reply, add->reply, arena, &added, NULL, &err), &err);
        assert_int_equal(added.n_addresses, 1);
        assert_string_equal(IP_TEXT(added.addresses[0].address), "10.9.9.9");
        assert_string_equal(added.addresses[0].eni_id, "eni-9");
}

static void test_enums_by_name(void **state _unused_)
{
        enum ipam_eni_state state_of_eni = IPAM_ENI_STATE_UNSET;
        struct err err;

        for (int i = IPAM_ENI_STATE_UNKNOWN + 1; i < _IPAM_ENI_STATE_MAX; i++) {
                assert_ok(ipam_eni_state_parse(ipam_eni_state_to_string((enum ipam_eni_state)i),
                                               &state_of_eni, &err),
                          &err);
                assert_int_equal(state_of_eni, i);
        }
        assert_null(ipam_eni_state_to_string(IPAM_ENI_STATE_UNSET));
        assert_fails(ipam_eni_state_parse("odd", &state_of_eni, &err), ERR_INVALID);
        assert_string_equal(err.msg,
                            "eni state 'odd' is not allowed (allowed: creating, attaching, configuring, "
                            "ready, draining, detaching, deleting)");
}

static void test_request_limits(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct jsonx_schema *schema = ipam_method(IPAM_METHOD_ADD)->request;
        static const struct {
                const char *field;
                size_t max;
        } limits[] = {
                {"network", IPAM_NETWORK_BYTES_MAX},        {"container_id", IPAM_CONTAINER_ID_BYTES_MAX},
                {"ifname", IPAM_IFNAME_BYTES_MAX},          {"host_ifname", IPAM_IFNAME_BYTES_MAX},
                {"pod_name", IPAM_POD_NAME_BYTES_MAX},      {"netns", IPAM_NETNS_BYTES_MAX},
                {"pod_namespace", IPAM_POD_NAME_BYTES_MAX}, {"pod_uid", IPAM_POD_UID_BYTES_MAX}};

        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                for (size_t over = 0; over < 2; over++) {
                        _cleanup_json_ json_t *in = json_pack("{s:s,s:s,s:s}", "network", "n", "container_id",
                                                              "c", "ifname", "i");
                        _cleanup_free_ char *text = xcalloc(1, limits[i].max + 2);
                        struct ipam_add_request request = {0};
                        struct jsonx_problem problem = {0};

                        memset(text, 'x', limits[i].max + over);
                        json_object_set_new(in, limits[i].field, json_string(text));
                        assert_int_equal(jsonx_decode(in, schema, arena, &request, &problem, NULL),
                                         over ? -ERR_INVALID : 0);
                        assert_string_equal(problem.path, over ? limits[i].field : "");
                }
        }
}

static void test_errors_round_trip(void **state _unused_)
{
        static const struct {
                struct ipam_error error;
                enum err_code code;
                const char *text;
        } cases[] = {
                {{.id = IPAM_ERROR_NO_ADDRESS, .reason = "9 of 9 leased"}, ERR_AGAIN, "9 of 9 leased"},
                {{.id = IPAM_ERROR_NOT_READY, .reason = "stopping"}, ERR_AGAIN, "stopping"},
                {{.id = IPAM_ERROR_LEASE_NOT_FOUND, .network = "n", .container_id = "c", .ifname = "eth0"},
                 ERR_NOT_FOUND,
                 "no lease for container c, interface eth0 in network n"},
                {{.id = IPAM_ERROR_INVALID_REQUEST, .field = "ifname", .value = "x", .allowed = "y"},
                 ERR_INVALID,
                 "ifname 'x' (allowed: y)"},
                {{.id = IPAM_ERROR_INTERNAL, .reason = "disk"}, ERR_INTERNAL, "disk"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *name = ipam_error_name(cases[i].error.id);
                _cleanup_json_ json_t *parameters = ipam_error_encode(&cases[i].error), *again = NULL;
                struct ipam_error error;
                struct err err;

                assert_true(json_object_size(parameters) > 0);
                assert_fails(ipam_error_decode(name, parameters, &error, &err), cases[i].code);
                assert_int_equal(error.id, cases[i].error.id);
                assert_string_equal(error.name, name);
                assert_contains(err.msg, cases[i].text);
                again = ipam_error_encode(&error);
                assert_true(json_equal(parameters, again));
        }
}

static void test_errors_of_others(void **state _unused_)
{
        static const struct {
                const char *name;
                enum err_code code;
        } cases[] = {
                {VARLINK_METHOD_NOT_FOUND, ERR_UNSUPPORTED},
                {VARLINK_INTERFACE_NOT_FOUND, ERR_UNSUPPORTED},
                {VARLINK_METHOD_NOT_IMPLEMENTED, ERR_UNSUPPORTED},
                {VARLINK_INVALID_PARAMETER, ERR_INVALID},
                {VARLINK_PERMISSION_DENIED, ERR_DENIED},
                {"io.vpcwire.ipam.FromTheFuture", ERR_INTERNAL},
                {"", ERR_INTERNAL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct ipam_error error;
                struct err err;

                assert_fails(ipam_error_decode(cases[i].name, NULL, &error, &err), cases[i].code);
                assert_int_equal(error.id, IPAM_ERROR_OTHER);
                assert_contains(err.msg, cases[i].name);
        }
}

/* ---- the client ---- */

/* A server of one connection that sends canned bytes after the first whole call, in pieces, and then closes or hangs. */
struct server {
        char folder[32], path[64];
        int fd;
        pthread_t thread;
        const char *bytes;
        size_t n, piece;
        bool close_early, hang;
        char call[4096]; /* the first call, as it came */
};

static void *server_run(void *data)
{
        struct server *server = data;
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        size_t got = 0;
        ssize_t n;

        while (!server->close_early && got < sizeof(server->call) &&
               (n = read(fd, server->call + got, sizeof(server->call) - got)) > 0) {
                got += (size_t)n;
                if (server->call[got - 1] == '\0')
                        break;
        }
        for (size_t at = 0; at < server->n; at += server->piece) {
                size_t rest = server->n - at;

                if (send(fd, server->bytes + at, rest < server->piece ? rest : server->piece, MSG_NOSIGNAL) <
                    0)
                        break;
        }
        if (server->hang)
                while (read(fd, server->call, sizeof(server->call)) > 0)
                        ; /* until the client gives up */
        close(fd);
        return NULL;
}

static void server_start(struct server *server)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        strcpy(server->folder, "/tmp/vw-ipam-XXXXXX");
        assert_non_null(mkdtemp(server->folder));
        snprintf(server->path, sizeof(server->path), "%s/s", server->folder);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
        server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(server->fd, 1), 0);
        assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_stop(struct server *server)
{
        pthread_join(server->thread, NULL);
        close(server->fd);
        unlink(server->path);
        rmdir(server->folder);
}

static void test_client_add_in_pieces(void **state _unused_)
{
        static const char reply[] =
                "{\"parameters\":{\"address\":\"10.0.1.5\",\"eni_id\":\"eni-1\",\"device_index\":2,"
                "\"gateway\":\"169.254.1.1\",\"mtu\":9001,\"reused\":true,\"new\":{}}}";
        static const size_t pieces[] = {1, 143, sizeof(reply)};

        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                struct server server = {.bytes = reply, .n = sizeof(reply), .piece = pieces[i]};
                const struct ipam_add_request request = {
                        .network = "net", .container_id = "c1", .ifname = "eth0", .timeout_ms = 1000};
                _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
                struct ipam_add_reply add;
                struct err err;

                server_start(&server);
                assert_ok(ipam_client_connect(server.path, TEST_PATIENCE_MS, &client, &err), &err);
                assert_ok(ipam_add(client, &request, &add, &err), &err);
                server_stop(&server);
                assert_int_equal(add.n_addresses, 1);
                assert_string_equal(IP_TEXT(add.addresses[0].address), "10.0.1.5");
                assert_string_equal(IP_TEXT(add.addresses[0].gateway), "169.254.1.1");
                assert_string_equal(add.addresses[0].eni_id, "eni-1");
                assert_true(add.reused && add.addresses[0].device_index == 2 && add.addresses[0].mtu == 9001);
                assert_contains(server.call, "\"method\":\"io.vpcwire.ipam.Add\"");
                assert_contains(server.call, "\"container_id\":\"c1\"");
                assert_null(strstr(server.call, "pod_name"));
        }
}

/* A message with the NUL that ends it, and bytes without. */
#define WHOLE(text) (text), sizeof(text)
#define PART(text)  (text), sizeof(text) - 1

static void test_client_against_bad_servers(void **state _unused_)
{
        static const struct {
                const char *bytes;
                size_t n;
                bool close_early, hang;
                enum err_code code;
                const char *text;
        } cases[] = {
                {PART(""), false, true, ERR_TIMEOUT, "did not answer in time"},
                {PART("{\"para"), false, true, ERR_TIMEOUT, "did not answer in time"},
                {PART(""), false, false, ERR_AGAIN, "closed the connection"},
                {PART("{\"para"), false, false, ERR_AGAIN, "closed the connection"},
                {PART(""), true, false, ERR_AGAIN, "closed the connection"},
                {WHOLE("nonsense"), false, false, ERR_PROTOCOL, "not JSON"},
                {WHOLE(""), false, false, ERR_PROTOCOL, "empty"},
                {WHOLE("{\"parameters\":{}}"), false, false, ERR_PROTOCOL, "released"},
                {WHOLE("{\"parameters\":{\"released\":7}}"), false, false, ERR_PROTOCOL, "released"},
                {WHOLE("{\"error\":\"io.vpcwire.ipam.NoAddress\",\"parameters\":{\"reason\":\"full\"}}"),
                 false, false, ERR_AGAIN, "full"},
                {WHOLE("{\"error\":\"org.varlink.service.PermissionDenied\"}"), true, false, ERR_DENIED,
                 "Permission"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct server server = {.bytes = cases[i].bytes,
                                        .n = cases[i].n,
                                        .piece = 7,
                                        .close_early = cases[i].close_early,
                                        .hang = cases[i].hang};
                const struct ipam_del_request request = {"net", "c1", "eth0"};
                struct ipam_del_reply reply = {.released = true};
                struct ipam_client *client = NULL;
                struct err err;
                int r;

                server_start(&server);
                assert_ok(ipam_client_connect(server.path, cases[i].hang ? 50 : TEST_PATIENCE_MS, &client,
                                              &err),
                          &err);
                r = ipam_del(client, &request, &reply, &err);
                if (r != -(int)cases[i].code)
                        fail_msg("case %zu: %d %s", i, r, err.msg);
                assert_contains(err.msg, cases[i].text);
                assert_true(reply.released); /* untouched */
                ipam_client_free(client);
                server_stop(&server);
        }
}

static void test_client_without_a_server(void **state _unused_)
{
        char folder[] = "/tmp/vw-ipam-XXXXXX", path[64], longest[200] = "/";
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct ipam_client *client = NULL;
        struct err err;
        int fd;

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/s", folder);
        assert_fails(ipam_client_connect(path, 100, &client, &err), ERR_NOT_FOUND);
        assert_contains(err.msg, path);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd); /* no daemon listens on what is left */
        assert_fails(ipam_client_connect(path, 100, &client, &err), ERR_AGAIN);
        memset(longest + 1, 'x', sizeof(longest) - 2);
        assert_fails(ipam_client_connect(longest, 100, &client, &err), ERR_INVALID);
        assert_fails(ipam_client_connect("", 100, &client, &err), ERR_INVALID);
        assert_null(client);
        unlink(path);
        rmdir(folder);
}

static void test_client_with_a_full_backlog(void **state _unused_)
{
        char folder[] = "/tmp/vw-ipam-XXXXXX";
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct varlink_client *clients[3] = {0};
        struct err err;
        int fd, r = 0;

        assert_non_null(mkdtemp(folder));
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 0), 0);
        for (size_t i = 0; i < ARRAY_SIZE(clients) && r == 0; i++)
                r = varlink_client_connect(address.sun_path, 100, &clients[i], &err);
        assert_int_equal(r, -ERR_TIMEOUT); /* it hangs; ERR_AGAIN is one that does not run */
        assert_contains(err.msg, "too many clients");
        for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
                varlink_client_free(clients[i]);
        close(fd);
        unlink(address.sun_path);
        rmdir(folder);
}

static void test_client_refuses_a_senseless_timeout(void **state _unused_)
{
        struct server server = {.piece = 1};
        const struct ipam_add_request request = {.network = "n",
                                                 .container_id = "c",
                                                 .ifname = "i",
                                                 .timeout_ms = IPAM_ADD_TIMEOUT_MS_MAX + 1};
        struct ipam_client *client = NULL;
        struct ipam_add_reply reply;
        struct err err;

        server_start(&server);
        assert_ok(ipam_client_connect(server.path, 1000, &client, &err), &err);
        assert_fails(ipam_add(client, &request, &reply, &err), ERR_INVALID);
        ipam_client_free(client);
        server_stop(&server);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_types_round_trip),
                cmocka_unit_test(test_methods_by_name),
                cmocka_unit_test(test_what_must_be_there),
                cmocka_unit_test(test_version_0_1_0),
                cmocka_unit_test(test_errors_of_version_0_1_0),
                cmocka_unit_test(test_names_from_the_future),
                cmocka_unit_test(test_the_list_of_addresses_counts),
                cmocka_unit_test(test_enums_by_name),
                cmocka_unit_test(test_request_limits),
                cmocka_unit_test(test_errors_round_trip),
                cmocka_unit_test(test_errors_of_others),
                cmocka_unit_test(test_client_add_in_pieces),
                cmocka_unit_test(test_client_against_bad_servers),
                cmocka_unit_test(test_client_without_a_server),
                cmocka_unit_test(test_client_with_a_full_backlog),
                cmocka_unit_test(test_client_refuses_a_senseless_timeout),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
