vw_test(node_want ipamd_node)
# The others share a host made of namespaces.
foreach(name node_sync node_check node_pool node_monitor node_packets node_marks node_guards)
        vw_test(${name} ipamd_node)
        target_sources(test_${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/node_world.c)
endforeach()
foreach(name node_packets node_marks node_guards)
        target_sources(test_${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/node_packets.c)
endforeach()
