vw_test(config ipamd_config)
vw_test(config_egress ipamd_config)
