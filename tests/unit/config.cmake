vw_test(config ipamd_config)
