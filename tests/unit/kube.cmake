# Events: pure parts as tables. The sender is tested with the daemon (integration/test_events.py).
vw_test(notices ipamd_kube vpcwire)
vw_test(event ipamd_kube vpcwire)
vw_test(alarm ipamd_report vpcwire)
