// SPDX-License-Identifier: Apache-2.0
/* URLs, by curl's own parser: what is checked here is then what curl connects to. */
#include "client/http.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

DEFINE_CLEANUP(CURLU *, curl_url_cleanup)

static char *url_part(CURLU *url, CURLUPart part)
{
        char *value = NULL, *copy;

        if (curl_url_get(url, part, &value, 0) != CURLUE_OK)
                return NULL;
        copy = xstrdup(value);
        curl_free(value);
        return copy;
}

int http_parse_endpoint(const char *endpoint, char **ret_url, char **ret_host, struct err *err)
{
        _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();
        _cleanup_free_ char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *user = NULL,
                            *query = NULL, *fragment = NULL, *authority = NULL;
        bool is_http;

        if (!url)
                abort(); /* out of memory, see mem.h */
        if (curl_url_set(url, CURLUPART_URL, endpoint, 0) != CURLUE_OK)
                return err_set(err, ERR_INVALID, "endpoint '%s' is not 'http[s]://host[:port]'", endpoint);
        scheme = url_part(url, CURLUPART_SCHEME);
        host = url_part(url, CURLUPART_HOST);
        port = url_part(url, CURLUPART_PORT);
        path = url_part(url, CURLUPART_PATH);
        user = url_part(url, CURLUPART_USER);
        query = url_part(url, CURLUPART_QUERY);
        fragment = url_part(url, CURLUPART_FRAGMENT);
        is_http = scheme && strcmp(scheme, "http") == 0;
        if (!scheme || (!is_http && strcmp(scheme, "https") != 0) || !host || user || query || fragment ||
            (path && strcmp(path, "/") != 0))
                return err_set(err, ERR_INVALID, "endpoint '%s' is not 'http[s]://host[:port]'", endpoint);
        if (port && strcmp(port, is_http ? "80" : "443") == 0)
                free(TAKE_PTR(port));
        authority = xasprintf("%s%s%s", host, port ? ":" : "", port ?: "");
        *ret_url = xasprintf("%s://%s", scheme, authority);
        *ret_host = TAKE_PTR(authority);
        return 0;
}

int http_parse_url(const char *text, struct http_url *ret, struct err *err)
{
        _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();
        _cleanup_free_ char *scheme = NULL, *user = NULL, *password = NULL, *fragment = NULL;

        if (!url)
                abort(); /* out of memory, see mem.h */
        if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
                return err_set(err, ERR_INVALID, "it is not a URL");
        scheme = url_part(url, CURLUPART_SCHEME);
        user = url_part(url, CURLUPART_USER);
        password = url_part(url, CURLUPART_PASSWORD);
        fragment = url_part(url, CURLUPART_FRAGMENT);
        if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
                return err_set(err, ERR_INVALID, "it is not an http:// or https:// URL");
        if (user || password || fragment)
                return err_set(err, ERR_INVALID, "its URL has a user, a password or a fragment");
        ret->is_https = strcmp(scheme, "https") == 0;
        ret->url = url_part(url, CURLUPART_URL);
        ret->host = url_part(url, CURLUPART_HOST);
        return 0;
}

void http_url_done(struct http_url *url)
{
        free(url->url);
        free(url->host);
        *url = (struct http_url){0};
}
