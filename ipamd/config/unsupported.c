// SPDX-License-Identifier: Apache-2.0
#include "config/unsupported.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "config/value.h"
#include "config/warn.h"

#define IGNORED UNSUPPORTED_IGNORED
#define WARNED  UNSUPPORTED_WARNED
#define REFUSED UNSUPPORTED_REFUSED

/* Of v1.23, sorted by theme as the others. With those of table.c they are all that it reads. */
const struct unsupported_setting unsupported_settings[] = {
        {"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "false", NULL, REFUSED,
         "pods would get the node's subnet and security groups, not those of an ENIConfig",
         "keep aws-vpc-cni on these nodes, or unset it where the node's subnet and security groups will do"},
        {"ENI_CONFIG_ANNOTATION_DEF", NULL, NULL, IGNORED, "only for AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
         NULL},
        {"ENI_CONFIG_LABEL_DEF", NULL, NULL, IGNORED, "only for AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", NULL},
        {"ENABLE_POD_ENI", "false", NULL, REFUSED,
         "pods would have the node's security groups, whatever a SecurityGroupPolicy says",
         "keep aws-vpc-cni on these nodes, or unset it where no SecurityGroupPolicy is used"},
        {"POD_SECURITY_GROUP_ENFORCING_MODE", NULL, NULL, IGNORED, "only for ENABLE_POD_ENI", NULL},
        {"DISABLE_TCP_EARLY_DEMUX", NULL, NULL, IGNORED, "only for ENABLE_POD_ENI", NULL},
        {"ENABLE_IPv6", "false", NULL, REFUSED,
         "pods get IPv4 addresses only, and the cluster is an IPv6 one", "keep aws-vpc-cni in this cluster"},
        {"ENABLE_IPv4", "true", NULL, REFUSED, "pods get IPv4 addresses only",
         "keep aws-vpc-cni in this cluster"},
        {"ENABLE_V4_EGRESS", NULL, NULL, IGNORED, "only for ENABLE_IPv6", NULL},
        {"ENABLE_V6_EGRESS", "false", NULL, WARNED, "pods get no IPv6 address, so they have no IPv6 egress",
         "keep aws-vpc-cni where pods need IPv6"},
        {"DISABLE_POD_V6", "false", NULL, WARNED,
         "IPv6 stays enabled in pods (with link-local addresses only)",
         "add the tuning plugin with net.ipv6.conf.all.disable_ipv6 to the network configuration "
         "(VPCWIRE_CONFLIST)"},
        {"ENABLE_MULTI_NIC", "false", NULL, REFUSED,
         "pods get one interface, on the first network card, whatever their annotation says",
         "keep aws-vpc-cni on these nodes"},
        {"ENABLE_PREFIX_DELEGATION", "false", NULL, WARNED,
         "ENIs get single addresses, not prefixes, so fewer pods fit on the node",
         "set kubelet's maxPods to what ipamctl doctor says"},
        {"WARM_PREFIX_TARGET", NULL, NULL, IGNORED, "only for ENABLE_PREFIX_DELEGATION", NULL},
        {"DISABLE_NETWORK_RESOURCE_PROVISIONING", "false", NULL, REFUSED,
         "ipamd would create ENIs and assign addresses, which another component is meant to do",
         "keep aws-vpc-cni on these nodes, or let ipamd do it and unset it"},
        {"ENABLE_IMDS_ONLY_MODE", "false", NULL, REFUSED,
         "ipamd would create ENIs and assign addresses, which is not meant to happen in this mode",
         "keep aws-vpc-cni on these nodes, or let ipamd do it and unset it"},
        {"MANAGE_UNTAGGED_ENI", "false", NULL, IGNORED, "an ENI without our tag is not touched", NULL},
        {"AWS_MANAGE_ENIS_NON_SCHEDULABLE", "true", NULL, IGNORED,
         "ipamd treats a cordoned node like any other", NULL},
        {"DISABLE_LEAKED_ENI_CLEANUP", "false", NULL, IGNORED,
         "only unattached ENIs that this instance created are deleted; their tags say which", NULL},
        {"NETWORK_POLICY_ENFORCING_MODE", NULL, "strict", WARNED,
         "no NetworkPolicy is enforced, so new pods do not start closed",
         "run a policy engine beside ipamd before the change-over (deploy/README.md)"},
        {"ENABLE_BANDWIDTH_PLUGIN", "false", NULL, WARNED,
         "annotations like kubernetes.io/ingress-bandwidth have no effect",
         "add the bandwidth plugin to the network configuration (VPCWIRE_CONFLIST)"},
        {"ANNOTATE_POD_IP", "false", NULL, WARNED, "pods get no annotation vpc.amazonaws.com/pod-ips",
         "read the addresses from the pods' status instead"},
        {"ENABLE_NFTABLES", NULL, NULL, IGNORED, "ipamd always uses nftables", NULL},
        {"AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER", NULL, NULL, IGNORED,
         "only old versions of aws-vpc-cni have it", NULL},
        {"AWS_VPC_K8S_CNI_LOG_FILE", NULL, NULL, IGNORED, "ipamd logs to standard error: see kubectl logs",
         NULL},
        {"AWS_VPC_K8S_PLUGIN_LOG_FILE", NULL, NULL, IGNORED,
         "the plugin returns errors to the runtime, and kubelet logs them", NULL},
        {"AWS_VPC_K8S_PLUGIN_LOG_LEVEL", NULL, NULL, IGNORED, "the plugin logs errors only", NULL},
        {"AWS_VPC_K8S_EGRESS_V4_PLUGIN_LOG_FILE", NULL, NULL, IGNORED, "only for ENABLE_V4_EGRESS", NULL},
        {"AWS_VPC_K8S_EGRESS_V6_PLUGIN_LOG_FILE", NULL, NULL, IGNORED, "only for ENABLE_V6_EGRESS", NULL},
        {"VPC_CNI_VERSION", NULL, NULL, IGNORED, "it is the version of aws-vpc-cni", NULL},
        {"VPC_ID", NULL, NULL, IGNORED, "ipamd reads it from the instance metadata", NULL},
        {"MY_POD_NAME", NULL, NULL, IGNORED, "Events are about the Node, not the pod", NULL},
};

