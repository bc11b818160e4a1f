vw_test(bind vpcwire)
vw_test(diff vpcwire_net)
vw_test(net vpcwire_net)
vw_test(firewall vpcwire_firewall)
