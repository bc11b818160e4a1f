# The CNI plugin: pure parts, the order of checks, and the wire in real namespaces (root).
vw_test(cni_args cni_core)
vw_test(cni_netconf cni_core)
vw_test(cni_result cni_core)
vw_test(cni_call cni_core)
vw_test(cni_wire cni_core)
# Every request to the kernel can be made to fail, to see that nothing stays behind.
target_link_options(test_cni_wire PRIVATE
        -Wl,--wrap=netlink_request,--wrap=netlink_get,--wrap=netlink_batch_commit,--wrap=sysctl_write)
