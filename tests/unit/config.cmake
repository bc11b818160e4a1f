vw_test(config ipamd_config)
vw_test(config_border ipamd_config)