const size_t n_unsupported_settings = ARRAY_SIZE(unsupported_settings);
static_assert(ARRAY_SIZE(unsupported_settings) <= CONFIG_UNSUPPORTED_MAX,
              "a row has no room in struct config");

const struct unsupported_setting *unsupported_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(unsupported_settings); i++) {
                if (strcmp(unsupported_settings[i].name, name) == 0)
                        return &unsupported_settings[i];
        }
        return NULL;
}

void unsupported_take(struct config *config, const struct unsupported_setting *setting, const char *value,
                      const char *where)
{
        config->unsupported[setting - unsupported_settings] =
                (struct config_unsupported){arena_strdup(config->arena, value), where};
}

static void warn_unsupported(struct config *config, const struct unsupported_setting *setting,
                             const char *value)
{
        config_warn(config, setting->name, "'%.64s' is not supported: %s; %s", value, setting->means,
                    setting->remedy);
}

/* What is no true or false is the default to aws-vpc-cni, and so what we do. */
static int check_flag(struct config *config, const struct unsupported_setting *setting,
                      const struct config_unsupported *found, struct err *err)
{
        bool does = strcmp(setting->does, "true") == 0, wanted;

        if (!config_parse_flag(found->value, &wanted))
                config_warn(config, setting->name,
                            "'%.64s' is not allowed, %s is used: true or false are allowed", found->value,
                            setting->does);
        else if (wanted == does)
                return 0;
        else if (setting->effect == UNSUPPORTED_REFUSED)
                return err_set(err, ERR_INVALID, "%s: '%.64s' is not supported, %s is allowed: %s; %s",
                               found->where, found->value, setting->does, setting->means, setting->remedy);
        else
                warn_unsupported(config, setting, found->value);
        return 0;
}

int unsupported_check(struct config *config, struct err *err)
{
        for (size_t i = 0; i < ARRAY_SIZE(unsupported_settings); i++) {
                const struct unsupported_setting *setting = &unsupported_settings[i];
                const struct config_unsupported *found = &config->unsupported[i];

                if (!found->value || !*found->value || setting->effect == UNSUPPORTED_IGNORED)
                        continue;
                if (setting->does && check_flag(config, setting, found, err) < 0)
                        return -ERR_INVALID;
                if (setting->lacks && strcasecmp(found->value, setting->lacks) == 0)
                        warn_unsupported(config, setting, found->value);
        }
        return 0;
}

json_t *unsupported_json(const struct unsupported_setting *setting)
{
        return setting->does ? json_boolean(strcmp(setting->does, "true") == 0) : NULL;
}

/* "true", "false", "strict": what is not done. */
static const char *asks(const struct unsupported_setting *setting)
{
        if (!setting->does)
                return setting->lacks;
        return strcmp(setting->does, "true") == 0 ? "false" : "true";
}

void unsupported_print(FILE *to)
{
        static const char *const effects[] = {[UNSUPPORTED_WARNED] = "is ignored, with a warning",
                                              [UNSUPPORTED_REFUSED] = "stops ipamd from starting"};

        fputs("\nSettings of aws-vpc-cni that are not supported (others that are not above are ignored):\n\n",
              to);
        for (size_t i = 0; i < ARRAY_SIZE(unsupported_settings); i++) {
                const struct unsupported_setting *setting = &unsupported_settings[i];

                if (setting->effect != UNSUPPORTED_IGNORED)
                        fprintf(to, "  %s=%s %s:\n      %s\n", setting->name, asks(setting),
                                effects[setting->effect], setting->means);
        }
}

void unsupported_print_markdown(FILE *to)
{
        fputs("\n## Settings of aws-vpc-cni that are not supported\n\n"
              "All settings of v1.23 that are not above. A warning is in the log, in `ipamctl status` and "
              "`ipamctl "
              "doctor`, and as an Event\n(`SettingNotFollowed`) about the Node.\n\n"
              "| name | what becomes of it | why, and what to do |\n|---|---|---|\n",
              to);
        for (size_t i = 0; i < ARRAY_SIZE(unsupported_settings); i++) {
                const struct unsupported_setting *setting = &unsupported_settings[i];

                fprintf(to, "| `%s` | ", setting->name);
                if (setting->effect == UNSUPPORTED_IGNORED)
                        fputs("ignored", to);
                else
                        fprintf(to, "`%s` %s", asks(setting),
                                setting->effect == UNSUPPORTED_REFUSED ? "stops ipamd from starting"
                                                                       : "is ignored, with a warning");
                fprintf(to, " | %s%s%s |\n", setting->means, setting->remedy ? "; " : "",
                        setting->remedy ?: "");
        }
}
