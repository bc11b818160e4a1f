# The RPC's codec, its client, and the typed requests and replies.
vw_test(jsonx vpcwire_rpc)
vw_test(varlink vpcwire_rpc)
vw_test(ipam vpcwire_rpc Threads::Threads)
target_compile_definitions(test_ipam PRIVATE IPAM_RECORD="${CMAKE_CURRENT_SOURCE_DIR}/ipam_0_1_0.json")
# What makes its types and tables.
add_test(NAME ipam_generate COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_ipam_generate.py ${CMAKE_C_COMPILER})
