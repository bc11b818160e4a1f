# The RPC's codec, its client, and the typed requests and replies.
vw_test(jsonx vpcwire_rpc)
vw_test(varlink vpcwire_rpc)
vw_test(ipam vpcwire_rpc Threads::Threads)
