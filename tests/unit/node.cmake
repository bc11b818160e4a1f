vw_test(node_want ipamd_node)
vw_test(node_wired ipamd_node)
# A kernel that lacks something is made of these.
vw_test(node_kernel ipamd_node)
target_link_options(test_node_kernel PRIVATE -Wl,--wrap=uname,--wrap=unshare,--wrap=prctl,--wrap=netlink_request,--wrap=rule_dump)
# The others share a host made of namespaces.
foreach(name node_sync node_check node_pool node_monitor node_packets node_marks node_guards)
        vw_test(${name} ipamd_node)
        target_sources(test_${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/node_world.c)
endforeach()
foreach(name node_packets node_marks node_guards)
        target_sources(test_${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/node_packets.c)
endforeach()
