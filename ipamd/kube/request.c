// SPDX-License-Identifier: Apache-2.0
#include "kube/request.h"

#include <string.h>

#include <vpcwire/file.h>

struct http_options request_options(const char *authority)
{
        return (struct http_options){.max_body_bytes = REQUEST_REPLY_BYTES_MAX,
                                     .timeout_ms = REQUEST_TIMEOUT_MS,
                                     .connect_timeout_ms = REQUEST_CONNECT_TIMEOUT_MS,
                                     .https_only = true,
                                     .no_proxy = true,
                                     .ca_file = authority};
}

static void wipe(char **secret)
{
        if (*secret)
                explicit_bzero(*secret, strlen(*secret));
        free(*secret);
}

/* "Bearer ...", owned by the caller, who wipes it. */
static int read_token(const char *file, char **ret, struct err *err)
{
        _cleanup_(wipe) char *token = NULL;
        size_t n;

        if (file_read(file, REQUEST_TOKEN_BYTES_MAX, &token, NULL, err) < 0)
                return err_wrap(err, "the service account's token");
        n = strcspn(token, "\r\n");
        if (n == 0 || token[n + strspn(token + n, "\r\n")] != '\0')
                return err_set(err, ERR_INVALID, "%s does not hold a token in one line", file);
        *ret = xasprintf("Bearer %.*s", (int)n, token);
        return 0;
}

int request_start(struct http_loop *client, const char *token_file, const struct request *request,
                  struct err *err)
{
        _cleanup_(wipe) char *token = NULL;
        int r = read_token(token_file, &token, err);

        if (r < 0)
                return r;
        const struct http_header headers[] = {{"Content-Type", request->content_type},
                                              {"Accept", "application/json"},
                                              {"Authorization", token}};
        return http_loop_start(client,
                               &(const struct http_request){.method = request->method,
                                                            .url = request->url,
                                                            .headers = headers,
                                                            .n_headers = ARRAY_SIZE(headers),
                                                            .body = request->body,
                                                            .body_bytes = strlen(request->body)},
                               err);
}
