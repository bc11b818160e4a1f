// SPDX-License-Identifier: Apache-2.0
#include "config/table.h"

#include <limits.h>
#include <string.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/nearest.h>

#define FIELD(member) offsetof(struct config, member)

/* Names of aws-vpc-cni where the meaning is the same; ours begin with VPCWIRE_. Sorted by theme, as --help shows them. */
const struct setting settings[] = {
        {"WARM_ENI_TARGET", SETTING_NUMBER, FIELD(targets.warm_eni), "1", 0, 100, .low_is_unset = true,
         .reloadable = true, .help = "free addresses kept ready for new pods, counted in whole ENIs"},
        {"WARM_IP_TARGET", SETTING_NUMBER, FIELD(targets.warm_ip), NULL, 0, 10000, .low_is_unset = true,
         .reloadable = true, .has = FIELD(targets.has_warm_ip),
         .help = "free addresses kept ready for new pods; overrides WARM_ENI_TARGET"},
        {"MINIMUM_IP_TARGET", SETTING_NUMBER, FIELD(targets.minimum_ip), NULL, 0, 10000, .low_is_unset = true,
         .reloadable = true, .has = FIELD(targets.has_minimum_ip),
         .help = "addresses that the node has at least, in use or free; overrides WARM_ENI_TARGET"},
        {"MAX_ENI", SETTING_NUMBER, FIELD(targets.max_eni), NULL, 1, 10000, .low_is_unset = true,
         .reloadable = true,
         .help = "most ENIs, the primary one included; unset: as many as the instance type allows"},
        {"VPCWIRE_MAX_PODS", SETTING_NUMBER, FIELD(targets.max_pods), NULL, 1, 10000, .reloadable = true,
         .help = "most addresses in the pool; unset: as many as the ENIs can have"},
        {"IP_COOLDOWN_PERIOD", SETTING_NUMBER, FIELD(ip_cooldown_s), "30", 0, 3600, .reloadable = true,
         .differs = "yes; aws-vpc-cni counts cooling addresses as free",
         .help = "seconds before a released address is given to another pod"},
        {"VPCWIRE_SHRINK_DELAY", SETTING_NUMBER, FIELD(targets.shrink_delay_s), "60", 1, 86400,
         .reloadable = true,
         .help = "seconds that surplus addresses, and a new ENI, are kept before they are given back to EC2"},
        {"VPCWIRE_ORPHAN_GRACE_PERIOD", SETTING_NUMBER, FIELD(orphan_grace_s), "60", 1, 86400,
         .reloadable = true,
         .help = "seconds that a pod's host link must be missing before its lease is reclaimed"},
        {"VPCWIRE_RESYNC_PERIOD", SETTING_NUMBER, FIELD(resync_period_s), "1800", 10, 86400,
         .old_name = "VPCWIRE_LOOK_PERIOD", .reloadable = true, .help = "seconds between two syncs with EC2"},
        {"AWS_VPC_ENI_MTU", SETTING_NUMBER, FIELD(eni_mtu), "9001", 576, 9001,
         .help = "MTU of the ENIs' links"},
        {"POD_MTU", SETTING_NUMBER, FIELD(pod_mtu), NULL, 576, 9001,
         .help = "MTU of the pods' links; unset: AWS_VPC_ENI_MTU"},
        {"AWS_VPC_K8S_CNI_EXTERNALSNAT", SETTING_FLAG, FIELD(egress.external_snat), "false",
         .reloadable = true,
         .help = "true: no SNAT on the node; a NAT gateway must translate the pods' addresses outside the "
                 "VPC"},
        {"AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", SETTING_CIDRS, FIELD(egress.exempt), NULL, .reloadable = true,
         .help = "CIDRs outside the VPC that pods reach with their own addresses, without SNAT"},
        {"AWS_VPC_K8S_CNI_RANDOMIZESNAT", SETTING_SNAT_PORTS, FIELD(egress.snat_ports), "prng",
         .reloadable = true,
         .help = "source ports with SNAT: prng and hashrandom are random, none keeps the pod's port if it is "
                 "free"},
        {"AWS_EXTERNAL_SERVICE_CIDRS", SETTING_CIDRS, FIELD(egress.external_services), NULL,
         .reloadable = true,
         .help = "CIDRs that all pods reach by the main routing table, whichever ENI their address is on"},
        {"AWS_VPC_CNI_NODE_PORT_SUPPORT", SETTING_FLAG, FIELD(egress.node_ports), "true", .reloadable = true,
         .help = "NodePort connections that arrive on the primary ENI are answered through it"},
        {"AWS_VPC_K8S_CNI_CONNMARK", SETTING_MARK, FIELD(egress.mark), DATAPLANE_TEXT(DATAPLANE_CONNMARK),
         .help = "packet mark of connections that must use the primary ENI"},
        {"AWS_VPC_K8S_CNI_VETHPREFIX", SETTING_VETH_PREFIX, FIELD(veth_prefix), "eni",
         .help = "prefix of the names of pods' host links; the plugin's vethPrefix must be the same"},
        {"VPCWIRE_BLOCK_IMDS", SETTING_BOOL, FIELD(block_imds), "false", .reloadable = true,
         .help = "true: pods cannot reach the instance metadata service, unless they use the host's network"},
        {"CLUSTER_NAME", SETTING_TEXT, FIELD(cluster_name), NULL,
         .help = "the cluster's name, as a tag on the ENIs that ipamd creates"},
        {"ENABLE_SUBNET_DISCOVERY", SETTING_FLAG, FIELD(finds_subnets), "true",
         .help = "when the node's subnet is full, create ENIs in others of its zone that have the tag "
                 "kubernetes.io/role/cni=1"},
        {"ADDITIONAL_ENI_TAGS", SETTING_TAGS, 0, "{}",
         .help = "more tags for these ENIs, as a JSON object; keys that contain k8s.amazonaws.com are left "
                 "out"},
        {"AWS_REGION", SETTING_TEXT, FIELD(region), NULL, .second_name = "AWS_DEFAULT_REGION", .sdk = true,
         .help = "AWS region; unset: from the instance metadata"},
        {"AWS_EC2_ENDPOINT", SETTING_URL, FIELD(ec2_endpoint), NULL, .second_name = "AWS_ENDPOINT_URL_EC2",
         .third_name = "AWS_ENDPOINT_URL", .help = "URL of the EC2 API; unset: the region's endpoint"},
        {"AWS_ENDPOINT_URL_STS", SETTING_URL, FIELD(sts_endpoint), NULL, .second_name = "AWS_ENDPOINT_URL",
         .sdk = true, .help = "URL of STS, for web identities (IRSA); unset: the region's endpoint"},
        {"AWS_USE_FIPS_ENDPOINT", SETTING_BOOL, FIELD(use_fips), "false", .sdk = true,
         .help = "use the region's FIPS endpoints"},
        {"AWS_USE_DUALSTACK_ENDPOINT", SETTING_BOOL, FIELD(use_dualstack), "false", .sdk = true,
         .help = "use the region's dual-stack endpoints (IPv4 and IPv6)"},
        {"AWS_CA_BUNDLE", SETTING_PATH, FIELD(ca_file), NULL, .sdk = true,
         .help = "PEM file of the CA certificates that EC2 and STS are verified with; unset: the system's"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT", SETTING_URL, FIELD(imds_endpoint), NULL, .sdk = true,
         .help = "URL of the instance metadata service; unset: its link-local address"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", SETTING_IP_MODE, FIELD(imds_ipv6), "IPv4", .sdk = true,
         .help = "IPv4 (169.254.169.254) or IPv6 (fd00:ec2::254)"},
        {"HTTP_TIMEOUT", SETTING_NUMBER, FIELD(http_timeout_s), "10", 1, 300,
         .differs = "yes; aws-vpc-cni allows 10 and more only", .help = "seconds an EC2 call may take"},
        {"AWS_VPC_K8S_CNI_LOGLEVEL", SETTING_LOG_LEVEL, FIELD(log_level), "info", .reloadable = true,
         .differs = "yes; aws-vpc-cni's default is DEBUG", .help = "debug, info, warn or error"},
        {"VPCWIRE_LOG_FORMAT", SETTING_LOG_FORMAT, FIELD(log_format), "auto",
         .help = "text (key=value), json, or auto: text on a terminal"},
        {"MY_NODE_NAME", SETTING_TEXT, FIELD(node_name), NULL,
         .help = "this Node's name in Kubernetes, for Events and metrics; unset: no Events are sent"},
        {"CLUSTER_ENDPOINT", SETTING_URL, FIELD(cluster_endpoint), NULL,
         .help = "https:// URL of the Kubernetes API server; unset: KUBERNETES_SERVICE_HOST and _PORT"},
        {"KUBERNETES_SERVICE_HOST", SETTING_TEXT, FIELD(service_host), NULL, .differs = "of Kubernetes",
         .help = "set by Kubernetes in its pods"},
        {"KUBERNETES_SERVICE_PORT", SETTING_NUMBER, FIELD(service_port), "443", 1, 65535,
         .differs = "of Kubernetes", .help = "set by Kubernetes in its pods"},
        {"VPCWIRE_SERVICE_ACCOUNT", SETTING_PATH, FIELD(account_folder),
         "/var/run/secrets/kubernetes.io/serviceaccount",
         .help = "folder with the service account's token and ca.crt; without it no Events are sent"},
        {"AWS_VPC_K8S_CNI_BACKING_STORE", SETTING_PATH, FIELD(backing_store), "/var/run/aws-node/ipam.json",
         .help = "aws-vpc-cni's checkpoint; the running pods in it are adopted when ipamd's database is new",
         .differs = "yes, for reading"},
        {"HOST_CNI_BIN_PATH", SETTING_PATH, FIELD(host_bin_folder), NULL,
         .differs = "yes; aws-vpc-cni's default is /host/opt/cni/bin",
         .help = "the host's folder of CNI plugins, for `ipamd install`"},
        {"HOST_CNI_CONFDIR_PATH", SETTING_PATH, FIELD(host_conf_folder), NULL,
         .differs = "yes; aws-vpc-cni's default is /host/etc/cni/net.d",
         .help = "the host's folder of network configurations; the daemon installs ours there once it can "
                 "serve; unset: it does not"},
        {"HOST_TMPFILES_PATH", SETTING_PATH, FIELD(host_tmpfiles_folder), NULL,
         .help = "the host's /etc/tmpfiles.d, for a rule that removes our network configuration at each "
                 "boot, until ipamd can serve"},
        {"VPCWIRE_PLUGIN", SETTING_PATH, FIELD(plugin_path), "/usr/lib/vpcwire/vpcwire",
         .help = "the CNI plugin that `ipamd install` copies"},
        {"VPCWIRE_CONFLIST", SETTING_PATH, FIELD(conflist_path), "/usr/share/vpcwire/10-aws.conflist",
         .help = "the network configuration that the daemon installs"},
        {"VPCWIRE_CONFLIST_NAME", SETTING_FILE_NAME, FIELD(conflist_name), "10-aws.conflist",
         .help = "the network configuration's name on the host; runtimes use the first in alphabetical "
                 "order"},
        {"VPCWIRE_AWS_CNI_LINK", SETTING_BOOL, FIELD(aws_cni_link), "false",
         .help = "true: also install the plugin under the name aws-cni, for network configurations that name "
                 "it"},
        {"VPCWIRE_SYSCTL_FOLDER", SETTING_PATH, FIELD(sysctl_folder), "/proc/sys",
         .help = "where sysctls can be written, if not in /proc/sys"},
        {"XTABLES_LOCKFILE", SETTING_PATH, FIELD(xtables_lock), "/run/xtables.lock", .differs = "of iptables",
         .help = "the lock of iptables-legacy, taken while aws-vpc-cni's chains are removed from it"},
        {"VPCWIRE_DB", SETTING_PATH, FIELD(db_path), "/run/vpcwire/ipam.db", .help = "the database"},
        {"VPCWIRE_SOCKET", SETTING_SOCKET, FIELD(socket_path), "/run/vpcwire/ipamd.sock",
         .help = "the RPC socket"},
        {"VPCWIRE_METRICS_BIND_ADDRESS", SETTING_BIND, FIELD(metrics_bind), ":61678",
         .help = "where Prometheus reads /metrics"},
        {"DISABLE_METRICS", SETTING_FLAG, FIELD(no_metrics), "false", .help = "no /metrics"},
        {"INTROSPECTION_BIND_ADDRESS", SETTING_BIND, FIELD(introspection_bind), "127.0.0.1:61679",
         .help = "where the node's page, /v1, /healthz and /readyz are served"},
        {"DISABLE_INTROSPECTION", SETTING_FLAG, FIELD(no_introspection), "false", .help = "none of these"},
};

const size_t n_settings = ARRAY_SIZE(settings);

const struct setting *setting_find(const char *name)
{
        for (size_t i = 0; i < n_settings; i++) {
                if (strcmp(settings[i].name, name) == 0 ||
                    (settings[i].old_name && strcmp(settings[i].old_name, name) == 0))
                        return &settings[i];
        }
        return NULL;
}

const char *setting_nearest(const char *name, unsigned *ret_distance)
{
        const char *best = settings[0].name;
        unsigned least = UINT_MAX;

        for (size_t i = 0; i < n_settings; i++) {
                /* WARM_ENI is the beginning of WARM_ENI_TARGET, though MAX_ENI has fewer other letters. */
                bool begins = strncmp(settings[i].name, name, strlen(name)) == 0;
                unsigned distance = begins ? 0 : nearest_distance(name, settings[i].name);

                if (distance < least) {
                        best = settings[i].name;
                        least = distance;
                }
        }
        if (ret_distance)
                *ret_distance = nearest_distance(name, best);
        return best;
}
