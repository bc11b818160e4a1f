vw_test(config ipamd_config)
vw_test(config_egress ipamd_config)
vw_test(config_reload ipamd_config)
