// SPDX-License-Identifier: Apache-2.0

// coredns is CoreDNS with the plugins that the tests' cluster names in its configuration, and no more: all of them are some thousand packages.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	dnsserver.Directives = []string{"ready", "health", "errors", "cache", "kubernetes"} // in the order of CoreDNS' own list
	coremain.Run()
}
